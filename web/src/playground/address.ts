// The address: "#curves?activation=gelu,relu&z=1.5" is a tab's id and what differs from its defaults.
import type {State, Tab} from "./tab";

export interface Place {
  tab: Tab;
  state: State;
  /** What the address asked for and the page does not have. */
  problems: string[];
}

/** Longer values are nobody's state. */
const longest = 20_000;

const quoted = (text: string) => `“${text.length > 40 ? `${text.slice(0, 40)}…` : text}”`;

/** Reads any string without harm: unknown tabs, keys and overlong values are named and left out. */
export function readAddress(hash: string, tabs: readonly Tab[]): Place {
  const [id = "", ...rest] = hash.replace(/^#/, "").split("?");
  const problems: string[] = [];
  const tab = tabs.find(candidate => candidate.id === id);
  if (!tab && id) problems.push(`There is no tab ${quoted(id)}.`);
  const place = tab ?? tabs[0]!;
  const state: Record<string, string> = {...place.defaults};
  for (const [key, value] of tab ? new URLSearchParams(rest.join("?")) : []) {
    if (!Object.hasOwn(place.defaults, key))
      problems.push(`${place.title} has no setting ${quoted(key)}.`);
    else if (value.length > longest)
      problems.push(`The value of ${key} is too long.`);
    else
      state[key] = value;
  }
  return {tab: place, state, problems};
}

export function writeAddress(tab: Tab, state: State): string {
  const changed = Object.entries(state).filter(([key, value]) => tab.defaults[key] !== value);
  const query =
      new URLSearchParams(changed).toString().replaceAll("%2C", ",").replaceAll("%28", "(").replaceAll("%29", ")");
  return `#${tab.id}${query ? `?${query}` : ""}`;
}

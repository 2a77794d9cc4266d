// The initializers as a list that is a chart: how much of the gradient reaches layer 1 with each, by theory.
import {h} from "../dom";
import {factor} from "../format";
import type {Fate, Lists} from "./engine";

/** Those that answer a question each come first; the others are variants and bad ideas. */
const groups: [string, string[]][] = [
  ["Textbook", ["xavier", "he", "lecun", "orthogonal"]],
  ["Defaults of frameworks", ["pytorch", "keras", "flax", "candle", "playground"]],
  ["From theory, for this activation", ["matched", "fixed_point", "backward", "critical"]]
];

/** Powers of ten at which a bar is full. */
const full = 12;

export class InitList {
  readonly element = h("fieldset.inits", h("legend", h("span", "Initializer"), h("span", "gradient at layer 1")));
  private readonly rows = new Map < string, {
    radio: HTMLInputElement;
    bar: HTMLElement;
    text: HTMLElement;
    row: HTMLElement;
    about: string
  }
  > ();

  constructor(known: Lists["initializers"], change: (name: string) => void) {
    const names = known.map(one => one.name);
    const about = new Map(known.map(({name, formula, source}) => [name, `${formula} (${source})`]));
    const rest = names.filter(name => !groups.some(([, members]) => members.includes(name)));
    const list = (members: string[]) => members.filter(name => names.includes(name)).map(name => {
      const radio = h("input", {type: "radio", name: "init", value: name, change: () => change(name)});
      const [bar, text] = [h("span.reach"), h("span.size")];
      const shown = name === "playground" ? "TF playground" : name.replaceAll("_", " ");
      const row = h("label", radio, h("span.name", shown), bar, text);
      this.rows.set(name, {radio, bar, text, row, about: about.get(name) ?? ""});
      return row;
    });
    for (const [title, members] of groups) this.element.append(h("p", title), ...list(members));
    this.element.append(h("details", h("summary", "Variants and bad ideas"), ...list(rest)));
  }

  choose(name: string): void {
    for (const [other, {radio}] of this.rows) radio.checked = other === name;
  }

  show(fates: Fate[]): void {
    for (const fate of fates) {
      const row = this.rows.get(fate.init);
      if (!row) continue;
      const log = fate.gradient_log10?.at(-1) ?? null;
      const known = log !== null && Number.isFinite(log);
      const kind = !known ? "none" : log < -1 ? "fades" : log > 1 ? "grows" : "stays";
      row.row.className = kind;
      // Why there is no such initializer here, for those who see and those who listen.
      row.row.title = fate.refused ?? row.about;
      row.radio.setAttribute("aria-description", row.row.title);
      row.bar.style.setProperty("--size", `${known ? Math.min(50, Math.max(4, (50 * Math.abs(log)) / full)) : 0}%`);
      row.text.textContent = fate.refused ? "none" : !known ? "–" : factor(10 ** log);
    }
  }
}

// What a tab of the playground is, and what the shell gives it.
import type {Engine} from "./engine";

/** What a tab shows, as strings; what is not there has the tab's default. */
export type State = Readonly<Record<string, string>>;

export interface Host {
  /** Shared by all tabs, for quick questions. */
  engine: Engine;
  /** Another worker, for what runs long; engine.end() stops it. */
  newEngine(): Engine;
  /** Merges into this tab's state, writes the address and calls update(). */
  set(changes: Record<string, string>): void;
  /** Another tab, with that state. */
  go(tab: string, state?: Record<string, string>): void;
  /** The command that reproduces what is shown. */
  command(text: string): void;
  /** Something that went wrong or that the reader should know, above the tab until its state changes. */
  notice(text: string): void;
  /** Told to screen readers when they have time. */
  announce(text: string): void;
}

export interface Mounted {
  /** Called once after mount() and on each change; `state` has every key of the tab's defaults. */
  update(state: State): void;
  /** The tab or the page is hidden. */
  pause(): void;
  resume(): void;
}

export interface Tab {
  id: string;
  title: string;
  /** The one question that the tab answers. */
  question: string;
  /** A sentence below it: what to do first. */
  hint: string;
  defaults: State;
  mount(into: HTMLElement, host: Host): Mounted;
}

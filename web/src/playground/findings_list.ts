// What is wrong with a net that trains, in plain words, with buttons that try what would help.
import {h} from "../dom";
import {number, prose} from "../format";
import {button} from "./controls";
import type {Finding} from "./engine";
import {remedies, type OwnKey} from "./train_options";

interface Options {
  /** Of the net. */
  name: string;
  announce: (text: string) => void;
  /** The net's setting now, how to set it, and how to train with it. */
  value: (key: OwnKey) => string;
  change: (key: OwnKey, value: string) => void;
  play: () => void;
}

export class FindingsList {
  readonly element = h("div.findings", {tabindex: 0, role: "group", "aria-label": "Diagnosis"});
  private readonly told = new Set<string>();

  constructor(private readonly options: Options) {}

  /** Another training begins, in which everything is news. */
  clear(): void { this.told.clear(); }

  /** `warnings` are what theory expects of a net that has not begun, `near` what no rule warns of yet; `now`: also what
   * is being read or pressed. */
  show(list: readonly Finding[], warnings: readonly string[], near: readonly string[], begun: boolean, now: boolean): void {
    const focus = now ? null : document.activeElement;
    if (focus && focus !== this.element && this.element.contains(focus)) return;
    this.element.replaceChildren(...(list.length ? list.map(finding => this.finding(finding))
            : warnings.length
            ? warnings.map(text => h("p.finding", h("b", "Theory warns "), prose(text)))
            : [h("p.finding.fine",
                  !begun        ? "Press Play. If something goes wrong, the reason appears here."
                      : near.length ? `Nothing unhealthy found, but close: ${near.join("; ")}.`
                                    : "Nothing unhealthy found.")]));
    for (const finding of list) {
      const key = `${finding.rule} ${finding.where}`;
      if (this.told.has(key)) continue;
      this.told.add(key);
      this.options.announce(`${this.options.name}, ${finding.severity}: ${prose(finding.message)}. Try ${finding.try}`);
    }
  }

  private finding(finding: Finding): HTMLElement {
    const critical = finding.severity === "critical";
    const buttons = remedies(finding.try).map(({text, changes}) => {
      const done =
          Object.entries(changes).every(([key, value]) => this.options.value(key as OwnKey) === value);
      return button(done ? `${text} (already set)` : `Try ${text}`, () => {
        for (const [key, value] of Object.entries(changes)) this.options.change(key as OwnKey, value);
        this.options.play();
      }, {disabled: done});
    });
    return h("article.finding", {class: `finding ${critical ? "refuted" : "conditional"}`},
        h("p", h("b", {class: "badge"}, h("i", critical ? "✕" : "!"), finding.rule.replaceAll("_", " ")),
            ` since step ${number(finding.since_step)}`),
        h("p", prose(finding.message), "."),
        buttons.length ? h("div.row", buttons) : h("p", h("b", "Try "), finding.try));
  }
}

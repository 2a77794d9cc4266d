// The unit or the weight that one has clicked: what leads into it, as sliders; and how to silence a unit or wake it.
import {h} from "../dom";
import {button, slider, type Control} from "./controls";
import type {Edit} from "./engine";

/** A weight, or a bias where there is no `from`. Layers count from 0, the output layer is the last. */
export interface Place {
  layer: number;
  to: number;
  from?: number;
}

/** What leads into a unit: names of what it comes from, and values; the bias last. */
export interface Incoming {
  title: string;
  names: string[];
  values: number[];
}

interface Options {
  edit(change: Edit): void;
  /** It was closed by the reader. */
  closed(): void;
}

export class UnitCard {
  readonly element = h("section.unit-card", {"aria-label": "The chosen unit", hidden: true});
  private place: Place|null = null;
  private sliders: {at: number; control: Control<number>}[] = [];

  constructor(private readonly options: Options) {
    this.element.addEventListener("keydown", event => event.key === "Escape" && this.close());
  }

  /** Of a unit all that leads into it, of a weight its own slider. `whole`: it is a hidden unit. */
  open(place: Place, incoming: Incoming, whole: boolean): void {
    this.place = place;
    const bias = incoming.values.length - 1;
    const shown = place.from === undefined ? incoming.values.map((_, i) => i) : [place.from];
    const reach = Math.max(2, ...incoming.values.map(v => 2 * Math.abs(v)));
    this.sliders = shown.map(at => ({
      at,
      control: slider({
        label: at === bias ? "bias" : `from ${incoming.names[at]}`,
        lowest: -reach,
        highest: reach,
        value: incoming.values[at]!,
        change: value => this.options.edit({layer: place.layer, to: place.to, value, ...(at === bias ? {} : {from: at})})
      })
    }));
    const act = (name: string, change: {kill: true}|{revive: true}, title: string) =>
        button(name, () => this.options.edit({layer: place.layer, to: place.to, ...change}), {title});
    this.element.replaceChildren(
        h("header", h("h3", incoming.title),
            whole && place.from === undefined ? [
              act("Kill", {kill: true}, "Sets its weights to 0 and its bias to −10: a ReLU is then 0 for every input"),
              act("Revive", {revive: true}, "Gives it the weights and the bias it began with")
            ] : null,
            button("×", () => this.close(), {class: "quiet", "aria-label": "Close"})),
        h("div.weights", this.sliders.map(s => s.control.element)));
    this.element.hidden = false;
  }

  /** What it is about, or none. */
  get shown(): Place|null { return this.place; }

  /** The values as they are now. */
  follow(incoming: Incoming): void { this.sliders.forEach(({at, control}) => control.set(incoming.values[at]!)); }

  hide(): void {
    this.place = null;
    this.element.hidden = true;
  }
  private close(): void {
    this.hide();
    this.options.closed();
  }
}

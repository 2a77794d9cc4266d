// What a net that trains is set to: its own settings, its layers, and how it differs from the net beside it.
import {h} from "../dom";
import {listed} from "../format";
import {builtIn} from "./activation_text";
import {button, formulaBox, select, toggle, type Control} from "./controls";
import type {Lists} from "./engine";
import type {State} from "./tab";
import {activationsOf, defaults, hiddenOf, joined, keyOf, most, own, ownKeys, type OwnKey, type Side} from "./train_options";

interface Options {
  side: Side;
  name: string;
  lists: Lists;
  set: (changes: Record<string, string>) => void;
  /** Refuses with the place of what is wrong. */
  checkFormula: (text: string) => Promise<unknown>;
  /** Of the layers of the net that is shown, where the state's cannot be read. */
  widths: () => number[];
}

const typed = "formula…";
const names: Record<OwnKey, string> = {
  hidden: "layers",
  activation: "activation",
  init: "initializer",
  optimizer: "optimizer",
  lr: "learning rate",
  "batch-size": "batch size",
  "weight-decay": "weight decay",
  dropout: "dropout",
  norm: "normalization",
  residual: "residual",
  "warmup-steps": "warm-up steps",
  "clip-norm": "clip norm",
  "label-smoothing": "label smoothing"
};

export class NetSettings {
  readonly element: HTMLElement;
  /** What is typed for layers whose activation is a formula. */
  readonly formulas = h("div.formulas");
  /** How it differs from the other net. */
  readonly differs = h("p.differs-text");
  /** Above the inputs and the answer. */
  readonly ends: {inputs: HTMLElement; output: HTMLElement};
  private state: State = defaults;
  private readonly controls = new Map<OwnKey, Control<string>>();
  private readonly layerHeads: {element: HTMLElement; activation: Control<string>; units: HTMLElement}[] = [];
  private readonly formulaBoxes = new Map<number, Control<string>>();

  constructor(private readonly options: Options) {
    this.element = this.choices(options.lists);
    this.ends = {
      inputs: h("div.head", h("span.head-name", "Inputs")),
      output: h("div.head", h("span.head-name", "Answer"),
          button("+ layer", () => this.changeLayers(hidden => [...hidden, hidden.at(-1) ?? 4]),
              {"aria-label": `${options.name}: add a layer`}))
    };
  }

  change(key: OwnKey, value: string): void {
    // A second net that does as the first has no setting of its own.
    const same = this.options.side === "b" && value === own(this.state, "a", key);
    this.options.set({[keyOf(this.options.side, key)]: same ? "" : value, steps: "0"});
  }

  private choices(lists: Lists): HTMLElement {
    const choice = (key: OwnKey, label: string, options: (string|{
      group: string;
      options: string[]
    })[]) => {
      const made = select({label, options, value: defaults[key]!, change: value => this.change(key, value)});
      this.controls.set(key, made);
      return made.element;
    };
    const inits = lists.initializers.map(init => init.name);
    const more = h("details.more-settings", h("summary", "More"),
        h("div.settings", choice("weight-decay", "Weight decay", ["0", "0.0001", "0.001", "0.01", "0.1"]),
            choice("dropout", "Dropout", ["0", "0.1", "0.2", "0.3", "0.5"]),
            choice("clip-norm", "Clip norm", ["", "0.1", "1", "10"]),
            choice("warmup-steps", "Warm-up steps", ["0", "10", "100", "1000"]),
            choice("label-smoothing", "Label smoothing", ["0", "0.05", "0.1", "0.2"]),
            this.flag("residual", "Residual")));
    return h("div.settings",
        choice("init", "Initializer",
            [
              ...new Set(["auto", ...inits]),
              {group: "Of a chosen size", options: ["normal(0.01)", "normal(0.1)", "normal(1)"]}
            ]),
        choice("optimizer", "Optimizer", lists.optimizers.map(optimizer => optimizer.name)),
        choice("lr", "Learning rate",
            ["0.0001", "0.0003", "0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1", "3", "10"]),
        choice("batch-size", "Batch size", ["1", "4", "10", "16", "32", "64", "128", "256"]),
        choice("norm", "Normalization", ["none", "batch", "layer"]), more);
  }
  private flag(key: OwnKey, label: string): HTMLElement {
    const made = toggle({label, value: false, change: on => this.change(key, on ? "1" : "")});
    this.controls.set(key, {element: made.element, set: value => made.set(value !== "")});
    return made.element;
  }

  private hidden(): number[] {
    try {
      return hiddenOf(own(this.state, this.options.side, "hidden"));
    } catch {
      return this.options.widths();
    }
  }
  private activations(): string[] {
    return activationsOf(own(this.state, this.options.side, "activation"), this.hidden().length);
  }

  private setLayers(hidden: number[], activations: string[]): void {
    const {side} = this.options;
    const changes: Record<string, string> = {[keyOf(side, "hidden")]: hidden.join(",") || "none", steps: "0"};
    if (activations.length) changes[keyOf(side, "activation")] = joined(activations);
    this.options.set(changes);
  }
  private changeLayers(next: (hidden: number[]) => number[]): void {
    const hidden = next(this.hidden()).slice(0, most.layers).map(units => Math.max(1, Math.min(most.units, units)));
    const activations = this.activations();
    while (activations.length < hidden.length)
      activations.push(activations.at(-1) ?? this.options.lists.activations[0]!.name);
    this.setLayers(hidden, activations.slice(0, hidden.length));
  }
  private removeLayer(layer: number): void {
    const without = <T>(list: T[]) => list.filter((_, i) => i !== layer);
    this.setLayers(without(this.hidden()), without(this.activations()));
    this.layerHeads[Math.max(0, layer - 1)]?.element.querySelector("select")?.focus();
  }

  /** What stands above a hidden layer; made once, so that a click does not lose the focus. */
  head(layer: number): HTMLElement {
    const made = this.layerHeads[layer];
    if (made) return made.element;
    const known = this.options.lists.activations.map(activation => activation.name);
    const label = `Layer ${layer + 1}`;
    const activation = select({
      label: `${label}: activation`,
      options: [...known, typed],
      value: "tanh",
      change: value => {
        if (value === typed)
          this.formulaBox(layer, "x*sigmoid(1.702*x)", true);
        else
          this.setActivation(layer, value);
      }
    });
    const units = h("output", {"aria-label": `${label}: units`});
    const by = (delta: number) => () => this.changeLayers(hidden => hidden.map((u, i) => i === layer ? u + delta : u));
    const element = h("div.head", activation.element,
        h("div.stepper", button("−", by(-1), {"aria-label": `${label}: one unit less`}), units,
            button("+", by(1), {"aria-label": `${label}: one unit more`}),
            button("×", () => this.removeLayer(layer),
                {class: "quiet", "aria-label": `${label}: remove`, title: "Remove this layer"})));
    this.layerHeads[layer] = {element, activation, units};
    return element;
  }
  private setActivation(layer: number, name: string): void {
    this.change("activation", joined(this.activations().map((other, i) => i === layer ? name : other)));
  }
  private formulaBox(layer: number, value: string, focus: boolean): void {
    let made = this.formulaBoxes.get(layer);
    if (!made) {
      made = formulaBox({
        label: `Layer ${layer + 1}: f(x) =`,
        value,
        check: this.options.checkFormula,
        change: (text, done) => done && this.setActivation(layer, text)
      });
      this.formulaBoxes.set(layer, made);
      this.formulas.append(made.element);
    } else {
      made.set(value);
    }
    if (focus) {
      const box = made.element.querySelector("input")!;
      box.focus();
      box.select();
    }
  }

  /** Returns whether the layers differ from the other net's. */
  show(state: State, comparing: boolean): boolean {
    this.state = state;
    const {side, lists} = this.options;
    const different = comparing ? ownKeys.filter(key => own(state, "a", key) !== own(state, "b", key)) : [];
    for (const [key, control] of this.controls) {
      control.set(own(state, side, key));
      control.element.classList.toggle("differs", different.includes(key));
    }
    this.differs.replaceChildren(...(!comparing ? []
            : side === "a"
            ? [different.length ? `Differs from B in ${listed(different.map(key => names[key]))}.`
                                : "The same as B: change one thing."]
            : [different.length ? button("Make equal to A",
                                      () => this.options.set(
                                          {...Object.fromEntries(ownKeys.map(key => [`b.${key}`, ""])), steps: "0"}),
                                      {class: "quiet"})
                                : "The same as A: change one thing."]));
    this.activations().forEach((name, layer) => {
      this.head(layer);
      this.layerHeads[layer]!.activation.set(name);
      if (!builtIn(name, lists.activations))
        this.formulaBox(layer, name, false);
      else if (this.formulaBoxes.has(layer) &&
          !this.formulaBoxes.get(layer)!.element.contains(document.activeElement)) {
        this.formulaBoxes.get(layer)!.element.remove();
        this.formulaBoxes.delete(layer);
      }
    });
    this.hidden().forEach(
        (units, layer) => this.layerHeads[layer] && (this.layerHeads[layer]!.units.textContent = String(units)));
    for (const [layer, box] of this.formulaBoxes) {
      if (layer < this.hidden().length) continue;
      box.element.remove();
      this.formulaBoxes.delete(layer);
    }
    return different.includes("hidden") || different.includes("activation");
  }
}

// One net that trains: its settings, its pictures, its charts, and what is wrong with it.
import {orderedColors} from "../color";
import {commandLine, download, h} from "../dom";
import {listed, number, percent, plural, prose} from "../format";
import {builtIn} from "./activation_text";
import {BoundaryCanvas, type Area, type Field, type Scene, type Shades} from "./boundary_canvas";
import {button, formulaBox, select, toggle, type Control} from "./controls";
import {className, decodePoints, extent, type DrawnPoint} from "./drawn_data";
import type {Engine, Finding, LayerRow, Lists, Look, Metrics, Samples, Session, Steps} from "./engine";
import {History, LiveChart, type LiveLine} from "./live_chart";
import {fateOf, hiddenWidths, NetworkView, type UnitPlace} from "./network_view";
import type {State} from "./tab";
import {
  activationsOf,
  defaults,
  drawn,
  hiddenOf,
  joined,
  keyOf,
  most,
  own,
  ownKeys,
  remedies,
  signature,
  trainOptions,
  type OwnKey,
  type Side
} from "./train_options";

interface Options {
  side: Side;
  lists: Lists;
  engine: Engine;
  set: (changes: Record<string, string>) => void;
  announce: (text: string) => void;
  /** Refuses with the place of what is wrong. */
  checkFormula: (text: string) => Promise<unknown>;
  pen: () => ((x: number, y: number, phase: "begin"|"move"|"end"|"erase") => void) | null;
  /** Something new wants to be drawn. */
  redraw: () => void;
}

/** What is kept of a moment for the charts. */
interface Moment {
  train: Metrics|null;
  test: Metrics|null;
  rows: LayerRow[];
}

/** Points a side: of the pictures while they move, and of the answer when it stands still. */
const grid = 40, fineGrid = 100;
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

const field = (row: LayerRow, key: string) => typeof row[key] === "number" ? row[key] as number : null;

export class NetPanel {
  readonly element: HTMLElement;
  step = 0;
  epoch = 0;
  broken = false;
  digest = "";
  session: Session|null = null;
  readonly history = new History<Moment>();
  private asked = 0;
  private opened = "";
  private state: State = defaults;
  private look: Look|null = null;
  private fine: Look|null = null;
  private last: Steps|null = null;
  private inspected: UnitPlace|null = null;
  private dirty = false;
  private due = 0;
  private area: Area|undefined;
  private toldFindings = new Set<string>();
  private findingsAt = 0;

  private readonly controls = new Map<OwnKey, Control<string>>();
  private readonly network: NetworkView;
  private readonly boundary: BoundaryCanvas;
  private readonly heads: {element: HTMLElement; activation: Control<string>; units: HTMLElement}[] = [];
  private readonly formulas = h("div.formulas");
  private readonly formulaBoxes = new Map<number, Control<string>>();
  private readonly problem = h("p.notice", {role: "alert", hidden: true});
  private readonly numbers = h("dl.numbers-row");
  private readonly values = {train: h("dd", "–"), test: h("dd", "–")};
  private readonly unitText = h("p.unit-text");
  private readonly findings = h("div.findings");
  private readonly proof = h("div.proof");
  private readonly differs = h("p.differs-text");
  private readonly title: HTMLElement;
  private readonly charts: {loss: LiveChart; gradient: LiveChart; update: LiveChart; units: LiveChart};

  constructor(private readonly options: Options) {
    const {side, lists} = options;
    const name = `Network ${side.toUpperCase()}`;
    this.numbers.append(h("div", h("dt", "Training: loss, right"), this.values.train),
        h("div", h("dt", "Test: loss, right"), this.values.test));
    this.network = new NetworkView({
      name,
      heads: layer => this.head(layer),
      ends: {
        inputs: h("div.head", h("span.head-name", "Inputs")),
        output: h("div.head", h("span.head-name", "Answer"),
            button("+ layer", () => this.changeLayers(hidden => [...hidden, hidden.at(-1) ?? 4]),
                {"aria-label": `${name}: add a layer`}))
      },
      inspect: place => this.inspect(place),
      tell: text => (this.unitText.textContent = text)
    });
    this.boundary =
        new BoundaryCanvas({name: `${name}: what it answers over the plane; arrow keys read it`, pen: options.pen});
    const chart = (title: string, more: object = {}) =>
        new LiveChart({title, file: `${side}.${title.toLowerCase().replace(/\W+/g, "_")}`, ...more});
    this.charts = {
      loss: chart("Loss", {height: 118}),
      gradient: chart("Gradient of each layer (rms)", {log: true}),
      update: chart("Update over weights (rms)", {log: true, band: {from: 1e-4, to: 1e-2, name: "usual"}}),
      units: chart("Dead units", {domain: [0, 1], format: (v: number) => percent(v)})
    };
    this.title = h("h2", name);
    const tests = toggle({label: "test samples", value: true, change: shown => this.boundary.setTestShown(shown)});
    this.element = h("article.net", {"aria-label": name, "data-side": side},
        h("header.net-head", this.title, this.differs), this.settings(lists), this.formulas, this.problem,
        h("div.net-main",
            h("div.net-left", this.network.element, this.unitText,
                h("p.net-keys", h("i.key-silent", "✕"), " silent: 0 for every input ", h("i.key-saturated", "◥"),
                    " saturated: flat for every input"),
                this.findings),
            h("div.net-right", this.numbers, this.boundary.element,
                h("div.row.under", h("span.dot-keys", h("i.full"), "training ", h("i.hollow"), "test"), tests.element),
                this.charts.loss.element)),
        h("div.net-charts", this.charts.gradient.element, this.charts.update.element, this.charts.units.element),
        this.proof);
  }

  end(): void {
    ++this.asked;
    this.network.end();
    this.boundary.end();
    this.options.engine.end();
  }

  // ---- settings -------------------------------------------------------------------------------------------------

  private change(key: OwnKey, value: string): void {
    // A second net that does as the first has no setting of its own.
    const same = this.options.side === "b" && value === own(this.state, "a", key);
    this.options.set({[keyOf(this.options.side, key)]: same ? "" : value, steps: "0"});
  }

  private settings(lists: Lists): HTMLElement {
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
      return this.session ? hiddenWidths(this.session) : [];
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
    this.heads[Math.max(0, layer - 1)]?.element.querySelector("select")?.focus();
  }

  /** What stands above a hidden layer; made once, so that a click does not lose the focus. */
  private head(layer: number): HTMLElement {
    const made = this.heads[layer];
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
    this.heads[layer] = {element, activation, units};
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

  private showSettings(state: State, comparing: boolean): void {
    const {side, lists} = this.options;
    const different = comparing ? ownKeys.filter(key => own(state, "a", key) !== own(state, "b", key)) : [];
    for (const [key, control] of this.controls) {
      control.set(own(state, side, key));
      control.element.classList.toggle("differs", different.includes(key));
    }
    this.network.element.classList.toggle("differs", different.includes("hidden") || different.includes("activation"));
    this.title.hidden = !comparing;
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
      this.heads[layer]!.activation.set(name);
      if (!builtIn(name, lists.activations))
        this.formulaBox(layer, name, false);
      else if (this.formulaBoxes.has(layer) &&
          !this.formulaBoxes.get(layer)!.element.contains(document.activeElement)) {
        this.formulaBoxes.get(layer)!.element.remove();
        this.formulaBoxes.delete(layer);
      }
    });
    this.hidden().forEach(
        (units, layer) => this.heads[layer] && (this.heads[layer]!.units.textContent = String(units)));
    for (const [layer, box] of this.formulaBoxes) {
      if (layer < this.hidden().length) continue;
      box.element.remove();
      this.formulaBoxes.delete(layer);
    }
  }

  // ---- training -------------------------------------------------------------------------------------------------

  /** Shows a state; resolves to whether training begins anew. */
  async update(state: State, comparing: boolean): Promise<boolean> {
    this.state = state;
    this.showSettings(state, comparing);
    const asked = signature(state, this.options.side);
    if (asked === this.opened) return false;
    this.opened = asked;
    await this.open();
    return true;
  }

  private async open(): Promise<void> {
    const mine = ++this.asked;
    const before = this.session;
    let session: Session|undefined;
    try {
      session = await this.options.engine.open(trainOptions(this.state, this.options.side));
      if (session.features.length !== 2) {
        const features = session.features.length;
        void this.options.engine.close(session.session);
        session = undefined;
        throw new Error(
            `the data have ${plural(features, "input")}, and a plane has two; the command line trains on any number`);
      }
      this.refuse("");
    } catch (error) {
      if (mine !== this.asked) return;
      this.refuse((error as Error).message);
      if (this.state["data"] === drawn) return this.empty();
      // Something to look at, beside what is wrong with what was asked.
      if (!before) session = await this.options.engine.open(trainOptions(defaults, this.options.side));
    }
    if (!session) return;
    if (mine !== this.asked) {
      void this.options.engine.close(session.session);
      return;
    }
    if (before) void this.options.engine.close(before.session);
    this.session = session;
    await this.begin();
  }

  /** A sheet to draw on: what is there does not make a data set yet. */
  private empty(): void {
    if (this.session) void this.options.engine.close(this.session.session);
    this.session = this.look = this.fine = this.last = null;
    this.step = this.epoch = 0;
    this.history.clear();
    this.boundary.paint(null, {kind: "classes"});
    try {
      this.sketch(decodePoints(this.state["points"]!));
    } catch {
      this.sketch([]);
    }
  }

  private refuse(message: string): void {
    this.problem.textContent = message ? `${message.charAt(0).toUpperCase()}${message.slice(1)}.${
                                             this.state["data"] === drawn ? ""
                                                 : this.session           ? " Shown is what was there before."
                                                                          : " Shown are the defaults."}`
                                             .replace("..", ".")
                                       : "";
    this.problem.hidden = !message;
  }

  /** From step 0, with the same weights. */
  async restart(): Promise<void> {
    if (!this.session) return;
    ++this.asked;
    this.session = await this.options.engine.restart(this.session.session);
    await this.begin();
  }

  private async begin(): Promise<void> {
    const session = this.session!;
    const mine = this.asked;
    this.step = this.epoch = 0;
    this.broken = false;
    this.last = null;
    this.fine = null;
    this.history.clear();
    this.toldFindings.clear();
    this.digest = "";
    this.area = this.state["data"] === drawn ? normalized(session) : undefined;
    this.network.open(session);
    const [start, look] = await Promise.all([
      this.options.engine.step(session.session, 0, true), this.options.engine.look(session.session, this.lookOptions())
    ]);
    if (mine !== this.asked) return;
    this.take(start, look);
    this.boundary.setScene(sceneOf(session, look.area!));
    this.showFindings(true);
  }
  private lookOptions() { return {grid, units: true, weights: true, ...(this.area ? {area: this.area} : {})}; }

  /** Trains on and looks; at once, in the net's own worker. Without pictures only the charts have something new. */
  async advance(steps: number, pictures = true): Promise<void> {
    if (!this.session || this.broken) return;
    const mine = this.asked;
    const {engine} = this.options;
    const {session} = this.session;
    const [done, look] = await Promise.all(
        [engine.step(session, steps, true), engine.look(session, pictures ? this.lookOptions() : {})]);
    if (mine === this.asked) this.take(done, look);
  }

  private take(done: Steps, look: Look): void {
    this.step = done.step;
    this.epoch = done.epoch;
    this.broken = done.broke !== null;
    this.network.mark(look, done.step);
    if (this.history.wants(done.step)) this.history.push(done.step, {...done, rows: look.rows});
    this.last = done;
    this.look = look.boundary || !this.look ? look : {
      ...this.look,
      ...look,
      boundary: this.look.boundary,
      units: this.look.units,
      weights: this.look.weights,
      area: this.look.area
    };
    this.fine = null;
    this.soil();
  }

  /** When it stands still: finer pictures, the digest of its weights, and how to get the same. */
  async settle(): Promise<void> {
    if (!this.session || !this.look) return;
    const mine = this.asked;
    const {engine} = this.options;
    const {session} = this.session;
    const [fine, digest] = await Promise.all([
      engine.look(session, {...this.lookOptions(), grid: fineGrid, units: false, weights: false}),
      this.broken ? "" : engine.digest(session)
    ]);
    if (mine !== this.asked) return;
    this.fine = fine;
    this.digest = digest;
    this.soil();
    this.network.label();
    this.showFindings(true);
    this.showProof();
  }

  get command(): string { return this.session ? `${this.session.command} --steps ${this.step}` : ""; }
  csv(): Promise<string> {
    return this.session ? this.options.engine.csv(this.session.session)
                        : Promise.reject(new Error("there are no data yet"));
  }

  // ---- pictures -------------------------------------------------------------------------------------------------

  /** Points that are being drawn: shown at once, trained on later. */
  sketch(points: readonly DrawnPoint[]): void {
    const shades: Shades = {kind: "classes"};
    const all = points.map(p => ({...p, test: false}));
    const classes = Array.from({length: 6}, (_, i) => className(i));
    this.boundary.setScene(
        {area: {x: [-extent, extent], y: [-extent, extent]}, points: all, classes, features: ["x1", "x2"], shades});
  }

  private soil(): void {
    this.dirty = true;
    this.options.redraw();
  }
  /** Whether there is more to draw. */
  get unfinished(): boolean { return this.dirty || this.due > 0 || this.network.moving; }

  private inspect(place: UnitPlace|null): void {
    this.inspected = place;
    this.unitText.textContent = place ? this.network.describe(place) : "";
    this.soil();
  }

  /**
   * Draws what is new: pictures with each frame; of charts and numbers, whose text moves the page's layout, one at a
   * time in the frames that follow. `turn` counts the frames.
   */
  draw(turn: number, other: NetPanel|null): void {
    if (!this.look || !this.session || !this.last) return;
    if (this.dirty || this.network.moving) this.network.draw(this.look);
    if (this.dirty) {
      this.paintBoundary();
      this.due = 8;
    }
    this.dirty = false;
    if (this.due === 0) return;
    --this.due;
    if (turn % 2 === 0)
      this.drawChart((turn / 2) % 4, other);
    else if (turn % 8 === 1)
      this.showNumbers();
    else if (turn % 8 === 5 && performance.now() - this.findingsAt > 500)
      this.showFindings(false);
  }

  private paintBoundary(): void {
    const session = this.session!;
    const look = this.fine ?? this.look!;
    const place = this.inspected;
    const values = place ? this.look!.units?.[place.layer] : null;
    if (place && values) {
      const units = hiddenWidths(session)[place.layer]!;
      const area = values.length / units;
      const own = values.subarray(place.unit * area, (place.unit + 1) * area);
      const reach = own.reduce((most, v) => Math.max(most, Math.abs(v)), 0) || 1;
      this.boundary.paint(
          {grid, outputs: 1, values: own}, {kind: "number", middle: 0, reach}, `unit ${place.unit + 1}`);
    } else if (look.boundary) {
      const outputs = session.outputs;
      const shown:
          Field = {grid: Math.round(Math.sqrt(look.boundary.length / outputs)), outputs, values: look.boundary};
      this.boundary.paint(shown, shadesOf(session));
    }
  }

  private showNumbers(): void {
    const {train, test} = this.last!;
    this.values.train.replaceChildren(...measured(train));
    this.values.test.replaceChildren(...measured(test));
    if (this.inspected) this.unitText.textContent = this.network.describe(this.inspected);
  }

  /** A sentence about where it stands. */
  summary(): string {
    if (!this.last) return "";
    const {test, train, broke} = this.last;
    const units = hiddenWidths(this.session!).reduce((a, b) => a + b, 0);
    const [dead, flat] = [1, 2].map(
        fate => this.look!.dead.reduce((sum, flags) => sum + flags.filter(flag => fateOf(flag) === fate).length, 0));
    const right = test?.accuracy ?? train?.accuracy;
    const result = right === null || right === undefined ? `loss ${number(test?.loss ?? train?.loss)}`
                                                         : `${percent(right)} of the test samples right`;
    const fates = [
      `${dead} of ${units} units silent`, flat ? `${flat} saturated` : "",
      this.network.deaths ? `${this.network.deaths} fell silent so far, ${this.network.revivals} woke` : ""
    ].filter(Boolean).join(", ");
    return `After ${plural(this.step, "step")}: ${broke ? `stopped, ${broke}` : result}; ${fates}.`;
  }

  private drawChart(which: number, other: NetPanel|null): void {
    const {steps, rows} = this.history;
    if (which === 0) {
      const lines: LiveLine[] = [
        {name: "training", color: "var(--muted)", y: rows.map(row => row.train?.loss ?? null)},
        {name: "test", color: "var(--ink)", y: rows.map(row => row.test?.loss ?? null)}
      ];
      if (other) {
        lines.push({
          name: `test, ${other.options.side.toUpperCase()}`,
          color: "var(--accent)",
          dash: "4 3",
          x: other.history.steps,
          y: other.history.rows.map(row => row.test?.loss ?? null)
        });
      }
      return this.charts.loss.set(steps, lines, other?.charts.loss);
    }
    const layers = this.session!.layers.length;
    const colors = orderedColors(layers);
    const line = (layer: number, key: string, name: string, dash?: string): LiveLine => {
      const y = rows.map(row => row.rows[layer] ? field(row.rows[layer]!, key) : null);
      return {name, color: colors[layer]!, y, ...(dash ? {dash} : {})};
    };
    const all = Array.from({length: layers}, (_, layer) => layer);
    const layerName = (layer: number) => layer === layers - 1 ? "answer" : `layer ${layer + 1}`;
    if (which === 1)
      this.charts.gradient.set(steps, all.map(layer => line(layer, "pre_activation_gradient_rms", layerName(layer))),
          other?.charts.gradient);
    if (which === 2)
      this.charts.update.set(
          steps, all.map(layer => line(layer, "update_ratio", layerName(layer))), other?.charts.update);
    if (which === 3) {
      const hidden = all.slice(0, -1);
      const saturated =
          hidden.map(layer => line(layer, "saturated", `saturated ${layer + 1}`, "3 3")).filter(l => l.y.some(v => v));
      this.charts.units.set(
          steps, [...hidden.map(layer => line(layer, "silent", `silent ${layer + 1}`)), ...saturated]);
    }
  }

  // ---- findings -------------------------------------------------------------------------------------------------

  private showFindings(now: boolean): void {
    this.findingsAt = performance.now();
    const list = this.look?.findings ?? [];
    const warnings = this.step === 0 && !list.length ? (this.session?.warnings ?? []) : [];
    const focus = now ? null : document.activeElement;
    // What is being read or pressed stays where it is.
    if (focus && this.findings.contains(focus)) return;
    this.findings.replaceChildren(...(list.length ? list.map(finding => this.finding(finding))
            : warnings.length
            ? warnings.map(text => h("p.finding", h("b", "Theory warns "), prose(text)))
            : [h("p.finding.fine",
                  this.step ? "Nothing unhealthy found." : "Press play: what goes wrong will be said here.")]));
    for (const finding of list) {
      const key = `${finding.rule} ${finding.where}`;
      if (this.toldFindings.has(key)) continue;
      this.toldFindings.add(key);
      this.options.announce(`Network ${this.options.side.toUpperCase()}, ${finding.severity}: ${
          prose(finding.message)}. Try ${finding.try}`);
    }
  }

  private finding(finding: Finding): HTMLElement {
    const critical = finding.severity === "critical";
    const buttons = remedies(finding.try).map(({text, changes}) => {
      const done =
          Object.entries(changes).every(([key, value]) => own(this.state, this.options.side, key as OwnKey) === value);
      return button(done ? `${text} (is set)` : `Try ${text}`, () => {
        for (const [key, value] of Object.entries(changes)) this.change(key as OwnKey, value);
      }, {disabled: done});
    });
    return h("article.finding", {class: `finding ${critical ? "refuted" : "conditional"}`},
        h("p", h("b", {class: "badge"}, h("i", critical ? "✕" : "!"), finding.rule.replaceAll("_", " ")),
            ` since step ${number(finding.since_step)}`),
        h("p", prose(finding.message), "."),
        buttons.length ? h("div.row", buttons) : h("p", h("b", "Try "), finding.try));
  }

  private showProof(): void {
    const {session} = this.session!;
    const save = async () => {
      const bytes = await this.options.engine.weights(session);
      download(`network-${this.options.side}-step-${this.step}.safetensors`, "application/octet-stream",
          bytes as Uint8Array<ArrayBuffer>);
    };
    this.proof.replaceChildren(
        h("p", `Weights after ${plural(this.step, "step")}: `, h("code.digest", this.digest || "–"), " ",
            button("Weights as safetensors", () => void save(), {class: "quiet"})),
        h("p.note",
            this.session!.auto_init
                ? `auto is ${this.session!.auto_init.init}: ${prose(this.session!.auto_init.reason)}.`
                : ""),
        commandLine(this.command));
  }
}

/** A loss, and the share that is right. */
function measured(of: Metrics|null): (string|HTMLElement)[] {
  const right = of?.accuracy ?? null;
  return [number(of?.loss, 2), ...(right === null ? [] : [h("small", ` ${percent(right)}`)])];
}

/** The square of a drawing, in the units of the net's inputs. */
function normalized({normalization: {mean, scale}}: Session): Area {
  const ends = (i: number): [number, number] => [(-extent - mean[i]!) / scale[i]!, (extent - mean[i]!) / scale[i]!];
  return {x: ends(0), y: ends(1)};
}

function targets({targets: values}: Samples): Float32Array { return values ?? new Float32Array(); }

function shadesOf(session: Session): Shades {
  if (session.classes !== null) return {kind: "classes"};
  const values = targets(session.train);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return {kind: "number", middle: (low + high) / 2, reach: (high - low) / 2 || 1};
}

function sceneOf(session: Session, area: Area): Scene {
  const {mean, scale} = session.normalization;
  const shown = (v: number, i: number) => v * scale[i]! + mean[i]!;
  const of = (samples: Samples, test: boolean) => Array.from({length: samples.size}, (_, i) => ({
    x: shown(samples.inputs[2 * i]!, 0),
    y: shown(samples.inputs[2 * i + 1]!, 1),
    label: samples.labels?.[i] ?? targets(samples)[i]!,
    test
  }));
  const ends = (axis: [number, number], i: number): [number, number] => [shown(axis[0], i), shown(axis[1], i)];
  return {
    area: {x: ends(area.x, 0), y: ends(area.y, 1)},
    points: [...of(session.train, false), ...of(session.test, true)],
    classes: session.classes === null ? null : session.class_names,
    features: session.features,
    shades: shadesOf(session)
  };
}

// One net that trains: its session, its pictures, its charts, and what is wrong with it.
import {download, h} from "../dom";
import {exportTools} from "../figure";
import {number, percent, plural, prose, sentence} from "../format";
import {BoundaryCanvas, type Area, type Field} from "./boundary_canvas";
import {button, toggle} from "./controls";
import {decodePoints, type DrawnPoint} from "./drawn_data";
import type {Edit, Engine, Lists, Look, Metrics, Session, Steps} from "./engine";
import {FindingsList} from "./findings_list";
import {NetCharts} from "./net_charts";
import {normalized, sceneOf, shadesOf, sketchOf} from "./net_scene";
import {NetSettings} from "./net_settings";
import {nearMisses} from "../near_misses";
import {fateOf, hiddenWidths, NetworkView, type UnitPlace} from "./network_view";
import type {State} from "./tab";
import {defaults, drawn, featuresOf, openPlane, own, signature, trainOptions, type Plane, type Side} from "./train_options";
import {UnitCard} from "./unit_card";

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
  /** Training begins, or goes on. */
  play: () => void;
  /** Weights were changed by hand. */
  edited: () => void;
}

/** Points a side: of the pictures while they move, and of the answer when it stands still. */
const grid = 40, fineGrid = 100;
/** Frames from one chart to the next, and from number to number: their text moves the page's layout. */
const pace = 4;
export class NetPanel {
  readonly element: HTMLElement;
  step = 0;
  epoch = 0;
  broken = false;
  digest = "";
  /** The step at which weights were first changed by hand. */
  editedAt: number|null = null;
  session: Session|null = null;
  private csvText: string|undefined;
  private asked = 0;
  private opened = "";
  private state: State = defaults;
  private look: Look|null = null;
  private fine: Look|null = null;
  private last: Steps|null = null;
  private inspected: UnitPlace|null = null;
  private dirty = false;
  /** Frames until every chart and number is up to date. */
  private due = 0;
  private frames: number;
  private area: Area|undefined;
  private findingsAt = 0;

  private readonly settings: NetSettings;
  private readonly network: NetworkView;
  private readonly boundary: BoundaryCanvas;
  private readonly charts: NetCharts;
  private readonly problem = h("p.notice", {role: "alert", hidden: true});
  private readonly numbers = h("dl.numbers-row");
  private readonly names = {train: h("dt"), test: h("dt")};
  private readonly values = {train: h("dd", "–"), test: h("dd", "–")};
  private readonly unitText = h("p.unit-text");
  private readonly findings: FindingsList;
  private readonly proof = h("div.proof");
  private readonly card: UnitCard;
  private readonly title: HTMLElement;

  constructor(private readonly options: Options) {
    const {side} = options;
    const name = `Network ${side.toUpperCase()}`;
    this.numbers.append(h("div", this.names.train, this.values.train), h("div", this.names.test, this.values.test));
    this.settings = new NetSettings(
        {...options, name, widths: () => this.session ? hiddenWidths(this.session) : []});
    this.findings = new FindingsList({
      ...options,
      name,
      value: key => own(this.state, side, key),
      change: (key, value) => this.settings.change(key, value),
      play: options.play
    });
    this.card = new UnitCard({
      edit: change => void this.edit(change),
      closed: () => this.network.markChosen(null)
    });
    this.network = new NetworkView({
      name,
      heads: layer => this.settings.head(layer),
      ends: this.settings.ends,
      inspect: place => this.inspect(place),
      tell: text => (this.unitText.textContent = text),
      choose: place => {
        const incoming = this.network.incoming(place);
        if (!incoming) return;
        this.network.markChosen(place);
        this.card.open(place, incoming, place.layer < hiddenWidths(this.session!).length);
      }
    });
    this.boundary =
        new BoundaryCanvas({name: `${name}: what it answers over the plane; arrow keys read it`, pen: options.pen});
    this.charts = new NetCharts(side);
    // Two nets' charts are not drawn in the same frame.
    this.frames = side === "a" ? 0 : pace / 2;
    this.title = h("h2", name);
    const files = (title: string, file: string, picture: NetworkView|BoundaryCanvas) => exportTools(
        {title, file: `${side}.${file}`, legend: () => [], data: () => picture.data(), svg: () => picture.svg()});
    const tests = toggle({label: "test samples", value: true, change: shown => this.boundary.setTestShown(shown)});
    this.element = h("article.net", {"aria-label": name, "data-side": side},
        h("header.net-head", this.title, this.settings.differs), this.settings.element, this.settings.formulas,
        this.problem,
        h("div.net-main",
            h("div.net-left", this.findings.element, this.unitText, this.network.element,
                h("div.row.under",
                    h("span.net-keys", h("i.key-silent", "✕"), " silent: 0 for every input ", h("i.key-saturated", "◥"),
                        " saturated: flat for every input. Click a unit or a weight to change it."),
                    files(name, "network", this.network)),
                this.card.element),
            h("div.net-right", this.numbers, this.boundary.element,
                h("div.row.under", h("span.dot-keys", h("i.full"), "training ", h("i.hollow"), "test"), tests.element,
                    files(`What ${name} answers`, "answers", this.boundary)),
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

  // ---- training -------------------------------------------------------------------------------------------------

  /** Shows a state; resolves to whether training begins anew. */
  async update(state: State, comparing: boolean): Promise<boolean> {
    this.state = state;
    this.title.hidden = !comparing;
    this.network.element.classList.toggle("differs", this.settings.show(state, comparing));
    const asked = signature(state, this.options.side);
    if (asked === this.opened) return false;
    this.opened = asked;
    await this.open();
    return true;
  }

  private async open(): Promise<void> {
    const mine = ++this.asked;
    const before = this.session;
    let plane: Plane|undefined;
    try {
      plane = await openPlane(this.options.engine, trainOptions(this.state, this.options.side), featuresOf(this.state));
      this.refuse("");
    } catch (error) {
      if (mine !== this.asked) return;
      this.refuse((error as Error).message);
      if (this.state["data"] === drawn) return this.empty();
      // Something to look at, beside what is wrong with what was asked.
      if (!before) plane = {session: await this.options.engine.open(trainOptions(defaults, this.options.side)), csv: undefined};
    }
    if (!plane) return;
    const {session} = plane;
    if (mine !== this.asked) {
      void this.options.engine.close(session.session);
      return;
    }
    if (before) void this.options.engine.close(before.session);
    this.session = session;
    this.csvText = plane.csv;
    await this.begin();
  }

  /** A sheet to draw on: what is there does not make a data set yet. */
  private empty(): void {
    if (this.session) void this.options.engine.close(this.session.session);
    this.session = this.look = this.fine = this.last = null;
    this.step = this.epoch = 0;
    this.charts.history.clear();
    this.boundary.paint(null, {kind: "classes"});
    try {
      this.sketch(decodePoints(this.state["points"]!));
    } catch {
      this.sketch([]);
    }
  }

  private refuse(message: string): void {
    const shown = !message || this.state["data"] === drawn ? "" :
        this.session                                       ? " Shown is what was there before." :
                                                             " Shown are the defaults.";
    this.problem.textContent = sentence(message) + shown;
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
    this.charts.history.clear();
    this.findings.clear();
    this.digest = "";
    this.editedAt = null;
    this.card.hide();
    this.network.markChosen(null);
    this.area = this.state["data"] === drawn ? normalized(session) : undefined;
    this.network.open(session);
    const measures = session.classes === null ? "loss" : "loss, accuracy";
    this.names.train.textContent = `Training ${measures}`;
    this.names.test.textContent = `Test ${measures}`;
    const [start, look] = await Promise.all([
      this.options.engine.step(session.session, 0, true), this.options.engine.look(session.session, this.lookOptions())
    ]);
    if (mine !== this.asked) return;
    this.take(start, look);
    this.boundary.setScene(sceneOf(session, look.area!));
    this.showFindings();
    this.showProof();
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

  private async edit(change: Edit): Promise<void> {
    if (!this.session || this.broken) return;
    const mine = this.asked;
    const {engine} = this.options;
    const {session} = this.session;
    this.editedAt ??= this.step;
    const [, done, look] = await Promise.all(
        [engine.edit(session, change), engine.step(session, 0, true), engine.look(session, this.lookOptions())]);
    if (mine !== this.asked) return;
    this.digest = "";
    this.take(done, look);
    this.network.label();
    this.showProof();
    this.options.edited();
  }

  private take(done: Steps, look: Look): void {
    if (this.digest && done.step !== this.step) {
      this.digest = "";
      this.showProof();
    }
    this.step = done.step;
    this.epoch = done.epoch;
    this.broken = done.broke !== null;
    this.network.mark(look, done.step);
    const {history} = this.charts;
    if (history.wants(done.step)) history.push(done.step, {...done, rows: look.rows});
    this.last = done;
    this.look = look.boundary || !this.look ? look : {
      ...this.look,
      ...look,
      boundary: this.look.boundary,
      units: this.look.units,
      weights: this.look.weights,
      area: this.look.area
    };
    this.due = pace * NetCharts.round;
    if (look.boundary) {
      this.fine = null;
      this.dirty = true;
    }
    this.options.redraw();
  }

  /** When it stands still: finer pictures, the digest of its weights, and how to get the same. */
  async settle(): Promise<void> {
    if (!this.session || !this.look) return;
    const mine = this.asked;
    const {engine} = this.options;
    const {session} = this.session;
    const [look, fine, digest] = await Promise.all([
      engine.look(session, this.lookOptions()),
      engine.look(session, {...this.lookOptions(), grid: fineGrid, units: false, weights: false}),
      this.broken ? "" : engine.digest(session)
    ]);
    if (mine !== this.asked) return;
    this.look = look;
    this.fine = fine;
    this.digest = digest;
    this.soil();
    this.network.label();
    this.showFindings();
    this.showProof();
  }

  /** "" where weights were changed by hand, which no command does. */
  get command(): string {
    return this.session && this.editedAt === null ? `${this.session.command} --steps ${this.step}` : "";
  }
  csv(): Promise<string> {
    if (this.csvText !== undefined) return Promise.resolve(this.csvText);
    return this.session ? this.options.engine.csv(this.session.session)
                        : Promise.reject(new Error("there are no data yet"));
  }

  // ---- pictures -------------------------------------------------------------------------------------------------

  /** Points that are being drawn: shown at once, trained on later. */
  sketch(points: readonly DrawnPoint[]): void { this.boundary.setScene(sketchOf(points)); }

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

  /** Draws what is new: pictures at once; of charts, numbers and findings one every few of its frames. */
  draw(other: NetPanel|null): void {
    if (!this.look || !this.session || !this.last) return;
    if (this.dirty || this.network.moving) this.network.draw(this.look);
    if (this.dirty) this.paintBoundary();
    this.dirty = false;
    if (this.due === 0) return;
    if (--this.due === 0) this.network.finish();
    const part = ++this.frames % pace;
    if (part === 0) this.charts.draw(this.session, other?.charts ?? null);
    if (part === 1) this.showNumbers();
    if (part === 2 && performance.now() - this.findingsAt > 500) this.showFindings(false);
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
    const chosen = this.card.shown;
    const incoming = chosen ? this.network.incoming(chosen) : undefined;
    if (incoming) this.card.follow(incoming);
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
    const which = this.title.hidden ? "After" : `${this.title.textContent} after`;
    return `${which} ${plural(this.step, "step")}: ${broke ? `stopped, ${broke}` : result}; ${fates}.`;
  }

  private showFindings(now = true): void {
    this.findingsAt = performance.now();
    const found = this.look?.findings ?? [];
    const warnings = this.step === 0 && !found.length ? this.session?.warnings ?? [] : [];
    this.findings.show(found, warnings, nearMisses(this.look?.rows ?? []), this.step > 0, now);
  }

  private showProof(): void {
    const {session} = this.session!;
    const save = async () => {
      const bytes = await this.options.engine.weights(session);
      download(`network-${this.options.side}-step-${this.step}.safetensors`, "application/octet-stream",
          bytes as Uint8Array<ArrayBuffer>);
    };
    this.proof.replaceChildren(
        h("p", this.digest ? [`Digest of the weights after ${plural(this.step, "step")}: `, h("code.digest", this.digest)]
                           : "Pause to see the digest of the weights.",
            " ", button("Weights as safetensors", () => void save(), {class: "quiet"})),
        h("p.note",
            this.session!.auto_init
                ? `auto is ${this.session!.auto_init.init}: ${prose(this.session!.auto_init.reason)}.`
                : ""),
        h("p.note", this.editedAt === null ? ""
                                           : `Weights were changed by hand at step ${this.editedAt}, so no command gives this net; Reset undoes it.`));
  }
}

/** A loss, and the share that is right. */
function measured(of: Metrics|null): (string|HTMLElement)[] {
  const right = of?.accuracy ?? null;
  return [number(of?.loss, 2), ...(right === null ? [] : [h("small", ` ${percent(right)}`)])];
}

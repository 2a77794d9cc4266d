// Which data: a generator's with its noise, drawn by hand, or pasted as CSV.
import {download, h, svg} from "../dom";
import {number, sentence} from "../format";
import {regressionColor} from "./boundary_canvas";
import {button, numberBox, slider, toggle, type Control} from "./controls";
import {classColors, css, onTheme, palette, sized} from "./palette";
import {decodePoints, drawnClasses, encodePoints, extent, mostPoints, settled, type DrawnPoint} from "./drawn_data";
import type {Engine, Lists, Samples} from "./engine";
import type {State} from "./tab";
import {drawn, most, openPlane, ownDefaults, pasted, planeFeatures, trainOptions} from "./train_options";

interface Options {
  engine: Engine;
  lists: Lists;
  set: (changes: Record<string, string>) => void;
  /** The drawing changed; it trains once the pen is up. */
  sketch: (points: readonly DrawnPoint[]) => void;
  announce: (text: string) => void;
  csv: () => Promise<string>;
}

const thumbnail = 46;
const eraserReach = 0.5;
/** Between the points of one stroke, in the units of the drawing. */
const spacing = 0.28;

export class DataPanel {
  readonly element: HTMLElement;
  private readonly tiles = new Map<string, HTMLButtonElement>();
  private readonly sliders = h("div.sliders");
  private readonly noise: Control<number>;
  private readonly samples: Control<number>;
  private readonly held: Control<number>;
  private readonly seed: Control<number>;
  private readonly pens = h("div.pens", {role: "group", "aria-label": "Pen"});
  private readonly sheet: HTMLElement;
  private readonly paste: HTMLElement;
  private readonly features = planeFeatures.map(({key}) => ({
    key,
    box: toggle({label: key.replace("^2", "²").replace("*", " · "), value: false, change: on => this.useFeature(key, on)})
  }));
  private readonly text: HTMLTextAreaElement;
  private readonly problem = h("p.problem", {id: "csv-problem", role: "alert"});
  private readonly count = h("p.note");
  private brush = 0;
  private points: DrawnPoint[] = [];
  private last: {x: number; y: number}|null = null;
  private state: State = {};
  /** What the drawing was before each stroke. */
  private readonly strokes: string[] = [];

  constructor(private readonly options: Options) {
    const {lists, set} = options;
    const planes = lists.datasets.filter(data => data.features === 2);
    const tile = (name: string, title: string, picture: Node) => {
      const made = h("button.tile", {type: "button", "aria-pressed": "false", title, click: () => this.choose(name)},
          picture, h("span", name));
      this.tiles.set(name, made);
      return made;
    };
    const pictures = planes.map(data => h("canvas", {"aria-hidden": "true", "data-name": data.name}));
    const others = [
      tile(drawn, "Draw points on the picture of the answer", glyph("M6 33c6-9 10-20 16-14s2 14 8 12 8-12 10-20")),
      tile(pasted, "Paste a CSV file with two inputs", glyph("M8 12h30M8 23h30M8 34h30M18 8v30"))
    ];
    this.noise = slider({
      label: "Noise",
      lowest: 0,
      highest: 1,
      step: 0.01,
      value: 0,
      say: v => number(v, 2),
      change: v => set({noise: String(v), steps: "0"})
    });
    this.samples = slider({
      label: "Samples",
      lowest: 20,
      highest: 2000,
      step: 10,
      value: 1000,
      change: v => set({samples: String(v), steps: "0"})
    });
    this.held = slider({
      label: "Test share",
      lowest: 0,
      highest: 0.9,
      step: 0.05,
      value: 0.2,
      say: v => `${Math.round(100 * v)} %`,
      change: v => set({"test-fraction": String(v), steps: "0"})
    });
    this.seed = numberBox({
      label: "Seed",
      lowest: 0,
      highest: Number.MAX_SAFE_INTEGER,
      whole: true,
      value: 1,
      change: v => set({seed: String(v), steps: "0"})
    });
    this.text = h("textarea", {
      rows: 6,
      spellcheck: "false",
      "aria-describedby": this.problem.id,
      "aria-label": "Rows of a CSV file with a header; the last column is the label",
      placeholder: "x1,x2,label\n0.5,1.2,a\n-1,0.3,b"
    });
    this.sheet = h("div.pen-box", {hidden: true}, this.pens, this.count,
        h("div.row", button("Clear", () => this.replace([])), button("Undo stroke", () => this.undo())));
    this.text.addEventListener("keydown", event => {
      if (event.key !== "Escape" || this.state["data"] === pasted) return;
      this.paste.hidden = true;
      this.tiles.get(pasted)!.focus();
    });
    // A file of megabytes would keep the box busy for minutes before it could be refused.
    this.text.addEventListener("beforeinput", event => {
      const added = event.data ?? "";
      if (added.length <= most.csv) return;
      event.preventDefault();
      void this.use(added);
    });
    this.paste = h("div.paste", {hidden: true}, this.text, this.problem,
        button("Use these rows", () => void this.use(this.text.value)));
    this.element = h("section.data-panel", {"aria-label": "Data"}, h("h2", "Data"),
        h("div.tiles", {role: "group", "aria-label": "Which data"},
            planes.map((data, i) => tile(data.name, data.description, pictures[i]!)), others),
        this.sheet, this.paste, h("div.settings-list", this.sliders, this.held.element, this.seed.element),
        h("fieldset.features", h("legend", "Inputs beside x1 and x2"), this.features.map(f => f.box.element)),
        button("Data as CSV", () => void this.save(), {class: "quiet"}));
    this.sliders.append(this.samples.element, this.noise.element);
    this.makePens();
    void this.drawTiles(pictures);
  }

  /** The points that are drawn now, while they are. */
  get drawing(): readonly DrawnPoint[]|null { return this.state["data"] === drawn ? this.points : null; }

  update(state: State): void {
    const before = this.state["points"];
    this.state = state;
    for (const [name, tile] of this.tiles) tile.setAttribute("aria-pressed", String(name === state["data"]));
    const generator = this.options.lists.datasets.find(data => data.name === state["data"]);
    this.sliders.hidden = !generator;
    this.sheet.hidden = state["data"] !== drawn;
    if (state["data"] === pasted || this.paste.hidden === false) this.paste.hidden = state["data"] !== pasted;
    this.samples.set(Number(state["samples"]) || generator?.samples || 1000);
    this.noise.set(state["noise"] ? Number(state["noise"]) : (generator?.noise ?? 0));
    this.held.set(state["test-fraction"] ? Number(state["test-fraction"]) : 0.2);
    this.seed.set(Number(state["seed"]));
    const chosen = state["features"]!.split(",");
    for (const {key, box} of this.features) box.set(chosen.includes(key));
    if (state["csv"] && document.activeElement !== this.text) this.text.value = state["csv"];
    if (state["points"] !== before) {
      try {
        this.points = decodePoints(state["points"]!);
      } catch {
        this.points = []; // what is wrong is said by the net that should train on them
      }
    }
    this.say();
  }

  /** What a pen does to the sheet; null where the data are not drawn. */
  pen(): ((x: number, y: number, phase: "begin"|"move"|"end"|"erase") => void)|null {
    return this.state["data"] === drawn ? (x, y, phase) => this.stroke(x, y, phase) : null;
  }

  private stroke(x: number, y: number, phase: "begin"|"move"|"end"|"erase"): void {
    if (phase === "end") {
      this.last = null;
      return this.commit();
    }
    if (phase === "erase" || this.brush < 0) {
      this.points = this.points.filter(p => Math.hypot(p.x - x, p.y - y) > eraserReach);
    } else if (phase === "begin" || !this.last || Math.hypot(this.last.x - x, this.last.y - y) >= spacing) {
      this.last = {x, y};
      const inside = Math.abs(x) <= extent && Math.abs(y) <= extent;
      if (inside && this.points.length < mostPoints) this.points = [...this.points, settled({x, y, label: this.brush})];
    }
    this.options.sketch(this.points);
    this.say();
    if (phase === "erase") this.commit();
  }
  private commit(): void {
    this.strokes.push(this.state["points"]!);
    this.options.set({points: encodePoints(this.points), steps: "0"});
  }
  private undo(): void {
    const before = this.strokes.pop();
    if (before !== undefined) this.options.set({points: before, steps: "0"});
  }
  private replace(points: DrawnPoint[]): void {
    this.points = points;
    this.options.sketch(points);
    this.commit();
  }

  private choose(name: string): void {
    if (name === pasted && !this.state["csv"]) {
      // Nothing to train on yet: the box opens, the present data stay.
      this.paste.hidden = false;
      this.text.focus();
      return;
    }
    this.options.set({data: name, samples: "", noise: "", steps: "0"});
    if (name === drawn)
      this.options.announce(
          "Draw on the picture of the answer. With the keyboard: arrow keys move there, Enter puts a point, Delete erases.");
  }

  /** Trains on these rows if they can be trained on; else what is there goes on. */
  private async use(csv: string): Promise<void> {
    const asked = {data: pasted, csv, steps: "0"};
    let problem = "";
    try {
      const {engine} = this.options;
      const {session: {session}} = await openPlane(engine, trainOptions({...this.state, ...ownDefaults, ...asked}, "a"));
      void engine.close(session);
    } catch (error) {
      problem = sentence((error as Error).message);
    }
    this.problem.textContent = problem;
    this.text.setAttribute("aria-invalid", String(problem !== ""));
    if (!problem) this.options.set(asked);
  }

  private say(): void {
    const classes = new Set(this.points.map(p => p.label)).size;
    this.count.textContent = this.points.length
        ? `${this.points.length} points, ${classes} classes; at most ${mostPoints}.`
        : "Draw on the picture of the answer: choose a class, then click or drag there.";
  }

  private makePens(): void {
    const pens = [...Array(drawnClasses).keys(), -1].map(label => {
      const name = label < 0 ? "Eraser" : `Class ${"abcdef"[label]}`;
      return h("button.pen", {
        type: "button",
        "aria-pressed": String(label === 0),
        "aria-label": name,
        title: name,
        "--swatch": label < 0 ? "var(--muted)" : classColors[label]!,
        click: () => {
          this.brush = label;
          pens.forEach(
              (pen, i) => pen.setAttribute("aria-pressed", String((i === pens.length - 1 ? -1 : i) === label)));
        }
      },
          label < 0 ? "⌫" : h("i"));
    });
    this.pens.append(...pens);
  }

  private useFeature(key: string, on: boolean): void {
    const chosen = this.state["features"]!.split(",");
    const next = planeFeatures.map(f => f.key).filter(k => (k === key ? on : chosen.includes(k)));
    this.options.set({features: next.join(","), steps: "0"});
  }

  private async save(): Promise<void> {
    try {
      download(`${this.state["features"] ? "features" : this.state["data"]}.csv`, "text/csv", await this.options.csv());
    } catch (error) {
      this.options.announce((error as Error).message);
    }
  }

  private async drawTiles(pictures: HTMLCanvasElement[]): Promise<void> {
    const all = await Promise.all(pictures.map(async picture => {
      const {engine} = this.options;
      const {session, train} =
          await engine.open({data: picture.dataset["name"]!, hidden: "none", samples: 160, test_fraction: 0});
      void engine.close(session);
      return train;
    }));
    const draw = () => pictures.forEach((picture, i) => dots(picture, all[i]!));
    draw();
    onTheme(draw);
  }
}

function dots(canvas: HTMLCanvasElement, samples: Samples): void {
  const context = sized(canvas, thumbnail, thumbnail);
  context.clearRect(0, 0, thumbnail, thumbnail);
  const reach = Math.max(...samples.inputs.map(Math.abs)) * 1.1;
  const at = (v: number) => (0.5 + (0.5 * v) / reach) * thumbnail;
  const p = palette();
  const {labels, targets} = samples;
  const shades = {kind: "number" as const, middle: 0, reach: Math.max(...targets?.map(Math.abs) ?? [1])};
  for (let i = 0; i < samples.size; ++i) {
    context.fillStyle = css(labels ? p.classes[labels[i]!]! : regressionColor(p, targets![i]!, shades));
    context.fillRect(at(samples.inputs[2 * i]!) - 1, at(-samples.inputs[2 * i + 1]!) - 1, 2, 2);
  }
}

function glyph(path: string): SVGElement {
  return svg("svg",
      {viewBox: `0 0 ${thumbnail} ${thumbnail}`, width: thumbnail, height: thumbnail, "aria-hidden": "true"},
      svg("path", {d: path, fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linecap": "round"}));
}

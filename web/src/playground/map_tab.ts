// Every pixel is a network: a plane of two settings, refined while one looks, with the theory's curve over it.
import {download, h, svg} from "../dom";
import {standaloneSvg} from "../export_svg";
import {csv, number} from "../format";
import {cssColor, mapFrame, mapLegend, pixelColor, pixelWords, type MapPixel} from "../map_picture";
import {button} from "./controls";
import type {Engine, Lists, MapBatch, MapCurve, MapOptions} from "./engine";
import {MapControls} from "./map_controls";
import {listenTo, zoomStep, type Box, type Place} from "./map_gestures";
import {NetworkCard} from "./map_network";
import {defaults, presetOf, presets, type Preset} from "./map_presets";
import {MapRun} from "./map_run";
import {detailOf, ends, parseSide, part, settings, sideText, symbol, tooNarrow, valueOf, type Side, type View} from "./map_view";
import type {Host, Mounted, State, Tab} from "./tab";

export const mapTab: Tab = {
  id: "map",
  title: "Map",
  question: "Where can a deep network be trained?",
  hint: "Every pixel is a network, trained as you look. Click one to meet it; drag a box or turn the wheel to zoom.",
  defaults,
  mount
};

function mount(into: HTMLElement, host: Host): Mounted {
  const stage = h("div.map", h("p", "The engine is starting …"));
  into.append(stage);
  let tab: MapView|undefined;
  let state = defaults;
  let hidden = false;
  host.engine.list().then(lists => {
    tab = new MapView(stage, host, lists);
    if (hidden) tab.pause();
    tab.update(state);
  }, (error: Error) => stage.replaceChildren(h("p.notice", {role: "alert"}, `The engine did not start: ${error.message}.`)));
  return {
    update(next) {
      state = next;
      tab?.update(next);
    },
    pause() {
      hidden = true;
      tab?.pause();
    },
    resume() {
      hidden = false;
      tab?.resume();
    }
  };
}

/** What the picture showed, to be drawn under a new one until that is there. */
interface Backdrop extends View {
  picture: HTMLCanvasElement;
}

const settleTime = 300;

class MapView {
  private state: State = defaults;
  private view: View = {x: parseSide(defaults["x"]!)!, y: parseSide(defaults["y"]!)!};
  private run: MapRun|undefined;
  private engines: Engine[] = [];
  private shownOptions = "";
  private readonly views: {x: string; y: string}[] = [];
  private hidden = false;
  private stopped = false;

  private picture = document.createElement("canvas");
  private edges = new Uint16Array(0);
  private backdrop: Backdrop|undefined;
  private box: Box = {left: 0, top: 0, width: 1, height: 1};
  private frameWanted = false;
  private settling: ReturnType<typeof setTimeout>|undefined;
  /** A view on its way to the state, while fingers or the wheel still move. */
  private moving: View|undefined;
  private cursor: {column: number; row: number}|undefined;
  private chosen = -1;
  private curves: MapCurve[] = [];

  private readonly canvas = h("canvas.pixels", {"aria-hidden": "true"});
  private readonly frame = h("div.frame", {"aria-hidden": "true"});
  private readonly band = h("div.map-band", {hidden: true});
  private readonly spot = h("div.map-spot", {hidden: true});
  private readonly chosenSpot = h("div.map-spot.mine", {hidden: true});
  private readonly tip = h("div.tip", {hidden: true, "aria-hidden": "true"});
  private readonly surface = h("div.surface.plane", {
    tabindex: 0,
    role: "application",
    "aria-label": "Map of networks. Arrow keys move, Enter opens a network, Escape closes it, plus and minus zoom, Backspace goes back."
  });
  private readonly legend = h("div");
  private readonly theoryNote = h("p.note");
  private readonly progress = h("progress", {max: 1, value: 0, "aria-label": "Networks trained"});
  private readonly status = h("p.status");
  private readonly backButton: HTMLButtonElement;
  private readonly stopButton: HTMLButtonElement;
  private readonly card: NetworkCard;
  private readonly presetNote = h("p.note");
  private readonly presetText = h("span");
  private readonly zoomButton: HTMLButtonElement;
  private readonly presetButtons: HTMLButtonElement[];
  private readonly controls: MapControls;

  constructor(into: HTMLElement, private readonly host: Host, lists: Lists) {
    this.card = new NetworkCard(host, () => this.surface.focus());
    this.backButton = button("← Back", () => this.back(), {disabled: true});
    this.stopButton = button("Stop", () => this.toggleStop());
    this.zoomButton = button("Zoom to the edge", () => this.zoomPreset(), {class: "chip", hidden: true});
    this.presetNote.append(this.presetText, " ", this.zoomButton);
    this.presetButtons = presets.map(preset => button(preset.name, () => this.choosePreset(preset), {class: "chip", "aria-pressed": "false"}));
    this.controls = new MapControls(lists, {
      change: changes => this.change(changes),
      axis: (which, setting) => this.chooseAxis(which, setting),
      detail: (columns, rows) => this.chooseDetail(columns, rows)
    });
    this.surface.append(this.canvas, this.frame, this.spot, this.chosenSpot, this.band, this.tip);
    into.classList.add("map");
    into.replaceChildren(
        h("div.presets", {role: "group", "aria-label": "Maps to begin with"}, this.presetButtons), this.presetNote,
        h("div.map-layout",
            h("div.map-stage", this.surface, this.legend, this.theoryNote,
                h("div.map-bar", this.backButton, button("−", () => this.zoom(zoomStep ** 2, 0.5, 0.5), {"aria-label": "Zoom out"}),
                    button("+", () => this.zoom(zoomStep ** -2, 0.5, 0.5), {"aria-label": "Zoom in"}), this.stopButton,
                    this.progress, this.status),
                this.card.element),
            h("div.map-side", this.controls.element,
                h("div.map-bar", button("PNG", () => this.savePng(), {class: "quiet"}),
                    button("CSV", () => this.saveCsv(), {class: "quiet"}),
                    button("Whole view", () => this.wholeView(), {class: "quiet"})))));
    listenTo(this.surface, {
      box: () => this.box,
      view: () => this.moving ?? this.view,
      zoomFrom: (view, factor, x, y) => {
        this.moving = view;
        this.zoom(factor, x, y, true);
      },
      zoom: (factor, x, y) => this.zoom(factor, x, y, true),
      pan: (dx, dy) => this.pan(dx, dy, true),
      look: (left, right, bottom, top) => this.look(left, right, bottom, top),
      choose: at => this.choose(this.pixelAt(at)),
      hover: at => this.hover(at),
      band: (from, to) => this.showBand(from, to),
      leave: () => {
        this.tip.hidden = true;
        if (document.activeElement !== this.surface) this.spot.hidden = true;
      }
    });
    this.surface.addEventListener("keydown", event => this.key(event));
    new ResizeObserver(() => this.layout()).observe(this.surface);
    // Colours of axes and curves follow the theme by themselves; the pixels are the same in both.
  }

  update(state: State): void {
    const {x, y} = {x: parseSide(state["x"]!), y: parseSide(state["y"]!)};
    const problem = !x ? `The address has no axis “${state["x"]!.slice(0, 40)}”.`
        : !y           ? `The address has no axis “${state["y"]!.slice(0, 40)}”.`
        : x.setting === y.setting ? "Both axes have the same setting."
                                  : "";
    if (problem) {
      this.host.notice(`${problem} This is the map to begin with.`);
      state = {...state, x: defaults["x"]!, y: defaults["y"]!};
    }
    this.state = state;
    const view = {x: parseSide(state["x"]!)!, y: parseSide(state["y"]!)!};
    const options = this.options(view);
    const text = JSON.stringify(options);
    this.showControls(view);
    this.chosen = /^\d+$/.test(state["pixel"]!) ? Number(state["pixel"]) : -1;
    if (text === this.shownOptions) return this.showChosen();
    this.keepBackdrop(view);
    this.shownOptions = text;
    [this.view, this.moving] = [view, undefined];
    this.start(options);
  }

  pause(): void {
    this.hidden = true;
    this.run?.pause();
  }

  resume(): void {
    this.hidden = false;
    if (!this.stopped) this.run?.resume();
    this.showStatus();
  }

  // ---- what is trained

  private options(view: View): MapOptions {
    const s = this.state;
    const varies = [view.x.setting, view.y.setting];
    const both = varies.includes("sigma_w") && varies.includes("sigma_b");
    return {
      map: `${sideText(view.x)},${sideText(view.y)}`,
      data: s["data"]!,
      activation: s["activation"]!,
      width: s["width"]!,
      samples: s["samples"]!,
      optimizer: s["optimizer"]!,
      batch_size: s["batch_size"]!,
      steps: s["steps"]!,
      dtype: s["dtype"]!,
      seed: s["seed"]!,
      ...(both ? {} : {init: s["init"]!}),
      ...(varies.includes("depth") ? {} : {depth: s["depth"]!}),
      ...(varies.includes("lr") ? {} : {lr: s["lr"]!})
    };
  }

  private change(changes: Record<string, string>): void { this.host.set({pixel: "", ...changes}); }

  private chooseAxis(which: "x"|"y", setting: string): void {
    const other = which === "x" ? "y" : "x";
    const detail = detailOf(this.view);
    const fresh = (name: string, of: "x"|"y") => {
      const usual = settings[name]!.usual;
      const count = of === "x" ? detail[0] : detail[1];
      return sideText({...usual, count: name === "depth" ? Math.min(count, usual.to - usual.from + 1) : count});
    };
    const changes: Record<string, string> = {[which]: fresh(setting, which)};
    if (this.view[other].setting === setting) changes[other] = fresh(this.view[which].setting, other);
    this.forget();
    this.change(changes);
  }

  private choosePreset(preset: Preset): void {
    this.forget();
    this.host.set({...defaults, ...preset.state});
    this.host.announce(preset.says);
  }

  /** To the next of the preset's views; Back returns. */
  private zoomPreset(): void {
    const zooms = presetOf(this.state)?.zooms ?? [];
    const next = zooms[zooms.findIndex(zoom => zoom.x === this.state["x"]) + 1];
    if (!next) return;
    this.views.push({x: this.state["x"]!, y: this.state["y"]!});
    this.change(next);
  }

  private chooseDetail(columns: number, rows: number): void {
    const at = (side: Side, count: number) =>
        sideText({...side, count: side.setting === "depth" ? Math.min(count, side.to - side.from + 1) : count});
    this.change({x: at(this.view.x, columns), y: at(this.view.y, rows)});
  }

  private wholeView(): void {
    const first = this.views[0];
    this.forget();
    if (first) this.change(first);
  }

  private start(options: MapOptions): void {
    // A worker that still trains what nobody looks at any more is ended.
    if (this.run?.active) {
      for (const engine of this.engines) engine.end();
      this.engines = [];
    }
    this.run?.end();
    this.stopped = false;
    const workers = Math.max(1, Math.min(2, (navigator.hardwareConcurrency || 2) - 1));
    while (this.engines.length < workers) this.engines.push(this.host.newEngine());
    this.picture = document.createElement("canvas");
    this.edges = new Uint16Array(0);
    const run: MapRun = new MapRun(options, this.engines, {
      planned: plan => {
        if (run !== this.run) return;
        [this.picture.width, this.picture.height] = [plan.columns, plan.rows];
        this.edges = new Uint16Array(plan.columns * plan.rows).fill(0xffff);
        this.host.command(plan.command);
        this.legend.replaceChildren(mapLegend(plan.steps));
        this.layout();
        this.showChosen();
      },
      trained: batch => run === this.run && this.paint(run, batch),
      done: () => {
        if (run !== this.run) return;
        this.showStatus();
        this.host.announce(`All ${run.size} networks are trained. ${this.summary(run)}`);
      },
      failed: message => {
        if (run !== this.run) return;
        this.host.notice(message);
        this.showStatus();
      }
    });
    this.run = run;
    if (this.hidden) run.pause();
    void run.start();
    void this.askTheory(options);
    this.layout();
    this.showStatus();
  }

  private async askTheory(options: MapOptions): Promise<void> {
    const mine = this.shownOptions;
    try {
      const curves = await this.host.engine.mapTheory(options);
      if (mine !== this.shownOptions) return;
      this.curves = curves;
      this.theoryNote.textContent = curves.length
          ? `Dashed, by theory: ${curves.map(c => `${prettier(c.name)} (${c.source})`).join("; ")}.` : "";
      this.layout();
    } catch {
      // The map itself says what is wrong with its options.
    }
  }

  // ---- the picture

  /** What is there now stays, where it belongs in the new view, until new pixels cover it. */
  private keepBackdrop(view: View): void {
    const same = this.view.x.setting === view.x.setting && this.view.y.setting === view.y.setting &&
        this.view.x.log === view.x.log && this.view.y.log === view.y.log;
    const kept = {...JSON.parse(this.shownOptions || "{}"), map: ""};
    const next = {...this.options(view), map: ""};
    if (!same || JSON.stringify(kept) !== JSON.stringify(next) || this.picture.width < 2) {
      this.backdrop = undefined;
      this.curves = [];
      this.theoryNote.textContent = "";
      return;
    }
    const picture = document.createElement("canvas");
    [picture.width, picture.height] = [512, 384];
    const to = picture.getContext("2d")!;
    to.imageSmoothingEnabled = false;
    this.drawBackdrop(to, 512, 384, this.view);
    to.drawImage(this.picture, 0, 0, 512, 384);
    this.backdrop = {picture, ...this.view};
  }

  private paint(run: MapRun, batch: MapBatch): void {
    const {columns, rows, steps, constant_loss} = run.plan!;
    const to = this.picture.getContext("2d")!;
    for (const pixel of batch.pixels) {
      const [r, g, b] = pixelColor(run.pixel(pixel)!, steps, constant_loss);
      to.fillStyle = `rgb(${r},${g},${b})`;
      const [column, row] = [pixel % columns, Math.floor(pixel / columns)];
      for (let y = row; y < Math.min(rows, row + batch.edge); ++y) {
        for (let x = column; x < Math.min(columns, column + batch.edge); ++x) {
          if (this.edges[y * columns + x]! < batch.edge) continue;
          this.edges[y * columns + x] = batch.edge;
          to.fillRect(x, rows - 1 - y, 1, 1);
        }
      }
    }
    if (batch.pixels.includes(this.chosen)) this.showChosen();
    this.redraw();
  }

  private redraw(): void {
    if (this.frameWanted) return;
    this.frameWanted = true;
    requestAnimationFrame(() => {
      this.frameWanted = false;
      this.draw();
      this.showStatus();
    });
  }

  private layout(): void {
    const width = this.surface.clientWidth;
    if (width < 80) return;
    const height = Math.round(Math.max(260, Math.min(0.75 * width, innerHeight - 330)));
    this.surface.style.height = `${height}px`;
    this.drawFrame(width, height);
    const ratio = Math.min(2, devicePixelRatio || 1);
    [this.canvas.width, this.canvas.height] = [Math.round(this.box.width * ratio), Math.round(this.box.height * ratio)];
    Object.assign(this.canvas.style, {
      left: `${this.box.left}px`,
      top: `${this.box.top}px`,
      width: `${this.box.width}px`,
      height: `${this.box.height}px`
    });
    this.draw();
    this.placeSpots();
  }

  private areaOf(side: Side) {
    const [low, high] = ends(side);
    return side.log ? {setting: side.setting, log: true, low: Math.exp(low), high: Math.exp(high)}
                    : {setting: side.setting, log: false, low, high};
  }

  private drawFrame(width: number, height: number): void {
    const view = this.moving ?? this.view;
    const [x, y] = [this.areaOf(view.x), this.areaOf(view.y)];
    const drawn = mapFrame(width, height, x, y, this.curves);
    drawn.svg.querySelectorAll("[aria-label]").forEach(group => group.removeAttribute("aria-label"));
    this.frame.replaceChildren(drawn.svg);
    const [left, top] = [drawn.x(x.low), drawn.y(y.high)];
    this.box = {left, top, width: drawn.x(x.high) - left, height: drawn.y(y.low) - top};
  }

  private draw(): void {
    const to = this.canvas.getContext("2d")!;
    const [w, t] = [this.canvas.width, this.canvas.height];
    to.clearRect(0, 0, w, t);
    to.imageSmoothingEnabled = false;
    const view = this.moving ?? this.view;
    this.drawBackdrop(to, w, t, view);
    if (this.picture.width > 1 && this.run?.plan) drawPart(to, this.picture, this.view, view, w, t);
  }

  private drawBackdrop(to: CanvasRenderingContext2D, w: number, t: number, view: View): void {
    if (this.backdrop) drawPart(to, this.backdrop.picture, this.backdrop, view, w, t);
  }

  private showStatus(): void {
    const run = this.run;
    const [done, all] = [run?.trainedCount ?? 0, run?.size ?? 0];
    this.progress.value = all ? done / all : 0;
    this.progress.hidden = all > 0 && done === all;
    this.status.textContent = !all ? "Beginning …"
        : done === all             ? `${number(all)} networks. ${this.summary(run!)}`
                       : `${number(done)} of ${number(all)} networks${run!.rate() ? `, ${number(run!.rate(), 2)} a second` : ""}${
                             this.stopped ? ", stopped" : ""}`;
    this.stopButton.hidden = all > 0 && done === all;
    this.stopButton.textContent = this.stopped ? "Go on" : "Stop";
    this.backButton.disabled = this.views.length === 0;
    this.surface.dataset["trained"] = String(done);
    this.surface.dataset["size"] = String(all);
  }

  private summary(run: MapRun): string {
    let [learned, diverged] = [0, 0];
    for (let i = 0; i < run.size; ++i) {
      const p = run.pixel(i);
      if (p?.learned) ++learned;
      if (p?.diverged) ++diverged;
    }
    return `${learned} learned, ${diverged} diverged, ${run.size - learned - diverged} did neither.`;
  }

  private toggleStop(): void {
    this.stopped = !this.stopped;
    if (this.stopped) this.run?.pause();
    else this.run?.resume();
    this.showStatus();
  }

  // ---- moving about

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.run?.plan) return;
    const moves: Record<string, [number, number]> = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]};
    const {columns, rows} = this.run.plan;
    const now = this.cursor ?? {column: Math.floor(columns / 2), row: Math.floor(rows / 2)};
    const move = moves[event.key];
    if (move && event.shiftKey) {
      this.pan(move[0] / 8, move[1] / 8);
    } else if (move) {
      this.cursor = {
        column: Math.max(0, Math.min(columns - 1, now.column + move[0])),
        row: Math.max(0, Math.min(rows - 1, now.row + move[1]))
      };
      this.showTip(this.cursor, true);
    } else if (event.key === "Enter" || event.key === " ") {
      this.choose(now.row * columns + now.column);
    } else if (event.key === "+" || event.key === "=" || event.key === "-") {
      this.zoom(event.key === "-" ? zoomStep ** 2 : zoomStep ** -2, (now.column + 0.5) / columns, (now.row + 0.5) / rows);
    } else if (event.key === "Backspace") {
      this.back();
    } else if (event.key === "Escape") {
      this.tip.hidden = this.spot.hidden = this.band.hidden = true;
      this.card.close();
    } else {
      return;
    }
    event.preventDefault();
  }

  /** The view becomes the part low … high of itself. `soon`: more is likely to follow. */
  private look(left: number, right: number, bottom: number, top: number, soon = false): void {
    const view = this.moving ?? this.view;
    const count = (side: Side, which: 0|1) => (side.setting === "depth" ? detailOf(view)[which] : side.count);
    const next = {x: part(view.x, left, right, count(view.x, 0)), y: part(view.y, bottom, top, count(view.y, 1))};
    if (tooNarrow(next.x) || tooNarrow(next.y)) {
      this.host.notice("Here neighbouring pixels are the same number: there is nothing more to see.");
      return;
    }
    this.moving = next;
    this.layout();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.settle(), soon ? settleTime : 0);
  }

  private settle(): void {
    const next = this.moving;
    if (!next) return;
    const [x, y] = [sideText(next.x), sideText(next.y)];
    if (x === this.state["x"] && y === this.state["y"]) {
      this.moving = undefined;
      return this.layout();
    }
    this.views.push({x: this.state["x"]!, y: this.state["y"]!});
    this.change({x, y});
  }

  private zoom(factor: number, x: number, y: number, soon = false): void {
    this.look(x - x * factor, x + (1 - x) * factor, y - y * factor, y + (1 - y) * factor, soon);
  }

  private pan(dx: number, dy: number, soon = false): void { this.look(dx, 1 + dx, dy, 1 + dy, soon); }

  private back(): void {
    const view = this.views.pop();
    if (!view) return;
    this.change(view);
    this.showStatus();
  }

  private forget(): void {
    this.views.length = 0;
    this.moving = undefined;
    clearTimeout(this.settling);
  }

  private showBand(a?: Place, b?: Place): void {
    this.band.hidden = !a || !b;
    if (!a || !b) return;
    this.tip.hidden = true;
    const {left, top, width, height} = this.box;
    Object.assign(this.band.style, {
      left: `${left + Math.min(a.x, b.x) * width}px`,
      top: `${top + (1 - Math.max(a.y, b.y)) * height}px`,
      width: `${Math.abs(a.x - b.x) * width}px`,
      height: `${Math.abs(a.y - b.y) * height}px`
    });
  }

  // ---- one pixel

  private pixelAt(at: {x: number; y: number}): number {
    const plan = this.run?.plan;
    if (!plan) return -1;
    const [column, row] = [Math.min(plan.columns - 1, Math.floor(at.x * plan.columns)), Math.min(plan.rows - 1, Math.floor(at.y * plan.rows))];
    return row * plan.columns + column;
  }

  private hover(at: {x: number; y: number}): void {
    const pixel = this.pixelAt(at);
    if (pixel < 0 || this.moving) return;
    const {columns} = this.run!.plan!;
    this.showTip({column: pixel % columns, row: Math.floor(pixel / columns)}, false);
  }

  private showTip(place: {column: number; row: number}, speak: boolean): void {
    const {columns, rows, steps, constant_loss} = this.run!.plan!;
    const pixel = this.run!.pixel(place.row * columns + place.column);
    this.cursor = place;
    const words = pixel ? pixelWords(pixel) : "not trained yet";
    const where = `${symbol(this.view.x)} ${number(valueOf(this.view.x, place.column), 4)}, ${symbol(this.view.y)} ${number(valueOf(this.view.y, place.row), 4)}`;
    this.tip.replaceChildren(h("strong", where),
        h("div", pixel ? h("i", {"--swatch": cssColor(pixel, steps, constant_loss)}) : null, h("span", words)));
    this.tip.hidden = false;
    this.put(this.spot, place);
    const {left, top, width, height} = this.box;
    const x = left + ((place.column + 0.5) / columns) * width;
    const y = top + (1 - (place.row + 0.5) / rows) * height;
    const room = this.surface.clientWidth;
    this.tip.style.left = `${Math.max(4, Math.min(room - this.tip.offsetWidth - 4, x > room / 2 ? x - this.tip.offsetWidth - 14 : x + 14))}px`;
    this.tip.style.top = `${Math.max(4, Math.min(y - 14, top + height - this.tip.offsetHeight - 4))}px`;
    if (speak) this.host.announce(`${where}: ${words}`);
  }

  private put(spot: HTMLElement, {column, row}: {column: number; row: number}): void {
    const plan = this.run?.plan;
    spot.hidden = !plan || column >= plan.columns || row >= plan.rows;
    if (spot.hidden || !plan) return;
    const {left, top, width, height} = this.box;
    const [w, t] = [width / plan.columns, height / plan.rows];
    Object.assign(spot.style, {
      left: `${left + column * w - 2}px`,
      top: `${top + height - (row + 1) * t - 2}px`,
      width: `${w + 4}px`,
      height: `${t + 4}px`
    });
  }

  private placeSpots(): void {
    this.spot.hidden = true;
    const plan = this.run?.plan;
    this.chosenSpot.hidden = true;
    if (plan && this.chosen >= 0 && !this.moving)
      this.put(this.chosenSpot, {column: this.chosen % plan.columns, row: Math.floor(this.chosen / plan.columns)});
  }

  private choose(pixel: number): void {
    if (pixel >= 0) this.host.set({pixel: String(pixel)});
  }

  private showChosen(): void {
    this.placeSpots();
    if (this.run) void this.card.show(this.run, this.chosen, this.view, this.state["width"]!);
  }

  // ---- controls, files

  private showControls(view: View): void {
    this.controls.show(this.state, view);
    const active = presetOf(this.state);
    this.presetButtons.forEach((b, i) => b.setAttribute("aria-pressed", String(presets[i] === active)));
    this.presetText.textContent = active?.says ?? "";
    this.zoomButton.hidden = !active?.zooms;
    this.zoomButton.disabled = active?.zooms?.at(-1)?.x === this.state["x"];
    this.zoomButton.textContent = active?.zooms?.some(zoom => zoom.x === this.state["x"]) ? "Zoom in further" : "Zoom to the edge";
  }

  private saveCsv(): void {
    const run = this.run;
    if (!run?.plan) return;
    const {columns} = run.plan;
    const rows = Array.from({length: run.size}, (_, i) => {
      const p: MapPixel|undefined = run.pixel(i);
      return [valueOf(this.view.x, i % columns), valueOf(this.view.y, Math.floor(i / columns)), p?.loss ?? null, p?.learned ?? null, p?.diverged ?? null];
    });
    download("map.csv", "text/csv", csv([this.view.x.setting, this.view.y.setting, "train_loss", "learned", "diverged"], rows));
  }

  /** The picture with its axes and curves, on paper, at twice its size. */
  private savePng(): void {
    const chart = this.frame.querySelector("svg")!.cloneNode(true) as SVGSVGElement;
    const {left, top, width, height} = this.box;
    chart.prepend(svg("image", {href: this.canvas.toDataURL(), x: left, y: top, width, height, "image-rendering": "pixelated"}));
    this.frame.append(chart);
    const text = standaloneSvg(chart, {
      svg: () => chart,
      kicker: `${this.state["activation"]} on ${this.state["data"]}: blue learned, brown to amber diverged, grey neither`,
      title: this.run?.plan?.command ?? "",
      file: "map",
      legend: () => [],
      data: () => ({columns: [], rows: []})
    });
    chart.remove();
    const image = new Image();
    image.addEventListener("load", () => {
      const page = document.createElement("canvas");
      [page.width, page.height] = [2 * image.width, 2 * image.height];
      page.getContext("2d")!.drawImage(image, 0, 0, page.width, page.height);
      page.toBlob(blob => blob && download("map.png", "image/png", blob));
    });
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  }
}

/** A picture of one area into another one. */
function drawPart(to: CanvasRenderingContext2D, picture: HTMLCanvasElement, of: View,
    view: View, w: number, t: number): void {
  const [from, target] = [{x: ends(of.x), y: ends(of.y)}, {x: ends(view.x), y: ends(view.y)}];
  const at = (value: number, [low, high]: [number, number]) => (value - low) / (high - low);
  const [x0, x1] = from.x.map(v => at(v, target.x) * w) as [number, number];
  const [y0, y1] = from.y.map(v => (1 - at(v, target.y)) * t) as [number, number];
  to.drawImage(picture, x0, y1, x1 - x0, y0 - y1);
}


const prettier = (name: string) => name.replace("chi1", "χ₁").replace("xi_c", "ξ");

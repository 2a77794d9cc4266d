// A line chart that moves: its paths are set anew as a net trains, and it leaves as SVG or CSV like the report's.
import {h, svg} from "../dom";
import {exportTools, type LegendItem} from "../figure";
import {number, power} from "../format";

export interface LiveLine {
  name: string;
  color: string;
  dash?: string;
  /** Over the history's steps; NaN or null where there is no number. */
  y: readonly(number|null)[];
  /** A line of its own steps, as the other net's. */
  x?: readonly number[];
  faint?: boolean;
}

export interface LiveChartOptions {
  title: string;
  file: string;
  log?: boolean;
  /** Fixed ends of the axis. */
  domain?: [number, number];
  /** What is healthy, as a band with its name. */
  band?: {from: number; to: number; name: string};
  format?: (value: number) => string;
  height?: number;
}

/** Numbers over steps, thinned to every second one when there are too many to see. */
export class History<Row> {
  readonly steps: number[] = [];
  readonly rows: Row[] = [];
  private spacing = 0;

  constructor(private readonly most = 360) {}

  /** Whether this step is far enough from the last one to be kept. */
  wants(step: number): boolean { return !this.steps.length || step >= this.steps.at(-1)! + this.spacing; }
  push(step: number, row: Row): void {
    this.steps.push(step);
    this.rows.push(row);
    if (this.steps.length <= this.most) return;
    const even = (_: unknown, i: number) => i % 2 === 0;
    this.steps.splice(0, Infinity, ...this.steps.filter(even));
    this.rows.splice(0, Infinity, ...this.rows.filter(even));
    this.spacing = (this.steps.at(-1)! - this.steps[0]!) / this.steps.length;
  }
  clear(): void {
    this.steps.length = this.rows.length = 0;
    this.spacing = 0;
  }
}

const margin = {
  left: 44,
  right: 10,
  top: 8,
  bottom: 22
};

export class LiveChart {
  readonly element: HTMLElement;
  private readonly root = svg("svg", {"font-size": 11}) as SVGSVGElement;
  private readonly axes = svg("g");
  private readonly paths = svg("g", {fill: "none", "stroke-linejoin": "round"});
  private readonly cross = svg("line", {stroke: "currentColor", "stroke-opacity": 0.5, visibility: "hidden"});
  private readonly tip = h("div.tip", {"aria-live": "polite", hidden: true});
  private readonly keys = h("div.keys");
  private readonly surface: HTMLElement;
  private width = 0;
  private steps: readonly number[] = [];
  private lines: readonly LiveLine[] = [];
  private drawnKeys = "";
  private drawnAxes = "";
  private peer: LiveChart|undefined;
  private stop = -1;
  private x: (step: number) => number = () => 0;

  constructor(private readonly options: LiveChartOptions) {
    this.root.append(this.axes, this.paths, this.cross);
    const {title, file} = options;
    const tools =
        exportTools({title, file, legend: () => this.legend(), data: () => this.data(), svg: () => this.root});
    this.surface = h("div", {
      class: "live-surface",
      tabindex: 0,
      role: "group",
      "aria-roledescription": "chart",
      "aria-label": `${options.title} by step. Arrow keys read the values.`
    },
        this.root, this.tip);
    this.element = h("figure.live", h("figcaption", options.title), this.keys, this.surface, tools);
    new ResizeObserver(([entry]) => {
      this.width = Math.floor(entry!.contentRect.width);
      this.drawnAxes = "";
      this.draw();
    }).observe(this.surface);
    this.surface.addEventListener("pointermove", event => {
      const at = event.clientX - this.surface.getBoundingClientRect().left;
      let best = -1;
      this.steps.forEach((step, i) => {
        if (best < 0 || Math.abs(this.x(step) - at) < Math.abs(this.x(this.steps[best]!) - at)) best = i;
      });
      this.show(best);
    });
    for (const leave of ["pointerleave", "blur"]) this.surface.addEventListener(leave, () => this.show(-1));
    this.surface.addEventListener("keydown", event => {
      const last = this.steps.length - 1;
      const page = Math.max(1, Math.round(this.steps.length / 40));
      const to = event.key === "Home"  ? 0
          : event.key === "End"        ? last
          : event.key === "ArrowLeft"  ? (this.stop < 0 ? last : Math.max(0, this.stop - page))
          : event.key === "ArrowRight" ? Math.min(last, this.stop + page)
          : event.key === "Escape"     ? -1
                                       : undefined;
      if (to === undefined) return;
      event.preventDefault();
      this.show(to);
    });
  }

  /** With a peer, the other net's chart, on a common axis. */
  set(steps: readonly number[], lines: readonly LiveLine[], peer?: LiveChart): void {
    this.steps = steps;
    this.lines = lines;
    this.peer = peer;
    this.draw();
  }

  private draw(): void {
    if (this.width < 80) return;
    const {log = false, height = 132} = this.options;
    const fixed = this.options.domain;
    const [low, high] = fixed ?? rounded(span([...this.lines, ...(this.peer?.lines ?? [])], log), log);
    const last = Math.max(10, ...this.lines.map(line => (line.x ?? this.steps).at(-1) ?? 0));
    const [right, bottom] = [this.width - margin.right, height - margin.bottom];
    const scale = (v: number) => log ? Math.log10(v) : v;
    const [bottomValue, topValue] = [scale(low), scale(high)];
    this.x = step => margin.left + (step / last) * (right - margin.left);
    const y = (v: number) =>
        bottom - ((scale(v) - bottomValue) / (topValue - bottomValue || 1)) * (bottom - margin.top);
    this.drawAxes(low, high, last, y, right, bottom, height);
    this.drawKeys();
    while (this.paths.childElementCount > this.lines.length) this.paths.lastElementChild!.remove();
    this.lines.forEach((line, i) => {
      const path = this.paths.children[i] ?? this.paths.appendChild(svg("path"));
      path.setAttribute("d", trace(line, this.steps, this.x, v => Math.max(margin.top, Math.min(bottom, y(v))), log));
      path.setAttribute("stroke", line.color);
      path.setAttribute("stroke-width", line.faint ? "1.2" : "1.8");
      path.setAttribute("stroke-opacity", line.faint ? "0.55" : "1");
      if (line.dash)
        path.setAttribute("stroke-dasharray", line.dash);
      else
        path.removeAttribute("stroke-dasharray");
    });
  }

  private drawAxes(low: number, high: number, last: number, y: (v: number) => number, right: number, bottom: number,
      height: number): void {
    const rough = last / 4;
    const ten = 10 ** Math.floor(Math.log10(rough));
    const stepTick = [1, 2, 5, 10].map(m => m * ten).find(t => t >= rough) ?? rough;
    const key = [low, high, Math.floor(last / stepTick), stepTick, this.width].join();
    // Ticks move with each frame, their number seldom: the x axis is cheap enough to be set each time.
    const ticks = [];
    for (let t = stepTick; t <= last; t += stepTick) ticks.push(t);
    if (key !== this.drawnAxes) {
      this.drawnAxes = key;
      this.root.setAttribute("width", String(this.width));
      this.root.setAttribute("height", String(height));
      const {band, log = false, format = (v: number) => number(v, 2)} = this.options;
      const yTicks = log ? powersBetween(low, high) : [0, 0.5, 1].map(share => low + share * (high - low));
      const shown = band && band.to > low && band.from < high;
      const [bandTop, bandBottom] = shown ? [y(Math.min(band.to, high)), y(Math.max(band.from, low))] : [0, 0];
      this.axes.replaceChildren(
          ...(shown ? [
            svg("rect", {x: margin.left, y: bandTop, width: right - margin.left, height: Math.max(0, bandBottom - bandTop),
                         fill: "var(--confirmed)", "fill-opacity": 0.12}),
            svg("text", {x: right - 4, y: bandTop + 12, fill: "var(--confirmed)", "text-anchor": "end"}, band.name)
          ] : []),
          ...yTicks.flatMap(v => [
            svg("line", {x1: margin.left, x2: right, y1: y(v), y2: y(v), stroke: "var(--grid)"}),
            svg("text", {x: margin.left - 6, y: y(v), dy: "0.32em", fill: "var(--muted)", "text-anchor": "end"},
                log ? power(Math.round(Math.log10(v))) : format(v))
          ]),
          ...ticks.map(() => svg("text", {y: bottom + 15, fill: "var(--muted)", "text-anchor": "middle"})));
    }
    const texts = [...this.axes.children].slice(-ticks.length);
    ticks.forEach((t, i) => {
      texts[i]!.setAttribute("x", this.x(t).toFixed(1));
      texts[i]!.textContent = number(t);
    });
  }

  private drawKeys(): void {
    const named = this.lines.filter(line => !line.faint || line.name);
    const key = named.map(line => line.name + line.color + line.dash).join();
    if (key === this.drawnKeys) return;
    this.drawnKeys = key;
    this.keys.replaceChildren(
        ...named.map(line => h("span", h("i", {"--swatch": line.color, class: line.dash ? "dashed" : ""}), line.name)));
  }

  private show(stop: number): void {
    this.stop = stop;
    this.tip.hidden = stop < 0 || !this.steps.length;
    this.cross.setAttribute("visibility", this.tip.hidden ? "hidden" : "visible");
    if (this.tip.hidden) return;
    const step = this.steps[stop]!;
    const x = this.x(step);
    for (const [name, value] of [
             ["x1", x], ["x2", x], ["y1", margin.top], ["y2", (this.options.height ?? 132) - margin.bottom]] as const)
      this.cross.setAttribute(name, String(value));
    this.tip.replaceChildren(h("strong", `step ${number(step)}`),
        ...this.lines.filter(line => !line.x)
            .map(line => h(
                     "div", h("i", {"--swatch": line.color}), h("span", line.name), h("b", number(line.y[stop], 3)))));
    const left = x > this.width / 2;
    this.tip.style.left = left ? "" : `${x + 10}px`;
    this.tip.style.right = left ? `${this.width - x + 10}px` : "";
  }

  private legend(): LegendItem[] {
    return this.lines.map(({name, color, dash}) => ({name, color, kind: dash ? "dashed" : "line"}));
  }
  private data() {
    const own = this.lines.filter(line => !line.x);
    return {
      columns: ["step", ...own.map(line => line.name)],
      rows: this.steps.map((step, i) => [step, ...own.map(line => finite(line.y[i]))])
    };
  }
}

const finite = (v: number|null|undefined) => v === null || v === undefined || !Number.isFinite(v) ? null : v;

function trace(line: LiveLine, steps: readonly number[], x: (v: number) => number, y: (v: number) => number,
    log: boolean): string {
  const at = line.x ?? steps;
  let d = "";
  let pen = false;
  for (let i = 0; i < at.length; ++i) {
    const v = line.y[i];
    const usable = v !== null && v !== undefined && Number.isFinite(v) && (!log || v > 0);
    if (usable) d += `${pen ? "L" : "M"}${x(at[i]!).toFixed(1)} ${y(v).toFixed(1)}`;
    pen = usable;
  }
  return d;
}

function span(lines: readonly LiveLine[], log: boolean): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const {y} of lines) {
    for (const v of y) {
      if (v === null || !Number.isFinite(v) || (log && v <= 0)) continue;
      if (v < low) low = v;
      if (v > high) high = v;
    }
  }
  return low <= high ? [low, high] : log ? [1e-4, 1] : [0, 1];
}

/** Ends that are easy to read and do not move with every frame. */
function rounded([low, high]: [number, number], log: boolean): [number, number] {
  if (log) {
    const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
    return [10 ** from, 10 ** Math.max(to, from + 1)];
  }
  const top = Math.max(high, 1e-9);
  const ten = 10 ** Math.floor(Math.log10(top));
  return [Math.min(0, low), [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map(m => m * ten).find(t => t >= top) ?? top];
}

function powersBetween(low: number, high: number): number[] {
  const [from, to] = [Math.round(Math.log10(low)), Math.round(Math.log10(high))];
  const stride = Math.max(1, Math.ceil((to - from) / 4));
  return Array.from({length: Math.floor((to - from) / stride) + 1}, (_, i) => 10 ** (from + i * stride));
}

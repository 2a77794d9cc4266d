// Signal and gradient layer by layer on their way: forward from left to right, then backward from right to left. Each
// column is the histogram of one layer on a logarithmic axis; on it the measured rms, and what theory says of it.
import {h, svg} from "../dom";
import {number, power} from "../format";
import type {Histograms, Num, PropagatedLayer, Propagation} from "./engine";
import {handle} from "./handle";
import {Shades} from "./shades";

/** Square roots of q, and the gradient's rms as it is. */
const lanes = [
  {name: "q", title: "Signal, forward →", root: true, color: "var(--signal)"},
  {name: "gradient_rms", title: "← Gradient, backward", root: false, color: "var(--gradient)"}
] as const;
type Lane = (typeof lanes)[number];

const margin = {
  left: 46,
  right: 16,
  top: 20
};
const axisHeight = 30;
/** Of one shaded cell, in powers of ten. */
const cell = 0.125;
/** Beyond these the axis does not follow. */
const far = 24;

const fields = ["", "_low", "_high", "_theory", "_theory_low", "_theory_high"] as const;
type Field = (typeof fields)[number];

/** log10 of a number of that layer; NaN where there is none. */
function log(row: PropagatedLayer, {name, root}: Lane, field: Field): number {
  const v = row[`${name}${field}`];
  return v !== null && v !== undefined && v > 0 ? Math.log10(v) / (root ? 2 : 1) : NaN;
}

/** Share of a layer's numbers whose log10 |v| lies below `s`. */
function shareBelow(histograms: Histograms, layer: number, total: number, rmsLog: number, lane: Lane): (s: number) =>
    number {
  const {bins, lowest, highest, counts} = histograms;
  const size = (highest - lowest) / bins;
  const count = (i: number) => counts[layer * bins + i]!;
  if (!lane.root) {
    const sums = new Float64Array(bins + 1);
    for (let i = 0; i < bins; i++) sums[i + 1] = sums[i]! + count(i) / total;
    return s => {
      const place = Math.max(0, Math.min(bins, (s - lowest) / size));
      const i = Math.min(bins - 1, Math.floor(place));
      return sums[i]! + (sums[i + 1]! - sums[i]!) * (place - i);
    };
  }
  // Of z in units of its rms: both sides of 0 together, evenly within a bin.
  return s => {
    const reach = 10 ** (s - rmsLog);
    let sum = 0;
    for (let i = 0; i < bins; i++) {
      const [a, b] = [lowest + i * size, lowest + (i + 1) * size];
      sum += count(i) * Math.max(0, Math.min(b, reach) - Math.max(a, -reach)) / size;
    }
    return sum / total;
  };
}

interface Range {
  low: number;
  high: number;
}

function rangeOf(layers: PropagatedLayer[], lane: Lane): Range {
  let [low, high] = [-1.5, 1];
  for (const row of layers) {
    for (const field of ["", "_theory"] as const) {
      const v = log(row, lane, field);
      if (Number.isFinite(v)) [low, high] = [Math.min(low, v - 1.2), Math.max(high, v + 0.8)];
    }
  }
  return {low: Math.max(-far, Math.floor(low * 2) / 2), high: Math.min(far, Math.ceil(high * 2) / 2)};
}

export interface StageEvents {
  /** A layer to look at, from 1. */
  look(layer: number): void;
}

export class LayersStage {
  readonly element: HTMLElement;
  private readonly frame = h("div.frame");
  private readonly cursor;
  private readonly observer: ResizeObserver;
  private width = 0;
  private net: Propagation | undefined;
  private layer = 1;
  /** 0 … 1 forward, 1 … 2 backward; at 2 all has arrived. */
  private progress = 2;
  private clips: [SVGElement, SVGElement] | undefined;
  private pulse: SVGElement | undefined;
  private mark: SVGElement | undefined;
  private drawn: SVGSVGElement | undefined;
  private laneHeight = 0;

  constructor(events: StageEvents) {
    this.cursor = handle({
      label: "Layer to look at",
      class: "bead",
      x: {lowest: 1, highest: 1, step: 1},
      at: px => ({x: Math.round((px - margin.left) / this.step + 0.5), y: 0}),
      say: layer => this.sayLayer(layer),
      change: layer => events.look(layer)
    });
    this.element = h("div.surface.layers-stage", this.frame, this.cursor.element);
    this.cursor.follow(this.element, this.element);
    this.observer = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry!.contentRect.width);
      if (width === this.width || width < 100) return;
      this.width = width;
      this.draw();
    });
    this.observer.observe(this.frame);
  }

  get svg(): SVGSVGElement | undefined { return this.drawn; }
  get depth(): number { return this.net?.layers.length ?? 1; }

  show(net: Propagation): void {
    this.net = net;
    this.layer = Math.min(this.layer, this.depth);
    this.cursor.limit({lowest: 1, highest: this.depth, step: 1});
    this.draw();
  }
  look(layer: number): void {
    this.layer = Math.max(1, Math.min(this.depth, layer));
    this.move();
  }
  play(progress: number): void {
    this.progress = progress;
    this.move();
  }

  private get step(): number { return (this.width - margin.left - margin.right) / this.depth; }
  private px(layer: number): number { return margin.left + (layer - 0.5) * this.step; }
  private laneTop(i: number): number { return margin.top + i * (this.laneHeight + axisHeight + 18); }

  private sayLayer(layer: number): string {
    const row = this.net?.layers[layer - 1];
    if (!row) return `layer ${layer}`;
    const [signal, gradient] = lanes.map(lane => number(10 ** log(row, lane, ""), 2));
    return `layer ${layer} of ${this.depth}, rms signal ${signal}, rms gradient ${gradient}`;
  }

  private draw(): void {
    const net = this.net;
    if (!net || this.width < 100) return;
    this.laneHeight = Math.round(Math.max(130, Math.min(164, this.width * 0.32)));
    const height = this.laneTop(1) + this.laneHeight + 8;
    const right = this.width - margin.right;
    this.clips = [svg("rect", {}), svg("rect", {})];
    this.pulse = svg("rect", {width: 3, height: this.laneHeight, rx: 1.5, fill: "var(--accent)"});
    this.mark = svg("line", {y1: margin.top, y2: height - 8, stroke: "var(--ink)", "stroke-dasharray": "2 3"});
    const content = lanes.flatMap((lane, i) => {
      const top = this.laneTop(i);
      const range = rangeOf(net.layers, lane);
      const scale = this.laneHeight / (range.high - range.low);
      const py = (v: number) => top + (range.high - Math.max(range.low - 2, Math.min(range.high + 2, v))) * scale;
      const inside = `lane-clip-${i}`;
      const clip = svg("clipPath", {id: inside}, this.clips![i]);
      return [
        clip, ...this.axes(lane, range, top, right, py),
        svg("g", {"clip-path": `url(#${inside})`}, this.shades(net, lane, range, py), this.curves(net.layers, lane, py))
      ];
    });
    const ticks = Math.max(1, Math.ceil(this.depth / Math.max(4, this.width / 55)));
    const between = this.laneTop(0) + this.laneHeight + 17;
    const numbers =
        net.layers.filter(row => row.layer === 1 || row.layer % ticks === 0)
            .map(row => svg("text", {x: this.px(row.layer), y: between, "text-anchor": "middle", fill: "var(--muted)"},
                     String(row.layer)));
    this.drawn = svg("svg", {
      width: this.width,
      height,
      viewBox: `0 0 ${this.width} ${height}`,
      class: "plot",
      role: "img",
      "aria-label": `Root mean square of signal and gradient in each of ${this.depth} layers, measured and by theory.`
    },
                     content, numbers, svg("text", {x: 2, y: between, fill: "var(--muted)"}, "layer"), this.mark,
                     this.pulse) as SVGSVGElement;
    this.frame.replaceChildren(this.drawn);
    this.move();
  }

  private axes(lane: Lane, {low, high}: Range, top: number, right: number, py: (v: number) => number): SVGElement[] {
    const step = [1, 2, 3, 4, 6, 10].find(s => (high - low) / s <= this.laneHeight / 30) ?? 12;
    const result: SVGElement[] = [];
    for (let e = Math.ceil(low / step) * step; e <= high; e += step) {
      result.push(
          svg("line", {x1: margin.left, x2: right, y1: py(e), y2: py(e), stroke: e ? "var(--grid)" : "var(--faint)"}),
          svg("text", {x: margin.left - 7, y: py(e), dy: "0.32em", "text-anchor": "end", fill: "var(--muted)"},
              e === 0 ? "1" : power(e)));
    }
    const back = lane === lanes[1];
    result.push(svg("text", {
      x: back ? right : margin.left,
      y: top - 7,
      "text-anchor": back ? "end" : "start",
      fill: lane.color,
      "font-weight": 600
    },
        lane.title));
    return result;
  }

  /** How the numbers of each layer are spread: darker where there are more. */
  private shades(net: Propagation, lane: Lane, {low, high}: Range, py: (v: number) => number): SVGElement[] {
    const histograms = lane.root ? net.pre_activations : net.gradients;
    const shades = new Shades();
    const gap = this.step > 5 ? 1 : 0;
    for (let l = 0; l < this.depth; l++) {
      let total = 0;
      for (let i = 0; i < histograms.bins; i++) total += histograms.counts[l * histograms.bins + i]!;
      if (!(total > 0)) continue;
      const below = shareBelow(histograms, l, total, log(net.layers[l]!, lane, ""), lane);
      let before = below(low);
      for (let s = low; s < high; s += cell) {
        const now = below(s + cell);
        shades.add(Math.min(1, Math.sqrt((now - before) / 0.16)) * 0.62, this.px(l + 0.5) + gap / 2, py(s + cell),
            this.step - gap, py(s) - py(s + cell) + 0.4);
        before = now;
      }
    }
    return shades.drawn(lane.color);
  }

  private curves(layers: PropagatedLayer[], lane: Lane, py: (v: number) => number): SVGElement[] {
    const line = (field: Field, from = layers) => {
      let pen = "M";
      return from
          .map(row => {
            const v = log(row, lane, field);
            if (!Number.isFinite(v)) return (pen = "M", "");
            const text = `${pen}${this.px(row.layer).toFixed(1)} ${py(v).toFixed(1)}`;
            pen = "L";
            return text;
          })
          .join("");
    };
    // The band of theory at this width, where one is known.
    const banded =
        layers.filter(row => Number.isFinite(log(row, lane, "_theory_low") + log(row, lane, "_theory_high")));
    const back = line("_theory_low", [...banded].reverse()).replace("M", "L");
    const band = banded.length > 1 ? `${line("_theory_high", banded)}${back}Z` : "";
    const dots =
        this.step < 5 ? [] : layers.filter(row => Number.isFinite(log(row, lane, ""))).map(row => svg("circle", {
          cx: this.px(row.layer),
          cy: py(log(row, lane, "")),
          r: Math.min(3.2, this.step / 3),
          fill: lane.color
        }));
    return [
      svg("path", {d: band, fill: "var(--ink)", "fill-opacity": 0.13, "data-mark": "band"}),
      svg("path", {d: line(""), fill: "none", stroke: lane.color, "stroke-width": 2.2, "data-mark": "measured"}),
      ...dots, svg("path", {
        d: line("_theory"),
        fill: "none",
        stroke: "var(--ink)",
        "stroke-width": 1.3,
        "stroke-dasharray": "3 4",
        "data-mark": "theory"
      })
    ];
  }

  private move(): void {
    if (!this.clips || !this.pulse || !this.mark) return;
    const room = this.width - margin.left - margin.right;
    const [forward, backward] = [Math.min(1, this.progress), Math.max(0, this.progress - 1)];
    const put = (rect: SVGElement, x: number, y: number, width: number) => {
      for (const [name, v] of Object.entries({x, y, width, height: this.laneHeight}))
        rect.setAttribute(name, v.toFixed(1));
    };
    put(this.clips[0], margin.left - 5, this.laneTop(0), forward * room + 10);
    put(this.clips[1], margin.left - 5 + (1 - backward) * room, this.laneTop(1), backward * room + 10);
    const lane = this.progress < 1 ? 0 : 1;
    put(this.pulse, margin.left + (lane ? 1 - backward : forward) * room - 1.5, this.laneTop(lane), 3);
    this.pulse.setAttribute("visibility", this.progress < 2 ? "visible" : "hidden");
    const x = this.px(this.layer);
    this.mark.setAttribute("x1", x.toFixed(1));
    this.mark.setAttribute("x2", x.toFixed(1));
    this.cursor.place(x, this.laneTop(0) + this.laneHeight + axisHeight / 2 + 6, this.layer);
  }
}

/** What the stage shows, as a table. */
export function stageData(net: Propagation | undefined): {columns: string[]; rows: (number | Num)[][]} {
  const columns = lanes.flatMap(({name}) => fields.map(field => `${name}${field}`));
  return {
    columns: ["layer", ...columns],
    rows: (net?.layers ?? []).map(row => [row.layer, ...columns.map(c => row[c] ?? null)])
  };
}

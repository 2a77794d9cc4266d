// The drawing of the Curves tab: activations and slopes over the density of what goes in, and beside them that of what
// comes out. Moving z changes a few attributes; only other curves or another size draw anew.
import {h, svg} from "../dom";
import {number} from "../format";
import type {Curve} from "./engine";
import {handle, type Handle} from "./handle";

export interface Shown {
  name: string;
  color: string;
  curve: Curve;
}

/** What goes in, z ~ N(mean, std^2), and the focused activation sampled over it. */
export interface Input {
  mean: number;
  std: number;
  samples: Curve;
  /** The share that comes out as exactly 0. */
  zero: number;
  /** max |f'|, in units of which a slope is small. */
  steepest: number;
}

export interface StageState {
  curves: Shown[];
  focus: number;
  reach: number;
  z: number;
  input: Input;
}

export interface StageOptions {
  moveZ(z: number): void;
  moveInput(mean: number, std: number): void;
  /** Of the focused activation at z, for screen readers. */
  sayZ(z: number): string;
}

/** A slope is gone, and a unit saturated there, below this share of the largest: as the engine's probe has it. */
export const goneSlope = 1e-3;

const margin = {
  left: 30,
  right: 84,
  top: 22
};
const ticksHeight = 26;
const densityHeight = 92;
const bottom = 30;

const bell = (z: number, mean: number, std: number) =>
    Math.exp(-(((z - mean) / std) ** 2) / 2) / (std * Math.sqrt(2 * Math.PI));

/** Value and slope at z between samples, by the cubic through their values and slopes; straight where a kink lies. */
export function at({x, value, slope, kinks}: Curve, z: number): {value: number; slope: number} {
  const last = x.length - 1;
  const step = (x[last]! - x[0]!) / last;
  const i = Math.max(0, Math.min(last - 1, Math.floor((z - x[0]!) / step)));
  const [left, right] = [x[i]!, x[i + 1]!];
  const kink = kinks.find(k => k >= left && k <= right);
  if (kink !== undefined) {
    const near = z <= kink ? i : i + 1;
    return {value: value[near]! + slope[near]! * (z - x[near]!), slope: slope[near]!};
  }
  const t = (z - left) / step;
  const [v0, v1, s0, s1] = [value[i]!, value[i + 1]!, slope[i]! * step, slope[i + 1]! * step];
  const [c2, c3] = [3 * (v1 - v0) - 2 * s0 - s1, 2 * (v0 - v1) + s0 + s1];
  return {value: v0 + t * (s0 + t * (c2 + t * c3)), slope: (s0 + t * (2 * c2 + 3 * t * c3)) / step};
}

/** As a path; where it jumps at a kink it is lifted. Numbers far outside are cut, what is no number is left out. */
function path(x: Float64Array, y: Float64Array, kinks: number[], px: (x: number) => number, py: (y: number) => number,
    jump: number): string {
  let text = "";
  let pen = "M";
  for (let i = 0; i < x.length; i++) {
    const v = y[i]!;
    if (!Number.isFinite(v)) {
      pen = "M";
      continue;
    }
    if (i && Math.abs(v - y[i - 1]!) > jump && kinks.some(k => k >= x[i - 1]! && k <= x[i]!)) pen = "M";
    text += `${pen}${px(x[i]!).toFixed(1)} ${Math.max(-2000, Math.min(4000, py(v))).toFixed(1)}`;
    pen = "L";
  }
  return text;
}

/** Mass of what comes out in bins over [low, high], from samples of the function over what goes in. */
function pushForward({x, value}: Curve, mean: number, std: number, low: number, high: number, bins: number): number[] {
  const mass = new Array<number>(bins).fill(0);
  const size = (high - low) / bins;
  for (let i = 0; i + 1 < x.length; i++) {
    const share = bell((x[i]! + x[i + 1]!) / 2, mean, std) * (x[i + 1]! - x[i]!);
    const [a, b] = [Math.min(value[i]!, value[i + 1]!), Math.max(value[i]!, value[i + 1]!)];
    if (!Number.isFinite(a + b)) continue;
    const [first, last] = [Math.floor((a - low) / size), Math.floor((b - low) / size)];
    for (let bin = Math.max(0, first); bin <= Math.min(bins - 1, last); bin++) {
      const covered = Math.min(b, low + (bin + 1) * size) - Math.max(a, low + bin * size);
      mass[bin]! += share * (first === last ? 1 : covered / (b - a));
    }
  }
  return mass;
}

export class CurveStage {
  readonly element: HTMLElement;
  private readonly frame = h("div.frame");
  private readonly z: Handle;
  private readonly mean: Handle;
  private readonly std: Handle;
  private state: StageState | undefined;
  private width = 0;
  private height = 0;
  private unit = 1;
  private top = 1;
  private drawn: SVGSVGElement | undefined;
  private moving:
      {line: SVGElement; out: SVGElement; tangent: SVGElement; dots: [SVGElement, SVGElement][]} | undefined;

  constructor(options: StageOptions) {
    const inputs = {lowest: -50, highest: 50, step: 0.01};
    this.z = handle({
      label: "z, the input",
      class: "grip",
      x: inputs,
      at: px => ({x: this.toX(px), y: 0}),
      say: z => options.sayZ(z),
      change: z => options.moveZ(z)
    });
    this.mean = handle({
      label: "Mean of the inputs",
      class: "bead",
      x: {lowest: -50, highest: 50, step: 0.05},
      at: px => ({x: this.toX(px), y: 0}),
      say: mean => `mean ${number(mean)}`,
      change: mean => options.moveInput(mean, this.state!.input.std)
    });
    this.std = handle({
      label: "Standard deviation of the inputs",
      class: "bead small",
      x: {lowest: 0.05, highest: 20, step: 0.05},
      at: px => ({x: this.toX(px) - this.state!.input.mean, y: 0}),
      say: std => `standard deviation ${number(std)}`,
      change: std => options.moveInput(this.state!.input.mean, std)
    });
    const surface = h("div.surface.curve-stage", this.frame, this.z.element, this.mean.element, this.std.element);
    this.mean.follow(this.mean.element, surface);
    this.std.follow(this.std.element, surface);
    this.z.follow(surface, surface);
    this.element = surface;
    new ResizeObserver(([entry]) => {
      const width = Math.floor(entry!.contentRect.width);
      if (width === this.width || width < 100) return;
      this.width = width;
      if (this.state) this.draw();
    }).observe(this.frame);
  }

  get svg(): SVGSVGElement | undefined { return this.drawn; }

  show(state: StageState): void {
    const before = this.state;
    this.state = state;
    if (!this.width) return;
    const same = before && before.curves === state.curves && before.focus === state.focus &&
        before.reach === state.reach && before.input === state.input && this.drawn;
    if (!same)
      this.draw();
    else
      this.move();
  }

  private toX(px: number): number { return (px - margin.left) / this.unit - this.state!.reach; }
  private px(x: number): number { return margin.left + (x + this.state!.reach) * this.unit; }
  private py(y: number): number { return margin.top + (this.top - y) * this.unit; }

  private draw(): void {
    const {curves, focus, reach, input} = this.state!;
    const plot = this.width - margin.left - margin.right;
    this.unit = plot / (2 * reach);
    this.height = Math.round(Math.max(220, Math.min(400, plot * 0.68)));
    const units = this.height / this.unit;
    const low = -0.3 * units;
    this.top = low + units;
    const base = margin.top + this.height + ticksHeight + densityHeight;
    const total = base + bottom;
    const [right, floor] = [margin.left + plot, margin.top + this.height];
    const px = (x: number) => this.px(x);
    const py = (y: number) => this.py(y);
    const line = (x1: number, y1: number, x2: number, y2: number, stroke: string, more = {}) =>
        svg("line", {x1, y1, x2, y2, stroke, ...more});
    const words = (x: number, y: number, text: string, more = {}) =>
        svg("text", {x, y, fill: "var(--muted)", ...more}, text);

    const step = reach <= 6 ? 1 : reach <= 12 ? 2 : reach <= 30 ? 5 : 10;
    const grid: SVGElement[] = [];
    for (let x = -Math.floor(reach / step) * step; x <= reach; x += step) {
      grid.push(line(px(x), margin.top, px(x), floor, x === 0 ? "var(--faint)" : "var(--grid)"));
      grid.push(words(px(x), floor + 16, number(x), {"text-anchor": "middle"}));
    }
    for (let y = Math.ceil(low / step) * step; y < this.top; y += step) {
      grid.push(line(margin.left, py(y), right, py(y), y === 0 ? "var(--faint)" : "var(--grid)"));
      grid.push(words(margin.left - 7, py(y), number(y), {"text-anchor": "end", dy: "0.32em"}));
    }

    const order = curves.map((_, i) => i).filter(i => i !== focus).concat(focus);
    const clip = "curve-clip";
    const lines = order.flatMap(i => {
      const {curve, color} = curves[i]!;
      const bold = i === focus;
      const common = {fill: "none", stroke: color, "stroke-linejoin": "round", "clip-path": `url(#${clip})`};
      const slope = path(curve.x, curve.slope, curve.kinks, px, py, 0.02);
      const value = path(curve.x, curve.value, curve.kinks, px, py, 0.2);
      return [
        svg("path", {d: slope, ...common, "stroke-width": bold ? 1.8 : 1.3, "stroke-dasharray": "6 4"}),
        svg("path", {d: value, ...common, "stroke-width": bold ? 3 : 2})
      ];
    });

    const front = curves[focus];
    const density = front ? this.density(base, px, front.color, input) : [];
    const outputs = front ? this.outputs(right + 8, low, front.color, input) : [];
    const dot = (fill: string, stroke: string) => svg("circle", {r: 5, fill, stroke, "stroke-width": 2});
    this.moving = {
      line: line(0, margin.top, 0, base, "var(--ink)", {"stroke-dasharray": "2 3"}),
      out: line(0, 0, right + 8, 0, "var(--ink)", {"stroke-dasharray": "2 3"}),
      tangent: line(0, 0, 0, 0, "var(--ink)", {"stroke-width": 1.6, "clip-path": `url(#${clip})`}),
      dots: curves.map(c => [dot(c.color, "var(--paper)"), dot("var(--paper)", c.color)])
    };
    const dots = this.moving.dots.flat();
    const drawing =
        svg("svg", {
          width: this.width,
          height: total,
          viewBox: `0 0 ${this.width} ${total}`,
          class: "plot",
          role: "img",
          "aria-label":
              "Curves of the chosen activations, solid, and of their slopes, dashed; below, the density of the inputs."
        },
            svg("clipPath", {id: clip}, svg("rect", {x: margin.left, y: margin.top, width: plot, height: this.height})),
            grid, words(this.width, 11, "what comes out", {"text-anchor": "end"}),
            words(margin.left, 11, "f solid, slope dashed"), density, outputs, lines, this.moving.line, this.moving.out,
            this.moving.tangent, dots) as SVGSVGElement;
    this.drawn = drawing;
    this.frame.replaceChildren(drawing);
    const edges = {lowest: -reach, highest: reach};
    this.z.limit({...edges, step: reach / 200});
    this.mean.limit({...edges, step: 0.05});
    const density0 = bell(0, 0, input.std) * this.densityScale(input);
    const inside = (x: number) => px(Math.max(-reach, Math.min(reach, x)));
    this.mean.place(inside(input.mean), base - density0, input.mean);
    this.std.place(inside(input.mean + input.std), base - density0 * Math.exp(-0.5), input.std);
    this.move();
  }

  /** Pixels a unit of density: a wide one is low, a narrow one stays in its strip. */
  private densityScale({std}: Input): number {
    return Math.min(densityHeight - 8, 160 / std / Math.sqrt(2 * Math.PI)) / bell(0, 0, std);
  }

  /** What goes in, and of it where f is exactly 0 and where its slope is gone. */
  private density(base: number, px: (x: number) => number, color: string, input: Input): SVGElement[] {
    const {mean, std, samples, steepest} = input;
    const {reach} = this.state!;
    const scale = this.densityScale(input);
    const points = 240;
    const xs = Array.from({length: points + 1}, (_, i) => -reach + (2 * reach * i) / points);
    const y = (x: number) => base - bell(x, mean, std) * scale;
    const outline = xs.map((x, i) => `${i ? "L" : "M"}${px(x).toFixed(1)} ${y(x).toFixed(1)}`).join("");
    const area = (from: number, to: number) => {
      const inside = xs.filter(x => x > from && x < to);
      const over = [from, ...inside, to].map(x => `L${px(x).toFixed(1)} ${y(x).toFixed(1)}`).join("");
      return `M${px(from).toFixed(1)} ${base}${over}L${px(to).toFixed(1)} ${base}Z`;
    };
    const gone: SVGElement[] = [];
    const last = samples.x.length - 1;
    let from = NaN;
    for (let i = 0; i <= last; i++) {
      const flat = Math.abs(samples.slope[i]!) < goneSlope * steepest;
      if (flat && Number.isNaN(from)) from = samples.x[i]!;
      if (Number.isNaN(from) || (flat && i < last)) continue;
      const [a, b] = [Math.max(-reach, from), Math.min(reach, samples.x[i]!)];
      if (b > a) gone.push(svg("path", {d: area(a, b), fill: "var(--gone)", "data-mark": "gone"}));
      from = NaN;
    }
    const right = px(reach);
    return [
      svg("path", {d: area(-reach, reach), fill: color, "fill-opacity": 0.22}), ...gone,
      svg("path", {d: outline, fill: "none", stroke: "var(--muted)", "stroke-width": 1.2}),
      svg("line", {x1: margin.left, x2: right, y1: base, y2: base, stroke: "var(--faint)"}),
      svg("text", {x: margin.left, y: base - densityHeight + 12, fill: "var(--muted)"}, "what goes in"),
      svg("text", {x: margin.left, y: base + 18, fill: "var(--muted)"},
          `z ~ N(${number(mean)}, ${number(std)}²): drag the bell and its side`)
    ];
  }

  /** What comes out, on the scale of what goes in; what is too much for its room ends at the edge. */
  private outputs(x: number, low: number, color: string, {mean, std, samples, zero}: Input): SVGElement[] {
    const room = margin.right - 10;
    const size = 3;
    const bins = Math.floor(this.height / size);
    const mass = pushForward(samples, mean, std, low, low + (bins * size) / this.unit, bins);
    const scale = (room * 0.62 * Math.min(1, std)) / (0.4 * (size / this.unit));
    const bars = mass.map((share, i) => {
      const width = Math.min(room, share * scale);
      const y = margin.top + this.height - (i + 1) * size;
      return width < 0.3 ? null : svg("rect", {x, y, width, height: size, fill: color, "fill-opacity": 0.45});
    });
    const atom = zero < 0.01 ? [] : [
      svg("rect", {x, y: this.py(0) - 2, width: room, height: 4, fill: color}),
      svg("text", {x: x + room, y: this.py(0) + 16, "text-anchor": "end", fill: "var(--ink)", "font-weight": 600},
          `${number(100 * zero, 2)} % are 0`)
    ];
    return [...bars.filter(bar => bar !== null), ...atom];
  }

  private move(): void {
    const {curves, focus, z, reach} = this.state!;
    const {line, out, tangent, dots} = this.moving!;
    const put = (element: SVGElement, values: Record<string, number>) => {
      for (const [name, value] of Object.entries(values)) element.setAttribute(name, value.toFixed(1));
    };
    const hide = (element: SVGElement, hidden: boolean) =>
        element.setAttribute("visibility", hidden ? "hidden" : "visible");
    const x = this.px(z);
    const floor = margin.top + this.height;
    const inside = (y: number) => y >= margin.top && y <= floor;
    put(line, {x1: x, x2: x});
    curves.forEach(({curve}, i) => {
      const point = at(curve, z);
      const [value, slope] = dots[i]!;
      const [y, ySlope] = [this.py(point.value), this.py(point.slope)];
      put(value, {cx: x, cy: Number.isFinite(y) ? y : -99});
      put(slope, {cx: x, cy: Number.isFinite(ySlope) ? ySlope : -99});
      hide(value, !inside(y));
      hide(slope, !inside(ySlope));
      if (i !== focus) return;
      const far = 110 / Math.hypot(1, point.slope);
      put(tangent, {x1: x - far, y1: y + far * point.slope, x2: x + far, y2: y - far * point.slope});
      put(out, {x1: x, y1: y, y2: y});
      hide(tangent, !inside(y));
      hide(out, !inside(y));
    });
    hide(line, Math.abs(z) > reach);
    this.z.place(x, floor + 12, z);
  }
}

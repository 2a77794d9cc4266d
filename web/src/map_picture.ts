// A map of networks as a picture: blue where they learned (the lighter, the sooner), brown to amber where they diverged
// (the lighter, the later), grey where they did neither; told apart by colour-blind readers, the same in both themes.
import {line} from "@observablehq/plot";
import {drawing, type Drawing} from "./drawing";
import {h} from "./dom";
import {number} from "./format";
import type {Num} from "./model";

export interface MapAxis {
  setting: string;
  log: boolean;
  /** The ends of the area: half a pixel beyond the first and the last value. */
  low: number;
  high: number;
}

export interface MapCurve {
  name: string;
  source: string;
  x: Num[];
  y: Num[];
}

/** What became of one network; 0: it did not. */
export interface MapPixel {
  loss: Num;
  learned: number;
  diverged: number;
}

type Rgb = [number, number, number];

const learnedRamp: Rgb[] = [[222, 240, 250], [142, 200, 232], [67, 147, 200], [28, 92, 156], [12, 40, 92]];
const divergedRamp: Rgb[] = [[48, 24, 14], [110, 45, 12], [178, 80, 12], [236, 138, 32], [255, 206, 110]];
// Middle greys, which recede on light and on dark paper.
const neitherRamp: Rgb[] = [[158, 158, 160], [96, 96, 100]];

function along(ramp: Rgb[], share: number): Rgb {
  const at = Math.max(0, Math.min(1, share)) * (ramp.length - 1);
  const i = Math.min(ramp.length - 2, Math.floor(at));
  return ramp[i]!.map((from, c) => Math.round(from + (at - i) * (ramp[i + 1]![c]! - from))) as Rgb;
}

/** By the step, on a logarithm: most happens early. */
const time = (step: number, steps: number) => Math.log(Math.max(1, step)) / Math.log(Math.max(2, steps));

export function pixelColor(p: MapPixel, steps: number, constantLoss: number): Rgb {
  if (p.learned > 0) return along(learnedRamp, time(p.learned, steps));
  if (p.diverged > 0) return along(divergedRamp, time(p.diverged, steps));
  return along(neitherRamp, p.loss === null ? 1 : Math.log2(p.loss / constantLoss / 0.5) / 2);
}

const css = ([r, g, b]: Rgb) => `rgb(${r},${g},${b})`;
export const cssColor = (p: MapPixel, steps: number, constantLoss: number) => css(pixelColor(p, steps, constantLoss));

export function pixelWords(p: MapPixel): string {
  const loss = p.loss === null ? "not a number" : number(p.loss);
  if (p.learned > 0) return `learned by step ${number(p.learned)}, final loss ${loss}`;
  if (p.diverged > 0) return `diverged at step ${number(p.diverged)}, final loss ${loss}`;
  return `neither learned nor diverged, final loss ${loss}`;
}

/** Three ramps with their ends in words. */
export function mapLegend(steps: number): HTMLElement {
  const ramp = (name: string, colors: Rgb[], from: string, to: string) =>
      h("span.ramp", h("b", name), h("small", from),
          h("i", {"--ramp": `linear-gradient(to right, ${colors.map(css).join(", ")})`}), h("small", to));
  return h("p.map-legend", ramp("learned", learnedRamp, "in step 1", `in step ${number(steps)}`),
      ramp("diverged", divergedRamp, "in step 1", `in step ${number(steps)}`),
      ramp("neither", neitherRamp, "half the constant answer's loss", "twice it"));
}

export const settingNames: Record<string, string> = {
  sigma_w: "σw, standard deviation of the weights × √fan-in",
  sigma_b: "σb, standard deviation of the biases",
  depth: "hidden layers",
  lr: "learning rate"
};

export const margins = {left: 58, right: 14, top: 12, bottom: 42};

/** Axes and the theory's curves over an area that is left empty for the pixels. */
export function mapFrame(width: number, height: number, x: MapAxis, y: MapAxis, curves: MapCurve[]): Drawing {
  const scale = (axis: MapAxis) => ({
    type: axis.log ? "log" as const : "linear" as const,
    domain: [axis.low, axis.high],
    label: settingNames[axis.setting] ?? axis.setting,
    labelArrow: "none" as const,
    clamp: false,
    ticks: axis.log && axis.high / axis.low > 30 ? Math.ceil(Math.log10(axis.high / axis.low)) : 6,
    tickFormat: (v: number) => tick(v, axis)
  });
  const points = curves.flatMap((curve, c) => curve.x.map((at, i) => ({x: at, y: curve.y[i]!, c})));
  const shown = (p: {x: Num; y: Num}) => p.x !== null && p.y !== null && (!x.log || p.x > 0) && (!y.log || p.y > 0);
  const usable = points.map(p => (shown(p) ? p : {...p, x: NaN, y: NaN}));
  const common = {x: "x", y: "y", z: "c", clip: true as const, strokeLinejoin: "round" as const};
  return drawing({
    width,
    height,
    marginLeft: margins.left,
    marginRight: margins.right,
    marginTop: margins.top,
    marginBottom: margins.bottom,
    x: {...scale(x), labelAnchor: "center"},
    y: {...scale(y), labelAnchor: "center"},
    marks: curves.length ? [
      line(usable, {...common, stroke: "#101418", strokeWidth: 4.5}),
      line(usable, {...common, stroke: "#ffffff", strokeWidth: 2, strokeDasharray: "7 4"})
    ] : []
  });
}

/** As many digits as tell neighbouring ticks of a narrow range apart. */
function tick(v: number, axis: MapAxis): string {
  const span = Math.abs(axis.high - axis.low) / Math.max(Math.abs(axis.high), Math.abs(axis.low));
  return number(v, Math.max(3, Math.min(15, 2 - Math.floor(Math.log10(span)))));
}

/** Values of `count` pixels with their ends in the middle of the outer pixels, as an area. */
export function areaOf(setting: string, log: boolean, values: number[]): MapAxis {
  const [first, last] = [values[0]!, values.at(-1)!];
  const n = 2 * (values.length - 1);
  if (log) return {setting, log, low: first * (first / last) ** (1 / n), high: last * (last / first) ** (1 / n)};
  return {setting, log, low: first - (last - first) / n, high: last + (last - first) / n};
}

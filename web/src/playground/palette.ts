// The page's colours as numbers, for what is drawn by pixels; they follow the theme.
import {h} from "../dom";

export type Rgb = readonly [red: number, green: number, blue: number];

export interface Palette {
  classes: readonly Rgb[];
  under: Rgb;
  middle: Rgb;
  over: Rgb;
  paper: Rgb;
  raised: Rgb;
  ink: Rgb;
  muted: Rgb;
  faint: Rgb;
  silent: Rgb;
  saturated: Rgb;
  revived: Rgb;
  /** From `under` over `middle` to `over`, as pixels of ImageData. */
  heat: Uint32Array;
}

/** One a class, as in the report's boundary. */
export const classColors =
    ["tanh", "relu", "gelu", "sigmoid", "leaky_relu", "mish", "silu", "elu", "selu"].map(name => `var(--c-${name})`);

const heatLevels = 256;
let current: Palette|undefined;
const listeners = new Set<() => void>();

export function palette(): Palette { return (current ??= read()); }

/** Called after each change of the theme; returns how to stop it. */
export function onTheme(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function changed(): void {
  current = undefined;
  listeners.forEach(listener => listener());
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
new MutationObserver(changed).observe(document.documentElement, {attributeFilter: ["data-theme"]});

function read(): Palette {
  const probe = h("span.probe");
  document.body.append(probe);
  const rgb = (color: string): Rgb => {
    probe.style.setProperty("--swatch", color);
    const [r = 0, g = 0, b = 0] = (getComputedStyle(probe).color.match(/[\d.]+/g) ?? []).map(Number);
    return [r, g, b];
  };
  const variable = (name: string) => rgb(`var(--${name})`);
  const [under, middle, over] = [variable("heat-under"), variable("heat-middle"), variable("heat-over")];
  const result: Palette = {
    classes: classColors.map(rgb),
    under,
    middle,
    over,
    paper: variable("paper"),
    raised: variable("raised"),
    ink: variable("ink"),
    muted: variable("muted"),
    faint: variable("faint"),
    silent: variable("refuted"),
    saturated: variable("conditional"),
    revived: variable("confirmed"),
    heat: Uint32Array.from({length: heatLevels},
        (_, i) => {
          const share = (2 * i) / (heatLevels - 1) - 1;
          return pixel(mix(middle, share < 0 ? under : over, Math.abs(share)));
        })
  };
  probe.remove();
  return result;
}

export function mix(from: Rgb, to: Rgb, share: number): Rgb {
  const part = (i: 0|1|2) => from[i] + (to[i] - from[i]) * share;
  return [part(0), part(1), part(2)];
}

/** As one number of an ImageData's Uint32Array; little-endian, as every machine with a browser is. */
export function pixel([r, g, b]: Rgb): number {
  return ((255 << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r)) >>> 0;
}

/** The pixel of a share in [-1, 1]; NaN has the middle's. */
export function heat(p: Palette, share: number): number {
  const bounded = Number.isNaN(share) ? 0 : Math.max(-1, Math.min(1, share));
  return p.heat[Math.round((bounded + 1) * ((heatLevels - 1) / 2))]!;
}

export function css([r, g, b]: Rgb, alpha = 1): string { return `rgb(${r | 0} ${g | 0} ${b | 0} / ${alpha})`; }

/** For a file, which has its opacity beside the colour. */
export function hex(color: Rgb): string {
  return `#${color.map(part => Math.round(part).toString(16).padStart(2, "0")).join("")}`;
}

/** A canvas of this size in CSS pixels, sharp on this screen, with its drawing state reset. */
export function sized(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = Math.min(2, devicePixelRatio || 1);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    [canvas.width, canvas.height] = [w, h];
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

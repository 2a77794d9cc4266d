// What a net answers over the plane, with the data on it: painted with each frame, read by pointer or arrow keys, and
// a sheet to draw on.
import {h, svg} from "../dom";
import {number} from "../format";
import type {Cell} from "../model";
import {className} from "./drawn_data";
import {css, heat, hex, mix, onTheme, palette, pixel, sized, type Palette, type Rgb} from "./palette";

export interface Area {
  x: [number, number];
  y: [number, number];
}

/** Values over an area, (y, x, outputs) from the lowest y. */
export interface Field {
  grid: number;
  outputs: number;
  values: Float32Array;
}

export type Shades =
    /** Probabilities of the classes, of class 1 where there is one output. */
    {kind: "classes"}|
    /** A number, from blue over nothing to orange. */
    {kind: "number", middle: number, reach: number};

/** In the units of the data. */
export interface Point {
  x: number;
  y: number;
  /** A class, or the value of a regression. */
  label: number;
  test: boolean;
}

export interface Scene {
  area: Area;
  points: readonly Point[];
  /** Names of the classes; null for a regression. */
  classes: readonly string[]|null;
  features: readonly string[];
  /** Colours of a regression's points. */
  shades: Shades;
}

interface Options {
  name: string;
  /** Called while a point is drawn, in the units of the data; null where it is no sheet now. */
  pen: () => ((x: number, y: number, phase: "begin"|"move"|"end"|"erase") => void) | null;
}

/** Pixels between two of the grid's: the border between classes is a line, not a staircase. */
const finer = 4;

export class BoundaryCanvas {
  readonly element: HTMLElement;
  private readonly ground = h("canvas.ground");
  private readonly dots = h("canvas");
  private readonly tip = h("div.tip", {"aria-live": "polite", hidden: true});
  private readonly surface: HTMLElement;
  private image: ImageData|undefined;
  private readonly stopTheme: () => void;
  private side = 0;
  private scene: Scene =
      {area: {x: [-1, 1], y: [-1, 1]}, points: [], classes: [], features: ["x1", "x2"], shades: {kind: "classes"}};
  private field: Field|null = null;
  private shades: Shades = {kind: "classes"};
  private cursor: {x: number; y: number}|null = null;
  private showTest = true;
  private label = "";

  constructor(private readonly options: Options) {
    this.surface = h("div",
        {class: "sheet", tabindex: 0, role: "group", "aria-roledescription": "picture", "aria-label": options.name},
        this.ground, this.dots, this.tip);
    this.element = this.surface;
    this.stopTheme = onTheme(() => this.redraw());
    new ResizeObserver(([entry]) => {
      this.side = Math.floor(entry!.contentRect.width);
      this.redraw();
    }).observe(this.surface);
    this.listen();
  }

  end(): void { this.stopTheme(); }

  setScene(scene: Scene): void {
    this.scene = scene;
    this.drawPoints();
  }
  setTestShown(shown: boolean): void {
    this.showTest = shown;
    this.drawPoints();
  }
  /** `label` is what the values are, where they are not the net's answer. */
  paint(field: Field|null, shades: Shades, label = ""): void {
    this.field = field;
    this.shades = shades;
    this.label = label;
    this.drawGround();
    if (this.cursor) this.read();
  }

  /** The sheet for a file: what is painted as an embedded picture, samples and axes as shapes. */
  svg(): SVGSVGElement|undefined {
    if (this.side < 20) return undefined;
    const p = palette();
    const {area, points, classes, shades, features} = this.scene;
    const side = this.side;
    const dots = points.filter(point => !point.test || this.showTest).map(point => {
      const color = hex(classes ? p.classes[point.label % p.classes.length]! : regressionColor(p, point.label, shades));
      const [fill, stroke] = point.test ? [hex(p.raised), color] : [color, hex(p.raised)];
      return svg("circle", {cx: this.px(point.x).toFixed(2), cy: this.py(point.y).toFixed(2), r: 2.4, fill, stroke});
    });
    const text = (x: number, y: number, anchor: string, words: string) =>
        svg("text", {x, y, "text-anchor": anchor, fill: hex(p.muted)}, words);
    return svg("svg", {width: side, height: side + 20, "font-size": 10},
               svg("image", {width: side, height: side, href: this.ground.toDataURL()}), dots,
               ticks(area.x).map(t => text(this.px(t), side + 13, "middle", number(t))),
               ticks(area.y).map(t => text(4, this.py(t) + 3, "start", number(t))),
               text(side - 4, side + 13, "end", features[0] ?? "x1"), text(4, 12, "start", features[1] ?? "x2")) as
        SVGSVGElement;
  }

  /** What is painted, over the units of the data. */
  data(): {columns: string[]; rows: Cell[][]} {
    const {area, classes, features} = this.scene;
    const {grid, outputs, values} = this.field ?? {grid: 0, outputs: 0, values: new Float32Array()};
    const at = (ends: [number, number], i: number) => ends[0] + ((ends[1] - ends[0]) * i) / (grid - 1);
    const rows = Array.from({length: grid * grid}, (_, i): Cell[] => [
      at(area.x, i % grid), at(area.y, Math.floor(i / grid)), ...values.subarray(i * outputs, (i + 1) * outputs)
    ]);
    const answers = Array.from({length: outputs}, (_, k) => this.label || !classes ? this.label || "answer"
                                   : `probability of ${classes[outputs === 1 ? 1 : k] ?? className(k)}`);
    return {columns: [features[0] ?? "x1", features[1] ?? "x2", ...answers], rows};
  }

  private redraw(): void {
    this.drawGround();
    this.drawPoints();
  }

  /** As few pixels as show it; the browser stretches them over the sheet. */
  private drawGround(): void {
    const size = this.field ? (this.field.grid - 1) * finer + 1 : 1;
    const context = this.ground.getContext("2d")!;
    if (this.image?.width !== size) {
      this.ground.width = this.ground.height = size;
      this.image = context.createImageData(size, size);
    }
    const pixels = new Uint32Array(this.image.data.buffer);
    if (this.field)
      paintField(pixels, size, this.field, this.shades, palette());
    else
      pixels.fill(pixel(palette().raised));
    context.putImageData(this.image, 0, 0);
  }

  private drawPoints(): void {
    if (this.side < 20) return;
    const context = sized(this.dots, this.side, this.side);
    context.clearRect(0, 0, this.side, this.side);
    const p = palette();
    const {points, classes, shades} = this.scene;
    const radius = this.side < 220 ? 2 : points.length > 700 ? 2.4 : 3;
    const color = (label: number) =>
        classes ? css(p.classes[label % p.classes.length]!) : css(regressionColor(p, label, shades));
    const of = (test: boolean) => points.filter(point => point.test === test && (!test || this.showTest));
    context.lineWidth = 1;
    for (const point of of (false)) {
      context.beginPath();
      context.arc(this.px(point.x), this.py(point.y), radius, 0, 2 * Math.PI);
      context.fillStyle = color(point.label);
      context.strokeStyle = css(p.raised);
      context.fill();
      context.stroke();
    }
    for (const point of of (true)) {
      context.beginPath();
      context.arc(this.px(point.x), this.py(point.y), radius - 0.6, 0, 2 * Math.PI);
      context.fillStyle = css(p.raised);
      context.strokeStyle = color(point.label);
      context.lineWidth = 1.2;
      context.fill();
      context.stroke();
    }
    this.drawAxes(context, p);
    if (this.cursor) this.drawCursor(context, p);
  }

  private drawAxes(context: CanvasRenderingContext2D, p: Palette): void {
    context.font = `10px ${getComputedStyle(this.surface).fontFamily}`;
    context.lineJoin = "round";
    context.lineWidth = 3;
    context.strokeStyle = css(p.raised, 0.8);
    context.fillStyle = css(p.muted);
    const write = (text: string, x: number, y: number, align: CanvasTextAlign) => {
      context.textAlign = align;
      context.strokeText(text, x, y);
      context.fillText(text, x, y);
    };
    const {area, features} = this.scene;
    for (const tick of ticks(area.x)) write(number(tick), this.px(tick), this.side - 5, "center");
    for (const tick of ticks(area.y)) write(number(tick), 5, this.py(tick) + 3, "left");
    write(features[0] ?? "x1", this.side - 6, this.side - 5, "right");
    write(features[1] ?? "x2", 5, 13, "left");
  }

  private drawCursor(context: CanvasRenderingContext2D, p: Palette): void {
    const [x, y] = [this.px(this.cursor!.x), this.py(this.cursor!.y)];
    context.strokeStyle = css(p.ink, 0.7);
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, this.side);
    context.moveTo(0, y);
    context.lineTo(this.side, y);
    context.stroke();
  }

  private px(x: number): number {
    return ((x - this.scene.area.x[0]) / (this.scene.area.x[1] - this.scene.area.x[0])) * this.side;
  }
  private py(y: number): number {
    return (1 - (y - this.scene.area.y[0]) / (this.scene.area.y[1] - this.scene.area.y[0])) * this.side;
  }
  private at(event: PointerEvent): {x: number; y: number} {
    const box = this.surface.getBoundingClientRect();
    const {x, y} = this.scene.area;
    return {
      x: x[0] + ((event.clientX - box.left) / box.width) * (x[1] - x[0]),
      y: y[1] - ((event.clientY - box.top) / box.height) * (y[1] - y[0])
    };
  }

  private listen(): void {
    let drawing = false;
    this.surface.addEventListener("pointerdown", event => {
      const pen = this.options.pen();
      if (!pen) return;
      event.preventDefault();
      this.surface.focus();
      this.surface.setPointerCapture(event.pointerId);
      drawing = true;
      const {x, y} = this.at(event);
      pen(x, y, "begin");
    });
    this.surface.addEventListener("pointermove", event => {
      this.cursor = this.at(event);
      if (drawing)
        this.options.pen()?.(this.cursor.x, this.cursor.y, "move");
      else
        this.read();
      this.drawPoints();
    });
    const finish = () => {
      if (drawing) this.options.pen()?.(0, 0, "end");
      drawing = false;
    };
    this.surface.addEventListener("pointerup", finish);
    this.surface.addEventListener("pointercancel", finish);
    const leave = () => {
      this.cursor = null;
      this.tip.hidden = true;
      this.drawPoints();
    };
    this.surface.addEventListener("pointerleave", () => drawing || leave());
    this.surface.addEventListener("blur", leave);
    this.surface.addEventListener("keydown", event => {
      const {x, y} = this.scene.area;
      const stride = event.shiftKey ? 0.1 : 0.02;
      const moves: Record<string, [number, number]> =
          {ArrowRight: [stride, 0], ArrowLeft: [-stride, 0], ArrowUp: [0, stride], ArrowDown: [0, -stride]};
      const pen = this.options.pen();
      const move = moves[event.key];
      if (move) {
        const from = this.cursor ?? {x: (x[0] + x[1]) / 2, y: (y[0] + y[1]) / 2};
        this.cursor = {x: clamp(from.x + move[0] * (x[1] - x[0]), x), y: clamp(from.y + move[1] * (y[1] - y[0]), y)};
      } else if (pen && this.cursor && (event.key === "Enter" || event.key === " ")) {
        pen(this.cursor.x, this.cursor.y, "begin");
        pen(0, 0, "end");
      } else if (pen && this.cursor && (event.key === "Delete" || event.key === "Backspace")) {
        pen(this.cursor.x, this.cursor.y, "erase");
      } else if (event.key === "Escape") {
        return leave();
      } else {
        return;
      }
      event.preventDefault();
      event.stopPropagation();
      this.read();
      this.drawPoints();
    });
  }

  private read(): void {
    const {area, features, classes} = this.scene;
    const {x, y} = this.cursor!;
    const rows: [string, string, string|null][] = [];
    if (this.field) {
      const values = interpolated(
          this.field, (x - area.x[0]) / (area.x[1] - area.x[0]), (y - area.y[0]) / (area.y[1] - area.y[0]));
      if (this.label || !classes) {
        rows.push([this.label || "answer", number(values[0], 3), null]);
      } else {
        const shares = values.length === 1 ? [1 - values[0]!, values[0]!] : values;
        shares.forEach((share, i) => rows.push([
          `class ${classes[i] ?? className(i)}`, `${number(100 * share, 2)} %`, css(palette().classes[i % 9]!)
        ]));
      }
    }
    this.tip.replaceChildren(h("strong", `${features[0]} ${number(x, 2)}, ${features[1]} ${number(y, 2)}`),
        ...rows.map(([name, text, color]) =>
                        h("div", color ? h("i", {"--swatch": color}) : null, h("span", name), h("b", text))));
    this.tip.hidden = false;
    const [left, top] = [this.px(x) < this.side / 2, this.py(y) < this.side / 2];
    this.tip.style.left = left ? `${this.px(x) + 12}px` : "";
    this.tip.style.right = left ? "" : `${this.side - this.px(x) + 12}px`;
    this.tip.style.top = top ? `${this.py(y) + 12}px` : "";
    this.tip.style.bottom = top ? "" : `${this.side - this.py(y) + 12}px`;
  }
}

const clamp = (v: number, [low, high]: [number, number]) => Math.max(low, Math.min(high, v));

function ticks([low, high]: [number, number]): number[] {
  const ten = 10 ** Math.floor(Math.log10((high - low) / 4));
  const stride = [1, 2, 5, 10].map(m => m * ten).find(s => (high - low) / s <= 5) ?? high - low;
  const result = [];
  for (let t = Math.ceil(low / stride) * stride; t <= high; t += stride) {
    // Near the corners stand the names of the features.
    const share = (t - low) / (high - low);
    if (share > 0.08 && share < 0.9) result.push(Number(t.toPrecision(6)));
  }
  return result;
}

/** Of a point whose target is a number. */
export function regressionColor(p: Palette, value: number, shades: Shades): Rgb {
  const share = shades.kind === "number" ? (value - shades.middle) / shades.reach : 0;
  return mix(p.middle, share < 0 ? p.under : p.over, Math.min(1, 0.25 + 0.75 * Math.abs(share)));
}

function interpolated({grid, outputs, values}: Field, right: number, up: number): number[] {
  const [x, y] = [right, up].map(share => Math.max(0, Math.min(grid - 1.001, share * (grid - 1)))) as [number, number];
  const [column, row] = [Math.floor(x), Math.floor(y)];
  const [dx, dy] = [x - column, y - row];
  return Array.from({length: outputs}, (_, k) => {
    const at = (r: number, c: number) => values[((row + r) * grid + column + c) * outputs + k]!;
    return (1 - dy) * ((1 - dx) * at(0, 0) + dx * at(0, 1)) + dy * ((1 - dx) * at(1, 0) + dx * at(1, 1));
  });
}

/** Colours of a scale with two ends that meet in the middle, from -1 to 1. */
function classScale(p: Palette): Uint32Array {
  const levels = 512;
  return Uint32Array.from({length: levels}, (_, i) => {
    const share = (2 * i) / (levels - 1) - 1;
    return pixel(mix(p.raised, p.classes[share < 0 ? 0 : 1]!, 0.08 + 0.55 * Math.abs(share)));
  });
}

const scales = new WeakMap<Palette, Uint32Array>();

/** Paints (size, size) pixels, between whose every `finer`-th the field is interpolated. */
function paintField(pixels: Uint32Array, size: number, field: Field, shades: Shades, p: Palette): void {
  const {grid, outputs, values} = field;
  let scale = scales.get(p);
  if (!scale) scales.set(p, scale = classScale(p));
  const binary = shades.kind === "classes" && outputs <= 2;
  const channel = binary ? outputs - 1 : 0;
  const channels = binary || shades.kind === "number" ? 1 : outputs;
  const palest = 0.08;
  for (let i = 0; i < size; ++i) {
    const row = Math.min(grid - 2, Math.floor(i / finer));
    const dy = i / finer - row;
    const target = (size - 1 - i) * size;
    for (let j = 0; j < size; ++j) {
      const column = Math.min(grid - 2, Math.floor(j / finer));
      const dx = j / finer - column;
      const from = (row * grid + column) * outputs + channel;
      let [best, most] = [0, -Infinity];
      for (let k = 0; k < channels; ++k) {
        const at = from + k;
        const low = values[at]! + dx * (values[at + outputs]! - values[at]!);
        const up = at + grid * outputs;
        const high = values[up]! + dx * (values[up + outputs]! - values[up]!);
        const v = low + dy * (high - low);
        if (v > most) [best, most] = [k, v];
      }
      if (shades.kind === "number") {
        pixels[target + j] = heat(p, (most - shades.middle) / shades.reach);
      } else if (binary) {
        pixels[target + j] = scale[Math.max(0, Math.min(511, Math.round(most * 511)))]!;
      } else {
        const sure = Math.max(0, (most - 1 / outputs) / (1 - 1 / outputs));
        pixels[target + j] = pixel(mix(p.raised, p.classes[best % p.classes.length]!, palest + 0.55 * sure));
      }
    }
  }
}

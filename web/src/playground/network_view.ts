// A net as it trains: each unit a picture of what it computes over the plane, each edge a weight, and the units that
// are dead, as they die and as they wake.
import {h} from "../dom";
import {number} from "../format";
import type {Look, Session} from "./engine";
import {css, heat, mix, onTheme, palette, pixel, sized, type Rgb} from "./palette";

export interface UnitPlace {
  /** Hidden layers count from 0. */
  layer: number;
  unit: number;
}

interface Options {
  /** The name of the net, for screen readers. */
  name: string;
  /** Above each hidden layer, above the inputs and the output. */
  heads: (layer: number) => HTMLElement;
  ends: {inputs: HTMLElement; output: HTMLElement};
  /** The unit under the pointer or the focus, or none. */
  inspect: (place: UnitPlace|null) => void;
  /** What there is to say about the edge under the pointer. */
  tell: (text: string) => void;
}

interface Edge {
  column: number;
  from: number;
  to: number;
}

/** Alive, silent, or saturated. */
export type Fate = 0|1|2;
const silent: Fate = 1;

/** Of the engine's flags: what is silent is flat as well, and silent is the worse. */
export function fateOf(flags: number): Fate { return flags & 1 ? 1 : flags & 2 ? 2 : 0; }

interface Mark {
  fate: Fate;
  since: number;
  /** When it changed, in ms of performance.now(). */
  changed: number;
  revived: boolean;
}

const flashTime = 900;
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class NetworkView {
  readonly element: HTMLElement;
  /** How many units fell silent and woke since the start. */
  deaths = 0;
  revivals = 0;
  private readonly heads = h("div.heads");
  private readonly canvas = h("canvas", {"aria-hidden": "true"});
  private readonly units = h("div.units", {role: "group"});
  private readonly stage: HTMLElement;
  private readonly stopTheme: () => void;
  private session: Session|null = null;
  private look: Look|null = null;
  private marks: Mark[][] = [];
  private buttons: HTMLButtonElement[][] = [];
  private atlas: HTMLCanvasElement[] = [];
  private width = 0;
  private focused: UnitPlace = {layer: 0, unit: 0};
  private flashing = false;
  private edge: Edge|null = null;

  constructor(private readonly options: Options) {
    this.units.setAttribute("aria-label", `${options.name}: hidden units, arrow keys move among them`);
    this.stage = h("div.net-stage", this.canvas, this.units);
    this.element = h("div.network", {tabindex: -1}, h("div.network-scroll", this.heads, this.stage));
    this.stopTheme = onTheme(() => this.render());
    new ResizeObserver(([entry]) => {
      this.width = Math.floor(entry!.contentRect.width);
      this.arrange();
    }).observe(this.stage);
    this.units.addEventListener("keydown", event => this.move(event));
    this.stage.addEventListener("pointermove", event => this.point(event));
    this.stage.addEventListener("pointerleave", () => {
      this.edge = null;
      options.inspect(null);
    });
    this.units.addEventListener("focusout", () => options.inspect(null));
  }

  end(): void { this.stopTheme(); }

  /** Whether something is still fading, so that it wants to be drawn again. */
  get moving(): boolean { return this.flashing; }

  open(session: Session): void {
    this.session = session;
    this.look = null;
    this.deaths = this.revivals = 0;
    const hidden = hiddenWidths(session);
    this.marks =
        hidden.map(units => Array.from({length: units}, () => ({fate: 0, since: 0, changed: 0, revived: false})));
    this.atlas = [...hidden, 2, session.outputs].map((_, i) => this.atlas[i] ?? document.createElement("canvas"));
    this.heads.style.setProperty("--columns", String(hidden.length + 2));
    this.heads.replaceChildren(
        this.options.ends.inputs, ...hidden.map((_, i) => this.options.heads(i)), this.options.ends.output);
    this.element.style.setProperty("--columns", String(hidden.length + 2));
    this.buttons = hidden.map((units, layer) => Array.from({length: units}, (_, unit) => {
      const show = () => this.options.inspect({layer, unit});
      return h("button", {
        type: "button",
        tabindex: layer || unit ? -1 : 0,
        pointerenter: show,
        focus: () => {
          this.focused = {layer, unit};
          show();
        }
      });
    }));
    this.focused = {layer: 0, unit: 0};
    this.units.replaceChildren(...this.buttons.flat());
    this.arrange();
  }

  /** Marks which units are dead at a step. */
  mark(look: Look, step: number): void {
    const now = performance.now();
    look.dead.forEach((flags, layer) => flags.forEach((flag, unit) => {
      const mark = this.marks[layer]?.[unit];
      const fate = fateOf(flag);
      if (!mark || mark.fate === fate) return;
      const revived = mark.fate === silent && step > 0;
      if (fate === silent && step > 0) ++this.deaths;
      if (revived) ++this.revivals;
      Object.assign(mark, {fate, since: step, changed: step > 0 ? now : 0, revived});
    }));
  }

  draw(look: Look): void {
    this.look = look;
    this.render();
  }

  /** What there is to say about a unit. */
  describe({layer, unit}: UnitPlace): string {
    const mark = this.marks[layer]?.[unit];
    if (!mark) return "";
    const fate = mark.fate === silent ? `silent since step ${number(mark.since)}: 0 for every input`
        : mark.fate ? `saturated since step ${number(mark.since)}: flat for every input`
        : mark.revived ? `alive again since step ${number(mark.since)}`
                       : "alive";
    const linear = this.look?.weights?.[layer];
    const bias = linear ? `, bias ${number(linear.bias[unit], 2)}` : "";
    const inputs = linear ? linear.weight.length / linear.bias.length : 0;
    let [from, most] = [-1, 0];
    for (let i = 0; i < inputs; ++i) {
      const w = linear!.weight[unit * inputs + i]!;
      if (Math.abs(w) > Math.abs(most)) [from, most] = [i, w];
    }
    const strongest = from < 0
        ? ""
        : `, strongest weight ${number(most, 2)} from ${layer ? `unit ${from + 1}` : this.session!.features[from]}`;
    return `Layer ${layer + 1}, unit ${unit + 1}: ${fate}${bias}${strongest}.`;
  }

  /** Names of the buttons, which change too often to be told with each frame. */
  label(): void {
    this.buttons.forEach((list, layer) => list.forEach(
                             (button, unit) => button.setAttribute("aria-label", this.describe({layer, unit}))));
  }

  private get columns(): number[] {
    return this.session ? [this.session.features.length, ...hiddenWidths(this.session), this.session.outputs] : [];
  }

  private size(): {pitch: number; side: number; height: number} {
    const most = Math.max(4, ...this.columns);
    const pitch = Math.max(15, Math.min(44, 400 / most));
    const side = Math.max(10, Math.min(pitch - 6, (this.width / this.columns.length) * 0.5, 36));
    return {pitch, side, height: Math.round(most * pitch + 8)};
  }
  private center(column: number, unit: number): {x: number; y: number} {
    const {pitch, height} = this.size();
    const count = this.columns[column]!;
    return {x: ((column + 0.5) / this.columns.length) * this.width, y: height / 2 + (unit - (count - 1) / 2) * pitch};
  }

  private arrange(): void {
    if (!this.session || this.width < 50) return;
    const {side, height} = this.size();
    this.stage.style.height = `${height}px`;
    this.buttons.forEach((list, layer) => list.forEach((button, unit) => {
      const {x, y} = this.center(layer + 1, unit);
      button.style.left = `${x - side / 2}px`;
      button.style.top = `${y - side / 2}px`;
      button.style.width = button.style.height = `${side}px`;
    }));
    this.label();
    this.render();
  }

  private render(): void {
    if (!this.session || this.width < 50) return;
    const {height} = this.size();
    const context = sized(this.canvas, this.width, height);
    context.clearRect(0, 0, this.width, height);
    this.edges(context);
    this.columns.forEach((_, column) => this.column(context, column));
    this.flashes(context);
  }

  private edges(context: CanvasRenderingContext2D): void {
    const weights = this.look?.weights;
    const p = palette();
    const {side} = this.size();
    context.lineCap = "butt";
    this.columns.slice(1).forEach((units, column) => {
      const inputs = this.columns[column]!;
      const weight = weights?.[column]?.weight;
      let largest = 1e-12;
      weight?.forEach(w => (largest = Math.max(largest, Math.abs(w))));
      for (let unit = 0; unit < units; ++unit) {
        const to = this.center(column + 1, unit);
        for (let input = 0; input < inputs; ++input) {
          const w = weight?.[unit * inputs + input] ?? 0;
          const share = Math.abs(w) / largest;
          const chosen = this.edge?.column === column && this.edge.from === input && this.edge.to === unit;
          if (share < 0.04 && weight && !chosen) continue;
          const from = this.center(column, input);
          const bend = (to.x - from.x) / 2;
          context.beginPath();
          context.moveTo(from.x + side / 2, from.y);
          context.bezierCurveTo(from.x + bend, from.y, to.x - bend, to.y, to.x - side / 2, to.y);
          context.lineWidth = 0.5 + 3 * share;
          context.strokeStyle = weight ? css(w < 0 ? p.under : p.over, 0.15 + 0.75 * share) : css(p.faint, 0.4);
          if (chosen) {
            context.lineWidth += 2;
            context.strokeStyle = css(p.ink);
          }
          context.stroke();
        }
      }
    });
  }

  /** Finds the edge under the pointer. */
  private point(event: PointerEvent): void {
    if ((event.target as Element).closest("button") || !this.session) return;
    const box = this.stage.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const {side} = this.size();
    const columns = this.columns;
    const column = Math.floor((x / this.width) * columns.length - 0.5);
    const [left, right] = [this.center(column, 0).x + side / 2, this.center(column + 1, 0).x - side / 2];
    let best: Edge|null = null;
    let distance = 5;
    if (column >= 0 && column + 1 < columns.length && x > left && x < right) {
      const t = along((x - left) / (right - left));
      for (let from = 0; from < columns[column]!; ++from) {
        for (let to = 0; to < columns[column + 1]!; ++to) {
          const [start, end] = [this.center(column, from).y, this.center(column + 1, to).y];
          const away = Math.abs(start + (end - start) * t * t * (3 - 2 * t) - y);
          if (away < distance) [best, distance] = [{column, from, to}, away];
        }
      }
    }
    if (!best && !this.edge) return;
    this.edge = best;
    this.options.inspect(null);
    this.options.tell(best ? this.describeEdge(best) : "");
  }

  private describeEdge({column, from, to}: Edge): string {
    const inputs = this.columns[column]!;
    const weight = this.look?.weights?.[column]?.weight[to * inputs + from];
    const unit = (c: number, u: number) => c === 0 ? this.session!.features[u]!
        : c === this.columns.length - 1            ? `output ${u + 1}`
                                                   : `layer ${c} unit ${u + 1}`;
    return `Weight ${number(weight, 3)} from ${unit(column, from)} to ${unit(column + 1, to)}.`;
  }

  /** A column's pictures: one canvas a layer, of which each unit is a tile. */
  private column(context: CanvasRenderingContext2D, column: number): void {
    const count = this.columns[column]!;
    const last = this.columns.length - 1;
    const {side} = this.size();
    const layer = column - 1;
    const values = column === 0 || column === last ? null : this.look?.units?.[layer];
    const boundary = this.look?.boundary;
    const grid = values ? Math.round(Math.sqrt(values.length / count))
        : boundary      ? Math.round(Math.sqrt(boundary.length / count))
                        : 16;
    const canvas = this.atlas[column]!;
    const tile = canvas.getContext("2d")!;
    if (canvas.width !== grid || canvas.height !== grid * count) [canvas.width, canvas.height] = [grid, grid * count];
    const image = tile.createImageData(grid, grid * count);
    const pixels = new Uint32Array(image.data.buffer);
    if (column === 0)
      paintInputs(pixels, grid, count);
    else if (column === last)
      paintOutputs(pixels, grid, count, boundary ?? null, this.session!);
    else
      paintUnits(pixels, grid, count, values ?? null);
    tile.putImageData(image, 0, 0);
    const p = palette();
    for (let unit = 0; unit < count; ++unit) {
      const {x, y} = this.center(column, unit);
      const [left, top] = [x - side / 2, y - side / 2];
      context.drawImage(canvas, 0, unit * grid, grid, grid, left, top, side, side);
      const mark = layer >= 0 && column < last ? this.marks[layer]![unit]! : null;
      const color = mark?.fate === silent ? p.silent : mark?.fate ? p.saturated : p.muted;
      context.strokeStyle = css(color, mark?.fate ? 1 : 0.7);
      context.lineWidth = mark?.fate ? 2 : 1;
      context.strokeRect(left, top, side, side);
      if (mark?.fate === silent)
        cross(context, left, top, side, css(color));
      else if (mark?.fate)
        corner(context, left, top, side, css(color));
    }
    context.font = `11px ${getComputedStyle(this.element).fontFamily}`;
    context.fillStyle = css(p.muted);
    context.textAlign = "right";
    if (column === 0) {
      this.session!.features.forEach((name, unit) => {
        const {x, y} = this.center(0, unit);
        context.fillText(name.slice(0, 6), x - side / 2 - 5, y + 4);
      });
    } else if (column === last && this.session!.classes !== null && count > 1) {
      context.textAlign = "left";
      for (let unit = 0; unit < count; ++unit) {
        const {x, y} = this.center(column, unit);
        context.fillText((this.session!.class_names[unit] ?? String(unit)).slice(0, 4), x + side / 2 + 5, y + 4);
      }
    }
  }

  /** A ring that grows around a unit that just died or woke. */
  private flashes(context: CanvasRenderingContext2D): void {
    const now = performance.now();
    const p = palette();
    const {side} = this.size();
    this.flashing = false;
    if (still.matches) return;
    this.marks.forEach((list, layer) => list.forEach((mark, unit) => {
      const age = (now - mark.changed) / flashTime;
      if (!mark.changed || age > 1) return;
      this.flashing = true;
      const {x, y} = this.center(layer + 1, unit);
      context.strokeStyle = css(mark.fate === silent ? p.silent : mark.fate ? p.saturated : p.revived, 1 - age);
      context.lineWidth = 3;
      context.beginPath();
      context.arc(x, y, side * (0.72 + 0.5 * age), 0, 2 * Math.PI);
      context.stroke();
    }));
  }

  private move(event: KeyboardEvent): void {
    const {layer, unit} = this.focused;
    const moves: Record<string, [number, number]> =
        {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]};
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const list = this.buttons[layer + move[0]];
    const next = list?.[Math.max(0, Math.min(list.length - 1, unit + move[1]))];
    if (!next) return;
    this.buttons.flat().forEach(button => (button.tabIndex = button === next ? 0 : -1));
    this.label();
    next.focus();
  }
}

export function hiddenWidths(session: Session): number[] {
  return session.layers.slice(0, -1).map(layer => layer.outputs);
}

/** Where a curve with level ends has gone this share of its way to the right: t of x = 1.5 t (1 - t) + t^3. */
function along(share: number): number {
  let [low, high] = [0, 1];
  for (let i = 0; i < 20; ++i) {
    const t = (low + high) / 2;
    if (1.5 * t * (1 - t) + t * t * t < share)
      low = t;
    else
      high = t;
  }
  return low;
}

function cross(context: CanvasRenderingContext2D, left: number, top: number, side: number, color: string): void {
  context.strokeStyle = color;
  context.lineWidth = Math.max(1.5, side / 14);
  const inset = side * 0.27;
  context.beginPath();
  context.moveTo(left + inset, top + inset);
  context.lineTo(left + side - inset, top + side - inset);
  context.moveTo(left + side - inset, top + inset);
  context.lineTo(left + inset, top + side - inset);
  context.stroke();
}

function corner(context: CanvasRenderingContext2D, left: number, top: number, side: number, color: string): void {
  context.fillStyle = color;
  context.beginPath();
  context.moveTo(left + side, top);
  context.lineTo(left + side, top + side * 0.42);
  context.lineTo(left + side * 0.58, top);
  context.fill();
}

function paintInputs(pixels: Uint32Array, grid: number, count: number): void {
  const p = palette();
  for (let unit = 0; unit < count; ++unit) {
    for (let i = 0; i < grid; ++i) {
      for (let j = 0; j < grid; ++j) {
        const share = unit === 0 ? j : grid - 1 - i;
        pixels[(unit * grid + i) * grid + j] = heat(p, (2 * share) / (grid - 1) - 1);
      }
    }
  }
}

/** Each unit in units of the geometric mean of its own largest value and its layer's: weak ones stay pale. */
function paintUnits(pixels: Uint32Array, grid: number, count: number, values: Float32Array|null): void {
  const p = palette();
  if (!values) {
    pixels.fill(heat(p, 0));
    return;
  }
  const area = grid * grid;
  const reach = Array.from({length: count}, (_, unit) => {
    let most = 0;
    for (let i = unit * area; i < (unit + 1) * area; ++i) most = Math.max(most, Math.abs(values[i]!));
    return most;
  });
  const layer = Math.max(...reach);
  reach.forEach((own, unit) => {
    const scale = Math.sqrt(own * layer) || 1;
    for (let i = 0; i < grid; ++i) {
      const from = unit * area + (grid - 1 - i) * grid;
      const to = unit * area + i * grid;
      for (let j = 0; j < grid; ++j) pixels[to + j] = heat(p, values[from + j]! / scale);
    }
  });
}

function paintOutputs(
    pixels: Uint32Array, grid: number, count: number, values: Float32Array|null, session: Session): void {
  const p = palette();
  if (!values) {
    pixels.fill(heat(p, 0));
    return;
  }
  let reach = 1e-12;
  if (session.classes === null) values.forEach(v => (reach = Math.max(reach, Math.abs(v))));
  for (let unit = 0; unit < count; ++unit) {
    const color: Rgb = p.classes[(count === 1 ? 1 : unit) % p.classes.length]!;
    const scale = Uint32Array.from({length: 65}, (_, i) => pixel(mix(p.raised, color, 0.05 + 0.8 * (i / 64))));
    for (let i = 0; i < grid; ++i) {
      for (let j = 0; j < grid; ++j) {
        const v = values[((grid - 1 - i) * grid + j) * count + unit]!;
        pixels[(unit * grid + i) * grid + j] =
            session.classes === null ? heat(p, v / reach) : scale[Math.round(64 * Math.max(0, Math.min(1, v)))]!;
      }
    }
  }
}

// How a net is drawn: its plan, an edge a weight, and each unit a picture of what it computes over the plane.
import type {Look, Session} from "./engine";
import {css, heat, mix, palette, pixel, type Palette, type Rgb} from "./palette";
import {planeFeatures} from "./train_options";

/** Where everything stands, in CSS pixels; columns are the inputs, the hidden layers and the outputs. */
export interface Plan {
  /** Units of each column. */
  columns: readonly number[];
  width: number;
  height: number;
  /** Of a unit's picture. */
  side: number;
  centers: readonly(readonly {x: number; y: number}[])[];
}

export function planOf(session: Session, width: number): Plan {
  const columns = [session.features.length, ...session.layers.map(layer => layer.outputs)];
  const most = Math.max(4, ...columns);
  const pitch = Math.max(15, Math.min(40, 360 / most));
  const side = Math.max(10, Math.min(pitch - 6, (width / columns.length) * 0.5, 34));
  const height = Math.round(most * pitch + 8);
  const centers = columns.map((count, column) => Array.from({length: count}, (_, unit) => ({
    x: ((column + 0.5) / columns.length) * width,
    y: height / 2 + (unit - (count - 1) / 2) * pitch
  })));
  return {columns, width, height, side, centers};
}

/** The weight from unit `from` of a column to unit `to` of the next. */
export interface Edge {
  column: number;
  from: number;
  to: number;
}

/** What an edge looks like: as wide and as strong as its weight's share of its layer's largest. */
export interface Wire extends Edge {
  start: {x: number; y: number};
  end: {x: number; y: number};
  width: number;
  color: Rgb;
  alpha: number;
}

/** Weights below this share of the largest are not drawn. */
const visible = 0.04;

export function wires(plan: Plan, look: Look|null, chosen: Edge|null, p: Palette): Wire[] {
  const result: Wire[] = [];
  plan.columns.slice(1).forEach((units, column) => {
    const inputs = plan.columns[column]!;
    const weight = look?.weights?.[column]?.weight;
    const largest = weight?.reduce((most, w) => Math.max(most, Math.abs(w)), 1e-12) ?? 1;
    for (let to = 0; to < units; ++to) {
      for (let from = 0; from < inputs; ++from) {
        const w = weight?.[to * inputs + from] ?? 0;
        const share = Math.abs(w) / largest;
        const isChosen = chosen?.column === column && chosen.from === from && chosen.to === to;
        if (share < visible && weight && !isChosen) continue;
        const [a, b] = [plan.centers[column]![from]!, plan.centers[column + 1]![to]!];
        result.push({
          column,
          from,
          to,
          start: {x: a.x + plan.side / 2, y: a.y},
          end: {x: b.x - plan.side / 2, y: b.y},
          width: 0.5 + 3 * share + (isChosen ? 2 : 0),
          color: isChosen ? p.ink : !weight ? p.faint : w < 0 ? p.under : p.over,
          alpha: isChosen ? 1 : !weight ? 0.4 : 0.15 + 0.75 * share
        });
      }
    }
  });
  return result;
}

export function drawWire(context: CanvasRenderingContext2D, {start, end, width, color, alpha}: Wire): void {
  const middle = (start.x + end.x) / 2;
  context.beginPath();
  context.moveTo(start.x, start.y);
  context.bezierCurveTo(middle, start.y, middle, end.y, end.x, end.y);
  context.lineWidth = width;
  context.strokeStyle = css(color, alpha);
  context.stroke();
}

/** A column's pictures: one canvas a layer, of which each unit is a tile. */
export class Pictures {
  readonly canvas = document.createElement("canvas");
  grid = 0;
  private readonly context = this.canvas.getContext("2d")!;
  private image: ImageData|undefined;

  /** Paints what the units of a column compute, as the newest look has it. */
  paint(session: Session, plan: Plan, column: number, look: Look|null): void {
    const count = plan.columns[column]!;
    const last = plan.columns.length - 1;
    const values = column === 0 || column === last ? null : look?.units?.[column - 1] ?? null;
    const boundary = look?.boundary ?? null;
    const grid = values ? Math.round(Math.sqrt(values.length / count))
        : boundary      ? Math.round(Math.sqrt(boundary.length / plan.columns[last]!))
                        : 16;
    if (!this.image || this.image.width !== grid || this.image.height !== grid * count) {
      this.grid = grid;
      [this.canvas.width, this.canvas.height] = [grid, grid * count];
      this.image = this.context.createImageData(grid, grid * count);
    }
    const pixels = new Uint32Array(this.image.data.buffer);
    if (column === 0)
      paintInputs(pixels, grid, session.features);
    else if (column === last)
      paintOutputs(pixels, grid, count, boundary, session);
    else
      paintUnits(pixels, grid, count, values);
    this.context.putImageData(this.image, 0, 0);
  }

  /** One unit's, as a picture of its own. */
  url(unit: number): string {
    const tile = document.createElement("canvas");
    tile.width = tile.height = this.grid;
    this.draw(tile.getContext("2d")!, unit, 0, 0, this.grid);
    return tile.toDataURL();
  }

  draw(context: CanvasRenderingContext2D, unit: number, left: number, top: number, side: number): void {
    context.drawImage(this.canvas, 0, unit * this.grid, this.grid, this.grid, left, top, side, side);
  }
}

/** A silent unit's mark. */
export function cross(context: CanvasRenderingContext2D, left: number, top: number, side: number, color: string): void {
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

/** A saturated unit's mark. */
export function corner(context: CanvasRenderingContext2D, left: number, top: number, side: number, color: string): void {
  context.fillStyle = color;
  context.beginPath();
  context.moveTo(left + side, top);
  context.lineTo(left + side, top + side * 0.42);
  context.lineTo(left + side * 0.58, top);
  context.fill();
}

/** The pictures of a column, one below the other, are (units * grid, grid) pixels. */
function paintInputs(pixels: Uint32Array, grid: number, features: readonly string[]): void {
  const p = palette();
  features.forEach((name, unit) => {
    const of = planeFeatures.find(feature => feature.key === name)?.of;
    for (let i = 0; i < grid; ++i) {
      for (let j = 0; j < grid; ++j) {
        const [x1, x2] = [(2 * j) / (grid - 1) - 1, 1 - (2 * i) / (grid - 1)];
        // Waves over a few units of the data, parabolas over one.
        const value = of ? (name.startsWith("sin") ? of(3 * x1, 3 * x2) : of(x1, x2)) : unit === 0 ? x1 : x2;
        pixels[(unit * grid + i) * grid + j] = heat(p, value);
      }
    }
  });
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

// A net as it trains: each unit a picture of what it computes over the plane, each edge a weight, and the units that
// are dead, as they die and as they wake.
import {h, svg} from "../dom";
import {number} from "../format";
import type {Cell} from "../model";
import type {Look, Session} from "./engine";
import {corner, cross, drawWire, Pictures, planOf, wires, type Edge, type Plan} from "./network_drawing";
import {css, hex, onTheme, palette, sized} from "./palette";
import type {Incoming, Place} from "./unit_card";

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
  /** A unit or an edge was clicked. */
  choose: (place: Place) => void;
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
/** Frames from one drawing of the weights to the next: they move slowly, and there are many. */
const wirePace = 4;
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class NetworkView {
  readonly element: HTMLElement;
  /** How many units fell silent and woke since the start. */
  deaths = 0;
  revivals = 0;
  private readonly heads = h("div.heads");
  private readonly wires = h("canvas", {"aria-hidden": "true"});
  private readonly tiles = h("canvas", {"aria-hidden": "true"});
  private readonly units = h("div.units", {role: "group"});
  private readonly stage: HTMLElement;
  private readonly stopTheme: () => void;
  private session: Session|null = null;
  private look: Look|null = null;
  private marks: Mark[][] = [];
  private buttons: HTMLButtonElement[][] = [];
  private pictures: Pictures[] = [];
  private width = 0;
  private plan: Plan|null = null;
  private font = "";
  private focused: UnitPlace = {layer: 0, unit: 0};
  private flashing = false;
  private edge: Edge|null = null;
  private chosen: Place|null = null;
  /** Drawings since the weights were drawn; 0: as they are now. */
  private wiresAge = 0;

  constructor(private readonly options: Options) {
    this.units.setAttribute("aria-label", `${options.name}: hidden units, arrow keys move among them`);
    this.stage = h("div.net-stage", this.wires, this.tiles, this.units);
    this.element = h("div.network", {tabindex: -1}, h("div.network-scroll", this.heads, this.stage));
    this.stopTheme = onTheme(() => this.arrange());
    new ResizeObserver(([entry]) => {
      this.width = Math.floor(entry!.contentRect.width);
      this.arrange();
    }).observe(this.stage);
    this.units.addEventListener("keydown", event => this.move(event));
    this.stage.addEventListener("pointermove", event => this.point(event));
    this.stage.addEventListener("pointerleave", () => {
      if (this.edge) {
        this.edge = null;
        this.drawWires();
      }
      options.inspect(null);
    });
    this.stage.addEventListener("click", () => {
      if (this.edge) options.choose({layer: this.edge.column, to: this.edge.to, from: this.edge.from});
    });
    this.units.addEventListener("focusout", () => options.inspect(null));
  }

  end(): void { this.stopTheme(); }

  /** Whether something still fades, so that it wants to be drawn again. */
  get moving(): boolean { return this.flashing; }

  open(session: Session): void {
    this.session = session;
    this.look = null;
    this.deaths = this.revivals = 0;
    const hidden = hiddenWidths(session);
    this.marks =
        hidden.map(units => Array.from({length: units}, () => ({fate: 0, since: 0, changed: 0, revived: false})));
    this.pictures = [0, ...hidden, 0].map((_, i) => this.pictures[i] ?? new Pictures());
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
        click: (event: Event) => {
          event.stopPropagation();
          this.options.choose({layer, to: unit});
        },
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
    const isNew = look.weights !== this.look?.weights;
    this.look = look;
    this.drawTiles(isNew);
    if (isNew && ++this.wiresAge >= wirePace) this.drawWires();
  }
  /** Draws what draw() has left for later: nothing new is coming. */
  finish(): void {
    if (this.wiresAge > 0) this.drawWires();
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

  /** What leads into a unit of a layer, the output's too; undefined before it is known. */
  incoming({layer, to, from}: Place): Incoming|undefined {
    const linear = this.look?.weights?.[layer];
    if (!linear || !this.plan) return undefined;
    const count = linear.weight.length / linear.bias.length;
    const names = Array.from({length: count}, (_, i) => layer === 0 ? featureName(this.session!.features[i]!) : `unit ${i + 1}`);
    const unit = layer === this.plan.columns.length - 2 ? `output ${to + 1}` : `layer ${layer + 1}, unit ${to + 1}`;
    return {
      title: from === undefined ? `${unit[0]!.toUpperCase()}${unit.slice(1)}` : `Weight into ${unit}`,
      names: [...names, "bias"],
      values: [...linear.weight.subarray(to * count, (to + 1) * count), linear.bias[to]!]
    };
  }
  /** The unit or the weight that stays marked. */
  markChosen(place: Place|null): void {
    this.chosen = place;
    this.drawTiles(false);
  }

  /** The net as it stands, for a file: lines for the weights, a picture in each unit. */
  svg(): SVGSVGElement|undefined {
    if (!this.plan || !this.look) return undefined;
    const {width, height, side, columns, centers} = this.plan;
    const p = palette();
    const lines = wires(this.plan, this.look, null, p).map(({start, end, width: stroke, color, alpha}) => {
      const middle = (start.x + end.x) / 2;
      const d = `M${start.x} ${start.y}C${middle} ${start.y} ${middle} ${end.y} ${end.x} ${end.y}`;
      return svg("path", {d, fill: "none", stroke: hex(color), "stroke-opacity": alpha, "stroke-width": stroke});
    });
    const units = centers.flatMap((column, c) => column.flatMap(({x, y}, unit) => {
      const fate = c > 0 && c < columns.length - 1 ? this.marks[c - 1]![unit]!.fate : 0;
      const frame = {x: x - side / 2, y: y - side / 2, width: side, height: side};
      return [
        svg("image", {...frame, href: this.pictures[c]!.url(unit)}),
        svg("rect", {
          ...frame,
          fill: "none",
          stroke: hex(fate === silent ? p.silent : fate ? p.saturated : p.muted),
          "stroke-width": fate ? 2 : 1
        },
            fate ? svg("title", fate === silent ? "silent" : "saturated") : null)
      ];
    }));
    const names = this.session!.features.map((name, unit) => {
      const {x, y} = centers[0]![unit]!;
      return svg("text", {x: x - side / 2 - 5, y: y + 4, "text-anchor": "end", fill: hex(p.muted)}, name);
    });
    return svg("svg", {width, height, "font-size": 11}, lines, units, names) as SVGSVGElement;
  }

  /** Its weights and biases; a bias comes from no unit. */
  data(): {columns: string[]; rows: Cell[][]} {
    const rows = (this.look?.weights ?? []).flatMap(({weight, bias}, layer) => {
      const inputs = weight.length / bias.length;
      return [...bias].flatMap((b, to): Cell[][] => [[layer + 1, to + 1, null, b],
        ...Array.from({length: inputs}, (_, from): Cell[] => [layer + 1, to + 1, from + 1, weight[to * inputs + from]!])]);
    });
    return {columns: ["layer", "to unit", "from unit", "weight"], rows};
  }

  /** Names of the buttons, which change too often to be told with each frame. */
  label(): void {
    this.buttons.forEach((list, layer) => list.forEach(
                             (button, unit) => button.setAttribute("aria-label", this.describe({layer, unit}))));
  }

  private arrange(): void {
    if (!this.session || this.width < 50) return;
    this.plan = planOf(this.session, this.width);
    this.font = `11px ${getComputedStyle(this.element).fontFamily}`;
    const {side, height, centers} = this.plan;
    this.stage.style.height = `${height}px`;
    this.buttons.forEach((list, layer) => list.forEach((button, unit) => {
      const {x, y} = centers[layer + 1]![unit]!;
      button.style.left = `${x - side / 2}px`;
      button.style.top = `${y - side / 2}px`;
      button.style.width = button.style.height = `${side}px`;
    }));
    this.label();
    this.pictures[0]!.paint(this.session, this.plan, 0, null);
    this.drawTiles(true);
    this.drawWires();
  }

  /** The weights, and the names of the inputs and the classes, which stand still. */
  private drawWires(): void {
    if (!this.plan) return;
    this.wiresAge = 0;
    const {width, height, side, columns, centers} = this.plan;
    const context = sized(this.wires, width, height);
    context.clearRect(0, 0, width, height);
    const p = palette();
    for (const wire of wires(this.plan, this.look, this.edge, p)) drawWire(context, wire);
    context.font = this.font;
    context.fillStyle = css(p.muted);
    const {features, classes, class_names: names} = this.session!;
    context.textAlign = "right";
    features.forEach((name, unit) => {
      const {x, y} = centers[0]![unit]!;
      context.fillText(featureName(name).slice(0, 6), x - side / 2 - 5, y + 4);
    });
    const answers = centers.at(-1)!;
    if (classes === null || columns.at(-1) === 1) return;
    context.textAlign = "left";
    answers.forEach(
        ({x, y}, unit) => context.fillText((names[unit] ?? String(unit)).slice(0, 4), x + side / 2 + 5, y + 4));
  }

  private drawTiles(isNew: boolean): void {
    if (!this.plan) return;
    const {width, height} = this.plan;
    const context = sized(this.tiles, width, height);
    context.clearRect(0, 0, width, height);
    this.plan.columns.forEach((_, column) => this.column(context, column, isNew));
    this.flashes(context);
  }

  /** Finds the edge under the pointer. */
  private point(event: PointerEvent): void {
    if ((event.target as Element).closest("button") || !this.plan) return;
    const box = this.stage.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const {side, columns, centers} = this.plan;
    const column = Math.floor((x / this.width) * columns.length - 0.5);
    let best: Edge|null = null;
    let distance = 5;
    if (column >= 0 && column + 1 < columns.length) {
      const [left, right] = [centers[column]![0]!.x + side / 2, centers[column + 1]![0]!.x - side / 2];
      const t = along((x - left) / (right - left));
      for (const [from, start] of x > left && x < right ? centers[column]!.entries() : []) {
        for (const [to, end] of centers[column + 1]!.entries()) {
          const away = Math.abs(start.y + (end.y - start.y) * t * t * (3 - 2 * t) - y);
          if (away < distance) [best, distance] = [{column, from, to}, away];
        }
      }
    }
    if (!best && !this.edge) return;
    this.edge = best;
    this.drawWires();
    this.options.inspect(null);
    this.options.tell(best ? this.describeEdge(best) : "");
  }

  private describeEdge({column, from, to}: Edge): string {
    const columns = this.plan!.columns;
    const inputs = columns[column]!;
    const weight = this.look?.weights?.[column]?.weight[to * inputs + from];
    const unit = (c: number, u: number) => c === 0 ? this.session!.features[u]!
        : c === columns.length - 1                 ? `output ${u + 1}`
                                                   : `layer ${c} unit ${u + 1}`;
    return `Weight ${number(weight, 3)} from ${unit(column, from)} to ${unit(column + 1, to)}.`;
  }

  private column(context: CanvasRenderingContext2D, column: number, isNew: boolean): void {
    const {columns, side, centers} = this.plan!;
    const hidden = column > 0 && column < columns.length - 1;
    const pictures = this.pictures[column]!;
    if (column > 0 && isNew) pictures.paint(this.session!, this.plan!, column, this.look);
    const p = palette();
    centers[column]!.forEach(({x, y}, unit) => {
      const [left, top] = [x - side / 2, y - side / 2];
      pictures.draw(context, unit, left, top, side);
      const fate = hidden ? this.marks[column - 1]![unit]!.fate : 0;
      const chosen = this.chosen?.layer === column - 1 && this.chosen.to === unit;
      if (chosen) {
        context.strokeStyle = css(p.ink);
        context.lineWidth = 2;
        context.strokeRect(left - 3, top - 3, side + 6, side + 6);
      }
      const color = fate === silent ? p.silent : fate ? p.saturated : p.muted;
      context.strokeStyle = css(color, fate ? 1 : 0.7);
      context.lineWidth = fate ? 2 : 1;
      context.strokeRect(left, top, side, side);
      if (fate === silent)
        cross(context, left, top, side, css(color));
      else if (fate)
        corner(context, left, top, side, css(color));
    });
  }

  /** A ring that grows around a unit that just died or woke. */
  private flashes(context: CanvasRenderingContext2D): void {
    const now = performance.now();
    const p = palette();
    const {side, centers} = this.plan!;
    this.flashing = false;
    if (still.matches) return;
    this.marks.forEach((list, layer) => list.forEach((mark, unit) => {
      const age = (now - mark.changed) / flashTime;
      if (!mark.changed || age > 1) return;
      this.flashing = true;
      const {x, y} = centers[layer + 1]![unit]!;
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

/** x1^2 as it is written by hand. */
const featureName = (name: string) => name.replace("^2", "²").replace("*", "·");

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

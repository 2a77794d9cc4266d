// Lines over a common axis: measured, its interval as a band, and what theory says as a dashed line.
import {areaY, dot, gridX, gridY, line, plot, ruleX, ruleY, text} from "@observablehq/plot";
import type {Markish, ScaleOptions} from "@observablehq/plot";
import {svg} from "./dom";
import {figure, type ChartFrame, type Stop} from "./figure";
import {interval, number, power} from "./format";
import {lineColors} from "./color";
import type {Num} from "./model";

export interface Line {
  name: string;
  x: number[];
  y: Num[];
  low?: Num[];
  high?: Num[];
  theory?: Num[];
  color?: string;
  dashed?: boolean;
}

export interface LineChart {
  kicker?: string;
  title: string;
  file: string;
  xLabel: string;
  yLabel: string;
  logX?: boolean;
  logY?: boolean;
  yDomain?: [number, number];
  lines: Line[];
  /** A horizontal line, as for "gradient unchanged". */
  mark?: {y: number; text: string};
  /** What the band is, where it is no interval. */
  bandName?: string;
  /** A step to look at, as a vertical line. */
  cursor?: number | undefined;
  /** x against y on equal terms, with the diagonal. */
  diagonal?: boolean;
  compact?: boolean;
  note?: string | undefined;
}

interface Point {
  x: number;
  y: number;
  low: number;
  high: number;
}

/** At most six powers of ten. */
export function decades(low: number, high: number): number[] {
  const from = Math.floor(Math.log10(low) + 1e-9);
  const to = Math.ceil(Math.log10(high) - 1e-9);
  const step = Math.max(1, Math.ceil((to - from) / 6));
  const ticks = [];
  for (let e = Math.ceil(from / step) * step; e <= to; e += step) ticks.push(10 ** e);
  return ticks.filter(tick => tick >= 0.99 * low && tick <= 1.01 * high);
}

/** 1, 2, 5, 10, … of a range below three decades. */
function few(low: number, high: number): number[] {
  const ticks = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++) ticks.push(10 ** e, 2 * 10 ** e, 5 * 10 ** e);
  return ticks.filter(tick => tick >= 0.99 * low && tick <= 1.01 * high);
}

interface Axis extends ScaleOptions {
  ticks?: number[] | number;
}

function axis(values: number[], log: boolean | undefined, label: string, room: number): Axis {
  const finite = values.filter(v => Number.isFinite(v) && (!log || v > 0));
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const common = {label: label || null};
  const flat = low === high ? {domain: [Math.min(0, low), Math.max(0, high) || 1]} : {};
  if (!log) return {...common, ...flat, ticks: room, tickFormat: (v: number) => number(v, 4)};
  const domain = low < high ? [low, high] : [low / 2, high * 2];
  const ticks = decades(low, high);
  if (ticks.length < 3)
    return {...common, type: "log", domain, ticks: few(low, high), tickFormat: (v: number) => number(v, 2)};
  return {...common, type: "log", domain, ticks, tickFormat: (v: number) => power(Math.round(Math.log10(v)))};
}

export function lineChart(chart: LineChart): HTMLElement {
  const colors = lineColors(chart.lines.map(l => l.name));
  const colorOf = new Map(chart.lines.map((l, i) => [l.name, l.color ?? colors[i]!]));
  const hasTheory = chart.lines.some(l => l.theory?.length);
  const hasBand = chart.lines.some(l => l.low?.length);
  const band = chart.bandName ?? "95 % interval";
  const many = chart.lines.length > 8;
  const frame: ChartFrame = {
    kicker: chart.kicker,
    title: chart.title,
    note: chart.note,
    file: chart.file,
    legend: [
      ...chart.lines.map(
          l => ({name: l.name, color: colorOf.get(l.name)!, kind: l.dashed ? ("dashed" as const) : ("line" as const)})),
      ...(hasBand ? [{name: band, color: "var(--muted)", kind: "band" as const, off: many}] : []),
      ...(hasTheory ? [{name: "theory", color: "var(--ink)", kind: "dashed" as const}] : [])
    ],
    compact: chart.compact,
    draw: (width, shown) => draw(chart, colorOf, width, shown),
    data: () => data(chart)
  };
  return figure(frame);
}

function data(chart: LineChart): {columns: string[]; rows: (string | Num)[][]} {
  const banded = chart.lines.some(l => l.low?.length);
  const predicted = chart.lines.some(l => l.theory?.length);
  const columns =
      ["line", chart.xLabel, chart.yLabel, ...(banded ? ["low", "high"] : []), ...(predicted ? ["theory"] : [])];
  const rows = chart.lines.flatMap(
      l => l.x.map((x, i) => [l.name, x, l.y[i] ?? null, ...(banded ? [l.low?.[i] ?? null, l.high?.[i] ?? null] : []),
                       ...(predicted ? [l.theory?.[i] ?? null] : [])]));
  return {columns, rows};
}

function end(points: Point[], which: "first" | "last"): number | undefined {
  const usable = (p: Point) => Number.isFinite(p.y);
  return (which === "first" ? points.find(usable) : points.findLast(usable))?.y;
}

/** How far the lines are apart at one end: their names go where they differ. */
function range(points: Point[][], which: "first" | "last", log: boolean | undefined): number {
  const ends = points.map(list => end(list, which)).filter(y => y !== undefined);
  return Math.max(...ends.map(y => (log ? Math.log(y) : y))) - Math.min(...ends.map(y => (log ? Math.log(y) : y)));
}

/** Where texts go so that they do not cover each other: as near as possible to where they want to be. */
function spread(wanted: number[], gap: number, top: number, bottom: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]!);
  const placed = [...wanted];
  order.forEach((i, k) => {
    placed[i] = Math.max(placed[i]!, k ? placed[order[k - 1]!]! + gap : top);
  });
  [...order].reverse().forEach((i, k, reversed) => {
    placed[i] = Math.min(placed[i]!, k ? placed[reversed[k - 1]!]! - gap : bottom);
  });
  return placed;
}

function draw(chart: LineChart, colorOf: Map<string, string>, width: number, shown: (name: string) => boolean) {
  const visible = chart.lines.filter(l => shown(l.name));
  const usable = (v: Num | undefined, log: boolean | undefined): v is number =>
      v !== null && v !== undefined && Number.isFinite(v) && (!log || v > 0);
  const points = visible.map(l => l.x.map((x, i): Point => {
                                       const y = l.y[i];
                                       const low = l.low?.[i];
                                       return {
                                         x,
                                         y: usable(y, chart.logY) ? y : NaN,
                                         low: usable(low, false) ? low : NaN,
                                         high: l.high?.[i] ?? NaN
                                       };
                                     }).filter(p => usable(p.x, chart.logX)));
  const theory = visible.map(l => (l.theory ?? [])
                                      .map((y, i) => ({x: l.x[i]!, y: usable(y, chart.logY) ? y : NaN}))
                                      .filter(p => usable(p.x, chart.logX)));
  const banded = shown(chart.bandName ?? "95 % interval");
  const predicted = shown("theory");
  const ys = [
    ...points.flat().map(p => p.y), ...(predicted ? theory.flat().map(p => p.y) : []),
    ...(chart.mark ? [chart.mark.y] : []), ...(banded ? points.flat().flatMap(p => [p.low, p.high]) : [])
  ].filter(v => Number.isFinite(v) && (!chart.logY || v > 0));
  const xs = points.flat().map(p => p.x);
  const lowest = Math.min(...ys);
  const height = Math.round(Math.max(chart.compact ? 150 : 230, Math.min(chart.compact ? 240 : 380, width * 0.56)));
  const labelled = width >= 520 && visible.length > 1 && !chart.compact && !chart.diagonal;
  const longest = Math.max(0, ...visible.map(l => l.name.length));
  const names = Math.min(190, 16 + 6.6 * longest);
  const onLeft = labelled && chart.xLabel === "layer" &&
      range(points, "first", chart.logY) > 1.5 * range(points, "last", chart.logY);
  const marginRight = onLeft ? 52 : labelled ? names : 14;
  const marginLeft = onLeft ? names : 52;
  const yAxis = axis(ys, chart.logY, chart.yLabel, height / 60);
  const grid = {stroke: "var(--grid)", strokeOpacity: 1};
  const marks: Markish[] =
      [Array.isArray(yAxis.ticks) ? gridY(yAxis.ticks, grid) : gridY({ticks: yAxis.ticks, ...grid})];
  if (chart.diagonal) {
    marks.push(gridX({stroke: "var(--grid)", strokeOpacity: 1}));
    marks.push(line([[0, 0], [1, 1]], {stroke: "var(--ink)", strokeDasharray: "2 4", strokeOpacity: 0.7}));
  }
  if (chart.mark) {
    marks.push(ruleY([chart.mark.y], {stroke: "var(--muted)", strokeDasharray: "1 3"}));
    marks.push(text([chart.mark], {
      y: "y",
      text: "text",
      frameAnchor: "right",
      dy: -7,
      textAnchor: "end",
      fill: "var(--muted)",
      stroke: "var(--paper)",
      strokeWidth: 4
    }));
  }
  if (chart.cursor !== undefined) marks.push(ruleX([chart.cursor], {stroke: "var(--accent)", strokeWidth: 1.5}));
  visible.forEach((l, i) => {
    const color = colorOf.get(l.name)!;
    const floor = (v: number) => (chart.logY && !(v > 0) ? lowest : v);
    if (banded && l.low?.length) {
      const around = points[i]!.filter(p => Number.isFinite(p.low + p.high));
      marks.push(
          areaY(around, {x: "x", y1: p => floor(p.low), y2: p => floor(p.high), fill: color, fillOpacity: 0.16}));
    }
    const dash = l.dashed ? "6 4" : undefined;
    if (!chart.diagonal)
      marks.push(line(points[i]!, {x: "x", y: "y", stroke: color, strokeWidth: 2.2, strokeDasharray: dash}));
    if (points[i]!.length <= 25 || chart.diagonal)
      marks.push(dot(points[i]!, {x: "x", y: "y", fill: color, r: chart.diagonal ? 5 : 2.6}));
    if (predicted && theory[i]!.length) {
      marks.push(line(theory[i]!, {x: "x", y: "y", stroke: "var(--ink)", strokeWidth: 1.1, strokeDasharray: "2 5"}));
    }
  });
  const empty = xs.length === 0 || ys.length === 0;
  const blank = {domain: [0, 1], ticks: 0, label: null};
  const domain = chart.yDomain ? {domain: chart.yDomain} : {};
  const drawing = plot({
    width,
    height,
    marginLeft,
    marginRight,
    marginTop: 26,
    marginBottom: 38,
    className: "plot",
    x: {
      labelAnchor: "center",
      labelArrow: "none",
      ...(empty ? blank : axis(xs, chart.logX, chart.xLabel, Math.min(8, width / 70)))
    },
    y: {axis: onLeft ? "right" : "left", ...(empty ? blank : {...yAxis, nice: !chart.logY, ...domain})},
    marks
  }) as SVGSVGElement;
  if (empty) return {svg: drawing, stops: []};
  const scaleX = scaleOf(drawing, "x");
  const scaleY = scaleOf(drawing, "y");
  if (labelled)
    endLabels(drawing, visible, points, colorOf, scaleY, onLeft, onLeft ? marginLeft - 8 : width - marginRight + 8,
        height - 40);
  return {svg: drawing, stops: stops(chart, visible, points, theory, colorOf, scaleX, scaleY)};
}

type Scale = (v: number) => number;

function scaleOf(drawing: SVGSVGElement, name: "x"|"y"): Scale {
  const scale = (drawing as unknown as {scale(n: string): {apply: Scale}}).scale(name);
  return v => scale.apply(v);
}

function endLabels(drawing: SVGSVGElement, lines: Line[], points: Point[][], colorOf: Map<string, string>,
    scaleY: Scale, onLeft: boolean, x: number, bottom: number): void {
  const ends =
      lines.map((l, i) => ({name: l.name, y: end(points[i]!, onLeft ? "first" : "last")})).filter((end): end is {
        name: string;
        y: number
      } => end.y !== undefined);
  const places = spread(ends.map(end => scaleY(end.y)), 13, 20, bottom);
  ends.forEach((end, i) => {
    const shape = {
      x,
      y: places[i]!,
      dy: "0.32em",
      fill: colorOf.get(end.name)!,
      "text-anchor": onLeft ? "end" : "start",
      class: "end-label"
    };
    drawing.append(svg("text", shape, end.name.length > 26 ? `${end.name.slice(0, 25)}…` : end.name));
  });
}

/** One place to stop at for each x; a point each for a scatter. */
function stops(chart: LineChart, lines: Line[], points: Point[][], theory: {x: number; y: number}[][],
    colorOf: Map<string, string>, scaleX: Scale, scaleY: Scale): Stop[] {
  const entry = (i: number, p: Point) => {
    const said = theory[i]!.find(t => t.x === p.x);
    const text = number(p.y, 4) + interval(p.low, p.high) + (said ? `, theory ${number(said.y, 4)}` : "");
    return {name: lines[i]!.name, color: colorOf.get(lines[i]!.name)!, text, y: p.y};
  };
  const at = new Map<number, ReturnType<typeof entry>[]>();
  points.forEach((list, i) => list.forEach(p => {
    if (Number.isFinite(p.y)) at.set(p.x, [...(at.get(p.x) ?? []), entry(i, p)]);
  }));
  return [...at.entries()].sort((a, b) => a[0] - b[0]).map(([x, entries]) => ({
    x: scaleX(x),
    dots: entries.map(e => ({y: scaleY(e.y), color: e.color})),
    title: `${chart.xLabel} ${number(x, 4)}`,
    entries: entries.sort((a, b) => b.y - a.y)
  }));
}

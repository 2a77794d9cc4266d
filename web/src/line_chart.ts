// Lines over a common axis: measured, its interval as a band, and what theory says as a dashed line.
import {areaY, dot, gridX, gridY, line, ruleX, ruleY} from "@observablehq/plot";
import type {Markish, ScaleOptions} from "@observablehq/plot";
import {lineColors} from "./color";
import {svg} from "./dom";
import {drawing, type Drawing} from "./drawing";
import {figure, type LegendItem, type Stop} from "./figure";
import {interval, number, power} from "./format";
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
  /** What the band is, where it is no interval. */
  bandName?: string;
  /** A horizontal line, as for "gradient unchanged". */
  mark?: {y: number; text: string};
  /** A step to look at, as a vertical line. */
  cursor?: number | undefined;
  /** Dots against the diagonal, on which x is y. */
  diagonal?: boolean;
  compact?: boolean;
  /** As wide as others, and lower. */
  short?: boolean | undefined;
  note?: string | undefined;
}

/** NaN where there is no number, or none that the axis can show. */
interface Point {
  x: number;
  y: number;
  low: number;
  high: number;
  theory: number;
}

interface Drawn {
  line: Line;
  color: string;
  points: Point[];
}

const theoryName = "theory";
const bandName = (chart: LineChart) => chart.bandName ?? "95 % interval";
const colored = (lines: Line[]) => lineColors(lines.map(l => l.name)).map((color, i) => lines[i]!.color ?? color);
const has = (lines: Line[], field: "low" | "high" | "theory") => lines.some(l => l[field]?.length);

export function lineChart(chart: LineChart): HTMLElement {
  const colors = colored(chart.lines);
  const band = bandName(chart);
  const legend: LegendItem[] =
      chart.lines.map((l, i) => ({name: l.name, color: colors[i]!, kind: l.dashed ? "dashed" : "line"}));
  const many = chart.lines.length > 8;
  if (has(chart.lines, "low")) legend.push({name: band, color: "var(--muted)", kind: "band", off: many});
  if (has(chart.lines, "theory")) legend.push({name: theoryName, color: "var(--ink)", kind: "dashed"});
  if (chart.mark) legend.push({name: chart.mark.text, color: "var(--muted)", kind: "dotted"});
  return figure({
    kicker: chart.kicker,
    title: chart.title,
    note: chart.note,
    file: chart.file,
    legend,
    compact: chart.compact,
    data: () => data(chart),
    draw(width, shown) {
      const lines = chart.lines.map((l, i): Drawn => ({line: l, color: colors[i]!, points: pointsOf(l, chart)}));
      return draw(chart, lines.filter(l => shown(l.line.name)), width, shown);
    }
  });
}

function data({lines, xLabel, yLabel}: LineChart): {columns: string[]; rows: (string | Num)[][]} {
  const fields = (["low", "high", "theory"] as const).filter(field => has(lines, field));
  const rows = lines.flatMap(
      l => l.x.map((x, i) => [l.name, x, l.y[i] ?? null, ...fields.map(field => l[field]?.[i] ?? null)]));
  return {columns: ["line", xLabel, yLabel, ...fields], rows};
}

function pointsOf(l: Line, {logX, logY}: LineChart): Point[] {
  const usable = (v: Num | undefined) => (v === null || v === undefined || (logY && v <= 0) ? NaN : v);
  const point = (x: number, i: number): Point =>
      ({x, y: usable(l.y[i]), low: l.low?.[i] ?? NaN, high: l.high?.[i] ?? NaN, theory: usable(l.theory?.[i])});
  return l.x.map(point).filter(p => !logX || p.x > 0);
}

/** At most six powers of ten. */
function decades(low: number, high: number): number[] {
  const [from, to] = [Math.floor(Math.log10(low) + 1e-9), Math.ceil(Math.log10(high) - 1e-9)];
  const step = Math.max(1, Math.ceil((to - from) / 6));
  const ticks = [];
  for (let e = Math.ceil(from / step) * step; e <= to; e += step) ticks.push(10 ** e);
  return ticks.filter(tick => tick >= 0.99 * low && tick <= 1.01 * high);
}

/** 1, 2, 5, 10, … of a range below three decades; of a short one 1, 1.5, 2, 3, 4, … */
function few(low: number, high: number): number[] {
  const within = (steps: number[]) => {
    const ticks = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++) ticks.push(...steps.map(s => s * 10 ** e));
    return ticks.filter(tick => tick >= 0.99 * low && tick <= 1.01 * high);
  };
  const usual = within([1, 2, 5]);
  return usual.length > 2 ? usual : within([1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9]);
}

interface Axis extends ScaleOptions {
  ticks?: number[] | number;
}

function axis(values: number[], log: boolean | undefined, label: string, room: number): Axis {
  let [low, high] = [Infinity, -Infinity];
  for (const v of values) {
    if (Number.isFinite(v) && (!log || v > 0)) [low, high] = [Math.min(low, v), Math.max(high, v)];
  }
  if (low > high) return {domain: [0, 1], ticks: 0, label: null};
  const common = {label: label || null};
  if (!log) {
    const domain = low < high ? {} : {domain: [Math.min(0, low), Math.max(0, high) || 1]};
    return {...common, ...domain, ticks: room, tickFormat: (v: number) => number(v, 4)};
  }
  const domain = low < high ? [low, high] : [low / 2, high * 2];
  const powers = decades(low, high);
  if (powers.length > 2) {
    return {...common, type: "log", domain, ticks: powers, tickFormat: (v: number) => power(Math.round(Math.log10(v)))};
  }
  return {...common, type: "log", domain, ticks: few(low, high), tickFormat: (v: number) => number(v, 2)};
}

function draw(chart: LineChart, lines: Drawn[], width: number, shown: (name: string) => boolean):
    {svg: SVGSVGElement; stops: Stop[]} {
  const [banded, predicted] = [shown(bandName(chart)), shown(theoryName)];
  const mark = chart.mark && shown(chart.mark.text) ? [chart.mark.y] : [];
  const all = lines.flatMap(l => l.points);
  const ys = all.flatMap(p => [p.y, ...(banded ? [p.low, p.high] : []), ...(predicted ? [p.theory] : [])]);
  const [least, most] = chart.compact ? [150, 240] : chart.short ? [210, 270] : [230, 380];
  const height = Math.round(Math.max(least, Math.min(most, width * 0.56)));
  const named = width >= 520 && lines.length > 1 && !chart.compact && !chart.diagonal;
  const longest = Math.max(0, ...lines.map(l => l.line.name.length));
  const onLeft = named && chart.xLabel === "layer" && range(chart, lines, "first") > 1.5 * range(chart, lines, "last");
  const [names, numbers] = [named ? Math.min(200, 18 + 7.4 * longest) : 14, 52];
  const [marginLeft, marginRight] = onLeft ? [names, numbers] : [numbers, names];
  const y = axis([...ys, ...mark], chart.logY, chart.yLabel, height / 60);
  const x = axis(all.map(p => p.x), chart.logX, chart.xLabel, Math.min(8, width / 70));
  const drawn = drawing({
    width,
    height,
    marginLeft,
    marginRight,
    marginTop: 26,
    x: {labelAnchor: "center", labelArrow: "none", ...x},
    y: {axis: onLeft ? "right" : "left", nice: !chart.logY, ...y, ...(chart.yDomain ? {domain: chart.yDomain} : {})},
    marks: [...background(chart, y, mark), ...lines.flatMap(l => marks(chart, l, banded, predicted))]
  });
  if (named) endLabels(drawn, lines, onLeft, onLeft ? marginLeft - 8 : width - marginRight + 8, height - 40);
  return {svg: drawn.svg, stops: stops(chart, lines, drawn)};
}

function background(chart: LineChart, y: Axis, mark: number[]): Markish[] {
  const grid = {stroke: "var(--grid)", strokeOpacity: 1};
  const result: Markish[] = [Array.isArray(y.ticks) ? gridY(y.ticks, grid) : gridY({ticks: y.ticks, ...grid})];
  if (chart.diagonal) {
    result.push(gridX(grid));
    result.push(line([[0, 0], [1, 1]], {stroke: "var(--ink)", strokeDasharray: "2 4", strokeOpacity: 0.7}));
  }
  if (mark.length) result.push(ruleY(mark, {stroke: "var(--muted)", strokeDasharray: "1 3"}));
  if (chart.cursor !== undefined) result.push(ruleX([chart.cursor], {stroke: "var(--accent)", strokeWidth: 1.5}));
  return result;
}

function marks(chart: LineChart, {line: l, color, points}: Drawn, banded: boolean, predicted: boolean): Markish[] {
  if (chart.diagonal) return [dot(points, {x: "x", y: "y", fill: color, r: 5})];
  const result: Markish[] = [];
  if (banded && l.low?.length) {
    // On a log axis a band that reaches 0 goes down to the least of what the chart shows.
    const floor = Math.min(...points.flatMap(p => [p.y, p.low]).filter(v => v > 0));
    const bound = (v: number) => (chart.logY && v <= 0 ? floor : v);
    const around = points.filter(p => Number.isFinite(p.low + p.high));
    result.push(areaY(around, {x: "x", y1: p => bound(p.low), y2: p => bound(p.high), fill: color, fillOpacity: 0.16}));
  }
  const dash = l.dashed ? {strokeDasharray: "6 4"} : {};
  result.push(line(points, {x: "x", y: "y", stroke: color, strokeWidth: 2.2, ...dash}));
  if (points.length <= 25) result.push(dot(points, {x: "x", y: "y", fill: color, r: 2.6}));
  if (predicted && l.theory?.length) {
    result.push(line(points, {x: "x", y: "theory", stroke: "var(--ink)", strokeWidth: 1.1, strokeDasharray: "2 5"}));
  }
  return result;
}

function end({points}: Drawn, which: "first" | "last"): number | undefined {
  const usable = (p: Point) => Number.isFinite(p.y);
  return (which === "first" ? points.find(usable) : points.findLast(usable))?.y;
}

/** How far the lines are apart at one end: their names go where they differ. */
function range(chart: LineChart, lines: Drawn[], which: "first" | "last"): number {
  const ends = lines.map(l => end(l, which)).filter(y => y !== undefined).map(y => (chart.logY ? Math.log(y) : y));
  return Math.max(...ends) - Math.min(...ends);
}

/** Where texts go so that they do not cover each other: as near as possible to where they want to be. */
function spread(wanted: number[], gap: number, top: number, bottom: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]!);
  const placed = [...wanted];
  order.forEach((i, k) => (placed[i] = Math.max(placed[i]!, k ? placed[order[k - 1]!]! + gap : top)));
  order.reverse().forEach((i, k) => (placed[i] = Math.min(placed[i]!, k ? placed[order[k - 1]!]! - gap : bottom)));
  return placed;
}

function endLabels(drawn: Drawing, lines: Drawn[], onLeft: boolean, x: number, bottom: number): void {
  const ends = lines.flatMap(l => {
    const y = end(l, onLeft ? "first" : "last");
    return y === undefined ? [] : [{name: l.line.name, color: l.color, y: drawn.y(y)}];
  });
  const places = spread(ends.map(e => e.y), 13, 20, bottom);
  ends.forEach(({name, color}, i) => {
    const fill = `color-mix(in oklab, ${color} 78%, var(--ink))`;
    const anchor = {"text-anchor": onLeft ? "end" : "start", "font-weight": 600};
    const short = name.length > 26 ? `${name.slice(0, 25)}…` : name;
    drawn.svg.append(svg("text", {x, y: places[i]!, dy: "0.32em", fill, ...anchor}, short));
  });
}

/** One place to stop at for each x. */
function stops(chart: LineChart, lines: Drawn[], drawn: Drawing): Stop[] {
  const at = new Map<number, {name: string; color: string; text: string; y: number}[]>();
  for (const {line: l, color, points} of lines) {
    for (const p of points.filter(point => Number.isFinite(point.y))) {
      const said = Number.isFinite(p.theory) ? `, theory ${number(p.theory, 4)}` : "";
      const entry = {name: l.name, color, text: number(p.y, 4) + interval(p.low, p.high) + said, y: p.y};
      at.set(p.x, [...(at.get(p.x) ?? []), entry]);
    }
  }
  return [...at].sort((a, b) => a[0] - b[0]).map(([x, entries]) => ({
    x: drawn.x(x),
    dots: entries.map(e => ({y: drawn.y(e.y), color: e.color})),
    title: `${chart.xLabel} ${number(x, 4)}`,
    entries: entries.sort((a, b) => b.y - a.y)
  }));
}

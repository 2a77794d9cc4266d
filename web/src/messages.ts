// Titles that say what a chart shows, made from its numbers.
import {number} from "./format";
import type {HeatMapData, Num, Series} from "./model";

interface End {
  name: string;
  value: number;
  low: number;
  high: number;
}

const last = (list: Num[]): Num => list[list.length - 1] ?? null;
const by = (ends: End[]) => [...ends].sort((a, b) => a.value - b.value);
const said = (end: End) => `${end.name} (${number(end.value, 2)})`;

function ends(lines: Series[], value: (s: Series) => Num): End[] {
  return lines.flatMap(s => {
    const v = value(s);
    return v === null || !Number.isFinite(v)
        ? []
        : [{name: s.name, value: v, low: last(s.low) ?? v, high: last(s.high) ?? v}];
  });
}

/** The largest factor by which a measured point misses theory, over all lines of a chart that have one. */
function farthest(lines: Series[]): {name: string; factor: number}|undefined {
  let worst: {name: string; factor: number}|undefined;
  for (const s of lines) {
    s.theory.forEach((t, i) => {
      const y = s.y[i];
      if (!t || !y || t * y <= 0) return;
      const factor = Math.max(y / t, t / y);
      if (!worst || factor > worst.factor) worst = {name: s.name, factor};
    });
  }
  return worst;
}

export function chartMessage(lines: Series[]): string {
  const first = lines[0]!;
  const one = lines.length === 1;
  if (first.x_label === "layer" && first.log_y) {
    const forward = first.y_label.includes("mean square");
    const ratios = by(ends(lines, s => (forward ? ratio(last(s.y), s.y[0]) : ratio(s.y[0], last(s.y)))));
    const [least, most] = [ratios[0], ratios.at(-1)];
    if (!least || !most) return `${first.y_label} by layer.`;
    const depth = Math.max(...first.x);
    const what = forward ? `From layer 1 to ${depth} the mean square is multiplied by` : "Layer 1's gradient is";
    const range = one ? `${number(least.value, 2)} (${least.name})`
                      : `${number(least.value, 2)} (${least.name}) to ${number(most.value, 2)} (${most.name})`;
    if (one) return forward ? `${what} ${range}.` : `${what} ${range} times that of layer ${depth}.`;
    // The message is which lines keep their size, not where the ends lie.
    const kept = ratios.filter(end => end.value > 0.1 && end.value < 10);
    const verb = forward ? "signal" : "gradient";
    return kept.length === ratios.length ? `All keep their ${verb} within a factor of 10 over ${depth} layers.`
        : `${kept.length ? `${kept.length} of ${ratios.length}` : "None"} keep${kept.length === 1 ? "s" : ""} the ${verb} within a factor of 10 over ${
              depth} layers; ${Math.abs(Math.log10(least.value)) > Math.abs(Math.log10(most.value)) ? said(least) : said(most)} strays farthest.`;
  }
  const worst = farthest(lines);
  if (worst && worst.factor < 1.5 && !one && lines.every(s => s.theory.length)) {
    return `Theory and measurement agree${
        worst.factor > 1.005 ? ` within a factor of ${number(worst.factor, 3)}` : ""}.`;
  }
  const order = by(ends(lines, s => last(s.y)));
  const [least, most] = [order[0], order.at(-1)];
  if (!least || !most) return `${first.y_label} by ${first.x_label}.`;
  if (one) {
    const start = first.y[0] ?? null;
    const verb = start === null || start === least.value ? "stays" : least.value > start ? "rises" : "falls";
    return verb === "stays" ? `${capital(first.name)}: ${number(least.value, 2)} (${first.y_label}) throughout.`
                            : `${capital(first.name)} ${verb} from ${number(start, 2)} to ${number(least.value, 2)} (${first.y_label}).`;
  }
  const zeros = order.filter(end => end.value === 0);
  const where = `At ${first.x_label} ${number(last(first.x), 3)}`;
  if (zeros.length === order.length) return `${where} all are at 0.`;
  if (zeros.length > 1 && zeros.length < order.length) {
    return `${where} ${zeros.length} of ${order.length} are at 0; ${said(most)} is highest.`;
  }
  if (least.high >= most.low && first.low.length)
    return `${where} the intervals of all overlap, around ${number(most.value, 2)}.`;
  return `${where} ${said(most)} is highest, ${said(least)} lowest.`;
}

function ratio(a: Num | undefined, b: Num | undefined): Num {
  return a === null || a === undefined || !b ? null : a / b;
}

function capital(text: string): string { return text.charAt(0).toUpperCase() + text.slice(1); }

export function heatMapMessage(map: HeatMapData): string {
  const cells =
      map.values.flatMap((list, r) => list.map((value, c) => ({value, name: `${part(map.row_label, map.rows[r]!)} with ${part(map.column_label, map.columns[c]!)}`})));
  const known = cells.filter((cell): cell is {
    value: number;
    name: string
  } => cell.value !== null);
  if (!known.length) return map.title;
  if (isRatio(map)) {
    const near = known.filter(cell => cell.value > 0.1 && cell.value < 10).length;
    return `${capital(map.title)}: ${near} of ${known.length} pairings keep it within a factor of 10.`;
  }
  const least = known.reduce((a, b) => (b.value < a.value ? b : a));
  const most = known.reduce((a, b) => (b.value > a.value ? b : a));
  if (least.value === most.value) return `${capital(map.title)}: ${number(least.value, 2)} everywhere.`;
  const zeros = known.filter(cell => cell.value === 0).length;
  return `${capital(map.title)}: highest for ${most.name} (${number(most.value, 2)})${
      zeros > 1 ? `; 0 in ${zeros} of ${known.length} cells` : `, lowest for ${least.name} (${number(least.value, 2)})`}.`;
}

/** "9 layers" and "rate 0.001" where rows and columns are numbers, else their names. */
function part(label: string, name: string): string { return /^[-+.\d]/.test(name) ? `${label} ${name}` : name; }

/** Whether 1 is the number to hope for. */
export function isRatio(map: HeatMapData): boolean {
  return map.log && map.values.flat().some(v => v !== null && v < 1);
}

// Histograms over steps: how many numbers of a tensor lie in each decade, on both sides of 0.
import {rect} from "@observablehq/plot";
import {drawing} from "./drawing";
import {figure, type Stop} from "./figure";
import {number, percent, power} from "./format";
import type {LayerRow} from "./model";

const lowest = -12;
const decades = 16;

/** The decade of a bin, with its sign: "−10⁻³". */
function binName(bin: number): string {
  if (bin === decades) return "0";
  return bin > decades ? power(lowest + bin - decades - 1) : `−${power(lowest + decades - 1 - bin)}`;
}

/** What lies in a bin, in words. */
function binRange(bin: number): string {
  if (bin === decades) return "are exactly 0";
  const exponent = bin > decades ? lowest + bin - decades - 1 : lowest + decades - 1 - bin;
  const [near, far] = [10 ** exponent, 10 ** (exponent + 1)];
  return bin > decades ? `lie between ${number(near)} and ${number(far)}` : `lie between ${number(-far)} and ${number(-near)}`;
}

export function histogramChart(rows: LayerRow[], layer: string, tensor: string): HTMLElement {
  const columns = rows.map(row => {
    const counts = Array.isArray(row[`${tensor}_histogram`]) ? (row[`${tensor}_histogram`] as number[]) : [];
    const total = counts.reduce((a, b) => a + b, 0);
    return {step: row.step, shares: counts.map(n => (total ? n / total : 0))};
  });
  const used = Array.from({length: 2 * decades + 1}, (_, bin) => bin);
  const bins = used.filter(bin => bin === decades || columns.some(c => (c.shares[bin] ?? 0) > 0));
  // A row each, from below; where decades without numbers are left out, half a row stays free.
  let row = 0;
  const rowOf = new Map(bins.map((bin, i) => [bin, (row += i && bins[i - 1] !== bin - 1 ? 1.5 : 1)]));
  const cells = columns.flatMap((c, i) => bins.map(bin => ({i, row: rowOf.get(bin)!, share: c.shares[bin] ?? 0})));
  const most = Math.max(1e-9, ...cells.map(cell => cell.share));
  const end = columns.at(-1);
  const zero = end?.shares[decades] ?? 0;
  const peak = end ? end.shares.indexOf(Math.max(...end.shares)) : decades;
  return figure({
    kicker: `${tensor.replaceAll("_", " ")} of ${layer}`,
    title: `At the last step ${percent(end?.shares[peak] ?? 0, 2)} ${binRange(peak)}${
        zero > 0 && peak !== decades ? `, ${percent(zero, 2)} are exactly 0` : ""}.`,
    file: `train.histogram.${layer}.${tensor}`,
    legend: [],
    note: `Each column is a step; darker: more of the numbers, up to ${percent(most, 2)}.`,
    data: () => ({
      columns: ["step", ...bins.map(binName)],
      rows: columns.map(c => [c.step, ...bins.map(bin => c.shares[bin] ?? 0)])
    }),
    draw(width) {
      const every = Math.ceil(columns.length / Math.max(2, width / 70));
      const paint = (share: number) =>
          `color-mix(in oklab, var(--heat-high) ${Math.round(100 * share)}%, var(--heat-low))`;
      const {svg, x, y} = drawing({
        width,
        height: 64 + 20 * row,
        marginLeft: 52,
        x: {
          label: "step", labelAnchor: "center", labelArrow: "none", domain: [-0.5, columns.length - 0.5],
          ticks: columns.map((_, i) => i).filter(i => i % every === 0),
          tickFormat: (i: number) => number(columns[i]?.step)
        },
        y: {
          label: "value", domain: [0.5, row + 0.5], ticks: [...rowOf.values()],
          tickFormat: (r: number) => binName(bins.find(bin => rowOf.get(bin) === r)!)
        },
        marks: [rect(cells.filter(cell => cell.share > 0), {
          x1: d => d.i - 0.5, x2: d => d.i + 0.5, y1: d => d.row - 0.5, y2: d => d.row + 0.5, inset: 0.5,
          fill: d => paint(Math.sqrt(d.share / most))
        })]
      });
      const [cellWidth, cellHeight] = [x(1) - x(0), y(0) - y(1)];
      const stops = [...bins].reverse().flatMap(bin => columns.map((column, i): Stop => ({
        x: x(i - 0.5),
        y: y(rowOf.get(bin)! + 0.5),
        width: cellWidth,
        height: cellHeight,
        title: `step ${number(column.step)}, around ${binName(bin)}`,
        entries: [{name: "share", text: percent(column.shares[bin] ?? 0)}]
      })));
      return {svg, stops, columns: columns.length};
    }
  });
}

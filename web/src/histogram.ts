// Histograms over steps: how many numbers of a tensor lie in each decade, on both sides of 0.
import {plot, rect} from "@observablehq/plot";
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

export function histogramChart(rows: LayerRow[], layer: string, tensor: string): HTMLElement {
  const columns = rows.map(row => {
    const counts = Array.isArray(row[`${tensor}_histogram`]) ? (row[`${tensor}_histogram`] as number[]) : [];
    const total = counts.reduce((a, b) => a + b, 0);
    return {step: row.step, shares: counts.map(n => (total ? n / total : 0))};
  });
  const used =
      Array.from({length: 2 * decades + 1}, (_, bin) => bin).filter(bin => columns.some(c => (c.shares[bin] ?? 0) > 0));
  const from = Math.max(0, Math.min(...used, 2 * decades) - 1);
  const to = Math.min(2 * decades, Math.max(...used, 0) + 1);
  const bins = Array.from({length: Math.max(1, to - from + 1)}, (_, i) => from + i);
  const cells =
      columns.flatMap((column, i) => bins.map(bin => ({i, bin, step: column.step, share: column.shares[bin] ?? 0})));
  const most = Math.max(1e-9, ...cells.map(cell => cell.share));
  const end = columns.at(-1);
  const zero = end?.shares[decades] ?? 0;
  const peak = end ? end.shares.indexOf(Math.max(...end.shares)) : decades;
  return figure({
    kicker: `${tensor.replaceAll("_", " ")} of ${layer}`,
    title: `At the last step most lie around ${binName(peak)}${
        zero > 0 && peak !== decades ? `; ${percent(zero, 2)} are exactly 0` : ""}.`,
    file: `train.histogram.${layer}.${tensor}`,
    legend: [],
    note: `Each column is a step; darker: more of the numbers, up to ${percent(most, 2)}.`,
    data: () => ({
      columns: ["step", ...bins.map(binName)],
      rows: columns.map(c => [c.step, ...bins.map(bin => c.shares[bin] ?? 0)])
    }),
    draw(width) {
      const height = 60 + 17 * bins.length;
      const ticks = columns.map((_, i) => i).filter(i => i % Math.ceil(columns.length / Math.max(2, width / 70)) === 0);
      const drawing = plot({
        width,
        height,
        marginLeft: 52,
        marginBottom: 38,
        marginRight: 12,
        className: "plot",
        x: {
          type: "linear",
          domain: [-0.5, columns.length - 0.5],
          ticks,
          tickFormat: (i: number) => number(columns[i]?.step),
          label: "step"
        },
        y: {
          type: "linear",
          domain: [from - 0.5, to + 0.5],
          ticks: bins.filter(bin => (bin - decades) % (bins.length > 14 ? 2 : 1) === 0),
          tickFormat: binName,
          label: "value"
        },
        color: {type: "identity"},
        marks: [rect(cells.filter(cell => cell.share > 0), {
          x1: d => d.i - 0.5,
          x2: d => d.i + 0.5,
          y1: d => d.bin - 0.5,
          y2: d => d.bin + 0.5,
          fill: d =>
              `color-mix(in oklab, var(--heat-high) ${Math.round(100 * Math.sqrt(d.share / most))}%, var(--heat-low))`
        })]
      }) as SVGSVGElement;
      const scale = (name: string) =>
          (drawing as unknown as {scale(n: string): {apply(v: number): number}}).scale(name).apply;
      const [x, y] = [scale("x"), scale("y")];
      const stops = [...bins].reverse().flatMap(bin => columns.map((column, i): Stop => ({
        x: x(i - 0.5),
        y: y(bin + 0.5),
        width: x(i + 0.5) - x(i - 0.5),
        height: y(bin - 0.5) - y(bin + 0.5),
        title: `step ${number(column.step)}, around ${binName(bin)}`,
        entries: [{name: "share", text: percent(column.shares[bin] ?? 0)}]
      })));
      return {svg: drawing, stops, columns: columns.length};
    }
  });
}

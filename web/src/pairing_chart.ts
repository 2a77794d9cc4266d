// Pairings one below the other, the best first: a dot with its interval each.
import {dot, gridX, link, plot} from "@observablehq/plot";

import {activationColor} from "./color";

import {figure, type Stop} from "./figure";
import {interval, number} from "./format";
import type {ComparedPairing} from "./model";

export function pairingChart(pairings: ComparedPairing[], metric: string): HTMLElement {
  const rows =
      pairings.map((p, i) => ({...p, i, name: `${p.activation}, ${p.init}`, color: activationColor(p.activation)}));
  const known = rows.filter(r => r.mean !== null);
  const ties = known.filter(r => !r.worse).length;
  const title = ties > 1 ? `${ties} of ${known.length} pairings cannot be told from the best.`
                         : `${known[0]?.name ?? "No pairing"} is better than all others.`;
  return figure({
    kicker: `Pairings by ${metric}`,
    title,
    file: "compare.pairings",
    legend: [],
    note:
        "Bars are 95 % intervals over seeds; hollow: worse than the best one, with the whole interval of the comparison.",
    data: () => ({
      columns: ["pairing", metric, "probability that the best one beats it"],
      rows: rows.map(r => [r.name, {value: r.mean, low: r.low, high: r.high}, r.best_is_better])
    }),
    draw(width) {
      const marginLeft = Math.min(170, 14 + 7 * Math.max(...rows.map(r => r.name.length)));
      const drawing = plot({
        width,
        height: 60 + 22 * rows.length,
        marginLeft,
        marginBottom: 38,
        marginRight: 16,
        className: "plot",
        x: {
          label: metric,
          labelAnchor: "center",
          labelArrow: "none",
          nice: true,
          ticks: Math.min(8, width / 70),
          tickFormat: (v: number) => number(v, 3)
        },
        y: {domain: rows.map(r => r.i), tickFormat: (i: number) => rows[i]!.name, label: null, tickSize: 0},
        marks: [
          gridX({ticks: Math.min(8, width / 70), stroke: "var(--grid)", strokeOpacity: 1}),
          link(known.filter(r => r.low !== null),
              {x1: "low", x2: "high", y1: "i", y2: "i", stroke: r => r.color, strokeWidth: 2}),
          dot(known, {
            x: "mean",
            y: "i",
            r: 5,
            stroke: r => r.color,
            strokeWidth: 2,
            fill: r => (r.worse ? "var(--paper)" : r.color)
          })
        ],
        color: {type: "identity"}
      }) as SVGSVGElement;
      const y = (drawing as unknown as {scale(n: string): {apply(v: number): number; bandwidth: number}}).scale("y");
      const stops = rows.map((r): Stop => ({
        x: 0,
        y: y.apply(r.i),
        width,
        height: y.bandwidth,
        title: r.name,
        entries: [
          {name: metric, color: r.color, text: number(r.mean, 4) + interval(r.low, r.high)}, {
            name: "best beats it",
            text: number(r.best_is_better.value) + interval(r.best_is_better.low, r.best_is_better.high)
          }
        ]
      }));
      return {svg: drawing, stops, columns: 1};
    }
  });
}

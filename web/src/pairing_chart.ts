// Pairings one below the other, the best first: a dot with its interval each.
import {dot, gridX, link} from "@observablehq/plot";

import {activationColor} from "./color";

import {drawing} from "./drawing";
import {figure, type Stop} from "./figure";
import {interval, measured, number} from "./format";
import type {ComparedPairing} from "./model";

export function pairingChart(pairings: ComparedPairing[], metric: string): HTMLElement {
  const rows = pairings.map((p, i) => {
    const color = activationColor(p.activation);
    return {...p, i, name: `${p.activation}, ${p.init}`, color, fill: p.worse ? "var(--paper)" : color};
  });
  const known = rows.filter(r => r.mean !== null);
  const ties = known.filter(r => !r.worse).length;
  const title = ties > 1 ? `${ties} of ${known.length} pairings cannot be told from the best.`
                         : `${known[0]?.name ?? "No pairing"} is better than all others.`;
  return figure({
    kicker: `Pairings by ${metric}`,
    title,
    file: "compare.pairings",
    legend: [],
    note: "Bars are 95 % intervals over seeds and test rows. Hollow: worse than the best one, or nets of it failed.",
    data: () => ({
      columns: ["pairing", metric, "probability that the best one beats it"],
      rows: rows.map(r => [r.name, {value: r.mean, low: r.low, high: r.high}, r.best_is_better])
    }),
    draw(width) {
      const marginLeft = Math.min(170, 14 + 7 * Math.max(...rows.map(r => r.name.length)));
      const ticks = Math.min(8, width / 70);
      const tickFormat = (v: number) => number(v, 3);
      const drawn = drawing({
        width,
        height: 60 + 22 * rows.length,
        marginLeft,
        x: {label: metric, labelAnchor: "center", labelArrow: "none", nice: true, ticks, tickFormat},
        y: {domain: rows.map(r => r.i), tickFormat: (i: number) => rows[i]!.name, label: null, tickSize: 0},
        marks: [
          gridX({ticks, stroke: "var(--grid)", strokeOpacity: 1}),
          link(known.filter(r => r.low !== null), {x1: "low", x2: "high", y: "i", stroke: "color", strokeWidth: 2}),
          dot(known, {x: "mean", y: "i", r: 5, stroke: "color", strokeWidth: 2, fill: "fill"})
        ]
      });
      const stops = rows.map((r): Stop => ({
        x: 0,
        y: drawn.y(r.i),
        width,
        height: drawn.cell.height,
        title: r.name,
        entries: [
          {name: metric, color: r.color, text: number(r.mean, 4) + interval(r.low, r.high)},
          {name: "best beats it", text: measured(r.best_is_better)}
        ]
      }));
      return {svg: drawn.svg, stops, columns: 1};
    }
  });
}

// Activations as small cards: f solid, f' dashed, on axes that all cards share.
import {activationColor} from "./color";
import {h} from "./dom";
import {number} from "./format";
import {lineChart} from "./line_chart";

import type {Num} from "./model";

interface Curve {
  name: string;
  x: number[];
  y: Num[];
}

function extreme(curve: Curve, better: (a: number, b: number) => boolean): {x: number; y: number} {
  let best = {x: NaN, y: NaN};
  curve.y.forEach((y, i) => {
    if (y !== null && (Number.isNaN(best.y) || better(y, best.y))) best = {x: curve.x[i]!, y};
  });
  return best;
}

/** A slope that jumps has a gap there instead of a steep line. */
export function broken(y: Num[]): Num[] {
  return y.map((v, i) => (i && v !== null && Math.abs(v - (y[i - 1] ?? v)) > 0.4 ? null : v));
}

export function curveCards(values: Curve[], slopes: Curve[], file: string): HTMLElement {
  const cards = values.map(f => {
    const slope = slopes.find(s => s.name === f.name);
    const steepest = slope && extreme(slope, (a, b) => a > b + 1e-6);
    const lowest = extreme(f, (a, b) => a < b);
    const dips = lowest.y < -1e-3 && lowest.x > f.x[0]!;
    const flat = steepest && steepest.y <= 1.001 ? `Slope at most ${number(steepest.y, 3)}`
                                                 : `Slope up to ${number(steepest?.y, 3)}`;
    const color = activationColor(f.name);
    return lineChart({
      kicker: f.name,
      title: `${flat}${dips ? `, least value ${number(lowest.y, 3)}` : ""}.`,
      file: `${file}.${f.name}`,
      xLabel: "x",
      yLabel: "",
      compact: true,
      yDomain: [-1.8, 2.5],
      lines: [
        {name: "f", x: f.x, y: f.y.map(y => (y !== null && y > 2.5 ? null : y)), color},
        ...(slope ? [{name: "f′", x: slope.x, y: broken(slope.y), color, dashed: true}] : [])
      ]
    });
  });
  return h("div.small-charts", cards);
}

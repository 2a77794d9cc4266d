// What a net with two inputs decides, over the plane, with the data on it.
import {dot, rect} from "@observablehq/plot";
import {drawing} from "./drawing";
import {figure, type Stop} from "./figure";
import {number} from "./format";
import type {Boundary} from "./model";

const classColors = [
  "var(--c-tanh)", "var(--c-relu)", "var(--c-gelu)", "var(--c-sigmoid)", "var(--c-leaky_relu)", "var(--c-mish)",
  "var(--c-silu)", "var(--c-elu)", "var(--c-selu)", "var(--c-tanh)"
];
const levels = 12;

interface Area {
  x1: number;
  x2: number;
  y1: number;
  y2: number;
  fill: string;
}

/** Neighbours of one colour in a row become one rectangle. */
function areas(b: Boundary, paint: (value: number) => string): Area[] {
  const edge = (list: number[], i: number) => {
    const step = (list.at(-1)! - list[0]!) / (list.length - 1);
    return list[0]! + (i - 0.5) * step;
  };
  const result: Area[] = [];
  b.values.forEach((row, r) => {
    let start = 0;
    const fills = row.map(v => (v === null ? "var(--none)" : paint(v)));
    fills.forEach((fill, c) => {
      if (fills[c + 1] === fill) return;
      result.push({x1: edge(b.x, start), x2: edge(b.x, c + 1), y1: edge(b.y, r), y2: edge(b.y, r + 1), fill});
      start = c + 1;
    });
  });
  return result;
}

export function boundaryChart(b: Boundary, names: string[]): HTMLElement {
  const classes = b.classes ?? 0;
  const known = b.values.flat().filter((v): v is number => v !== null);
  const [least, most] = classes === 2 ? [0, 1] : [Math.min(...known), Math.max(...known)];
  const label = (v: number) => classColors[Math.round(v) % classColors.length]!;
  const paint = (v: number) => {
    if (classes > 2) return `color-mix(in oklab, ${label(v)} 45%, var(--paper))`;
    const level = Math.round(((v - least) / (most - least || 1)) * levels) / levels;
    const side = level < 0.5 ? classColors[0] : classColors[1];
    return `color-mix(in oklab, ${side} ${Math.round(Math.abs(level - 0.5) * 110)}%, var(--paper))`;
  };
  const painted = areas(b, paint);
  const points = b.points.x.map((x, i) => ({x, y: b.points.y[i]!, label: b.points.label[i]!}));
  const [xLabel, yLabel] = [b.x_label ?? "first input", b.y_label ?? "second input"];
  const className = (i: number) => (/^\d*$/.test(names[i] ?? "") ? `class ${names[i] || i}` : names[i]!);
  const dotColor = (v: number) => (classes >= 2 ? label(v) : paint(v));
  const answer = classes === 2 ? `probability of ${className(1)}` : classes ? "class" : "output";
  return figure({
    kicker: "Decision boundary",
    title: `${classes ? "Where the net says which class" : "What the net answers"}; dots are training data.`,
    file: "train.boundary",
    legend: Array.from({length: classes}, (_, i) => ({name: className(i), color: label(i), kind: "area" as const})),
    data: () => ({
      columns: [`${yLabel} \\ ${xLabel}`, ...b.x.map(x => number(x))],
      rows: b.y.map((y, r) => [y, ...b.values[r]!])
    }),
    draw(width, shown) {
      const side = Math.min(width, 560);
      const ratio = Math.min(1.2, Math.max(0.5, (b.y.at(-1)! - b.y[0]!) / (b.x.at(-1)! - b.x[0]!)));
      const axis = {tickFormat: (v: number) => number(v, 3), ticks: 6};
      const circle = {r: 2.6, stroke: "var(--paper)", strokeWidth: 0.8};
      const drawn = drawing({
        width: side,
        height: Math.round((side - 66) * ratio + 64),
        marginLeft: 52,
        marginTop: 26,
        x: {label: xLabel, labelAnchor: "center", labelArrow: "none", ...axis},
        y: {label: yLabel, ...axis},
        marks: [
          rect(painted, {x1: "x1", x2: "x2", y1: "y1", y2: "y2", fill: "fill", shapeRendering: "crispEdges"}),
          dot(points.filter(p => !classes || shown(className(p.label))),
              {x: "x", y: "y", fill: p => dotColor(p.label), ...circle})
        ]
      });
      const pick = (list: number[]) => list.map((_, i) => i).filter(i => i % Math.ceil(list.length / 24) === 0);
      const [columns, rows] = [pick(b.x), pick(b.y).reverse()];
      const stops = rows.flatMap(r => columns.map((c): Stop => ({
        x: drawn.x(b.x[c]!) - 4,
        y: drawn.y(b.y[r]!) - 4,
        width: 8,
        height: 8,
        title: `${number(b.x[c], 2)}, ${number(b.y[r], 2)}`,
        entries: [{name: answer, text: number(b.values[r]![c], 3)}]
      })));
      return {svg: drawn.svg, stops, columns: columns.length};
    }
  });
}

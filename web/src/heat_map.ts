// Numbers by two names as coloured cells, each with its value on hover or by arrow keys.
import {cell, text} from "@observablehq/plot";
import {drawing} from "./drawing";
import {figure, type Stop} from "./figure";
import {number} from "./format";
import type {HeatMapData, Num} from "./model";

export interface HeatMap extends Omit<HeatMapData, "name"|"title"> {
  kicker?: string | undefined;
  title: string;
  file: string;
  /** Of a number whose best is in the middle: 1 for a ratio. Colours then go both ways from it. */
  middle?: number | undefined;
  /** What a cell says beyond its number. */
  detail?: (row: number, column: number) => string;
  note?: string | undefined;
}

/** 0 … 1 by the range of the values; 0.5 is the middle where there is one. */
function shares(map: HeatMap): (v: Num) => number | null {
  const scaled = (v: number) => (map.log ? Math.log10(v) : v);
  const usable = (v: Num): v is number => v !== null && Number.isFinite(v) && (!map.log || v > 0);
  const values = map.values.flat().filter(usable).map(scaled);
  if (map.middle !== undefined) {
    const middle = scaled(map.middle);
    const reach = Math.min(map.log ? 6 : Infinity, Math.max(1e-12, ...values.map(v => Math.abs(v - middle))));
    return v => (usable(v)              ? Math.max(0, Math.min(1, 0.5 + (scaled(v) - middle) / (2 * reach)))
                   : v === 0 && map.log ? 0
                                        : null);
  }
  const low = Math.min(...values);
  const high = Math.max(...values);
  return v => (usable(v) ? (high > low ? (scaled(v) - low) / (high - low) : 0.5) : null);
}

function fill(share: number | null, diverging: boolean): string {
  if (share === null) return "var(--none)";
  const mix = (from: string, to: string, part: number) =>
      `color-mix(in oklab, var(${to}) ${Math.round(part * 100)}%, var(${from}))`;
  if (!diverging) return mix("--heat-low", "--heat-high", share);
  return share < 0.5 ? mix("--heat-middle", "--heat-under", 1 - 2 * share)
                     : mix("--heat-middle", "--heat-over", 2 * share - 1);
}

/** Text on a cell: dark on light paper and light on strong colour, in both themes. */
const inkOn = (share: number | null, diverging: boolean) =>
    (share !== null && (diverging ? Math.abs(share - 0.5) > 0.3 : share > 0.55) ? "var(--heat-ink-strong)"
                                                                                : "var(--heat-ink)");

const inCell = (v: Num, log: boolean) => number(v, v !== null && Math.abs(v) < 1e-3 ? 1 : log ? 2 : 3);

interface HeatCell {
  value: Num;
  r: number;
  c: number;
  share: number | null;
}

export function heatMap(map: HeatMap): HTMLElement {
  const share = shares(map);
  const diverging = map.middle !== undefined;
  const cells: HeatCell[] =
      map.values.flatMap((list, r) => list.map((value, c) => ({value, r, c, share: share(value)})));
  return figure({
    kicker: map.kicker,
    title: map.title,
    file: map.file,
    note: map.note ??
        (diverging ? `Blue is less than ${number(map.middle!)}, orange more; colours stop at a factor of 10⁶.`
                   : undefined),
    legend: [],
    data: () =>
        ({columns: [map.row_label, ...map.columns], rows: map.rows.map((name, r) => [name, ...map.values[r]!])}),
    draw(width) {
      const marginLeft = Math.min(120, 12 + 7 * Math.max(...map.rows.map(n => n.length)));
      const plain = (width - marginLeft - 8) / map.columns.length;
      const slanted = plain < 7 * Math.max(...map.columns.map(n => n.length));
      const marginRight = slanted ? Math.max(8, 0.58 * 6.2 * map.columns.at(-1)!.length - plain / 2) : 8;
      const step = (width - marginLeft - marginRight) / map.columns.length;
      const rowHeight = 28;
      const longest = 6.2 * Math.max(...map.columns.map(n => n.length));
      const marginTop = slanted ? 18 + 0.82 * longest : 30;
      const ordinal = (names: string[]) =>
          ({domain: names.map((_, i) => i), label: null, tickFormat: (i: number) => names[i]!, tickSize: 0});
      const numbers = {x: "c", y: "r", text: (d: HeatCell) => inCell(d.value, map.log), fontSize: 11};
      const drawn = drawing({
        width,
        height: marginTop + rowHeight * map.rows.length + 8,
        marginLeft,
        marginRight,
        marginTop,
        marginBottom: 8,
        x: {...ordinal(map.columns), axis: "top", tickRotate: slanted ? -55 : 0, padding: 0.03},
        y: {...ordinal(map.rows), padding: 0.06},
        marks: [
          cell(cells, {x: "c", y: "r", fill: d => fill(d.share, diverging), rx: 2}),
          step >= 44 ? text(cells, {...numbers, fill: d => inkOn(d.share, diverging)}) : null
        ]
      });
      const stops = cells.map((d): Stop => ({
        x: drawn.x(d.c),
        y: drawn.y(d.r),
        ...drawn.cell,
        title: `${map.rows[d.r]}, ${map.columns[d.c]}`,
        entries: [{name: map.detail?.(d.r, d.c) ?? "", color: fill(d.share, diverging), text: number(d.value, 4)}]
      }));
      return {svg: drawn.svg, stops, columns: map.columns.length};
    }
  });
}

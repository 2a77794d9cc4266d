// The frame of every chart: a title that says what it shows, a legend that toggles, values on hover or by arrow key,
// its data as a table and as CSV, and SVG export.
import {download, h} from "./dom";
import {standaloneSvg} from "./export_svg";
import {csv} from "./format";
import {dataTable} from "./table";

import type {Cell} from "./model";

/** A place in a chart that has values to tell: a column of points, or a cell. Pixels of the drawing. */
export interface Stop {
  x: number;
  y?: number;
  width?: number;
  height?: number;
  dots?: {y: number; color: string}[];
  title: string;
  entries: {name: string; color?: string; text: string}[];
}

export interface LegendItem {
  name: string;
  color: string;
  kind: "line" | "dashed" | "dotted" | "band" | "area";
  off?: boolean;
}

export interface ChartFrame {
  kicker?: string | undefined;
  title: string;
  note?: string | undefined;
  file: string;
  legend: LegendItem[];
  compact?: boolean | undefined;
  /** Draws at a width, in pixels, those parts of the legend that are shown. `columns`: stops form a grid, by rows. */
  draw(width: number, shown: (name: string) => boolean): {svg: SVGSVGElement; stops: Stop[]; columns?: number};
  data(): {columns: string[]; rows: Cell[][]};
}

export function figure(frame: ChartFrame): HTMLElement {
  const hidden = new Set(frame.legend.filter(item => item.off).map(item => item.name));
  const tip = h("div.tip", {"aria-live": "polite", hidden: true});
  const cross = h("div.cross", {hidden: true});
  const canvas = h("div.canvas");
  const surface = h("div", {
    class: "surface",
    tabindex: 0,
    role: "group",
    "aria-roledescription": "chart",
    "aria-label": `${frame.title} Arrow keys read the values.`
  },
      canvas, cross, tip);
  let drawn: ReturnType<ChartFrame["draw"]> | undefined;
  let current = -1;
  let width = 0;

  function redraw(): void {
    if (width < 50) return;
    drawn = frame.draw(width, name => !hidden.has(name));
    // What Plot calls its groups is for us, not for readers.
    drawn.svg.querySelectorAll<SVGElement>("[aria-label]").forEach(group => {
      group.dataset.mark = group.getAttribute("aria-label")!;
      group.removeAttribute("aria-label");
    });
    drawn.svg.setAttribute("role", "img");
    drawn.svg.setAttribute("aria-label", frame.title);
    canvas.replaceChildren(drawn.svg);
    leave();
  }
  function leave(): void {
    current = -1;
    tip.hidden = true;
    cross.hidden = true;
  }
  function show(index: number): void {
    const stop = drawn?.stops[index];
    if (!stop) return leave();
    current = index;
    tip.replaceChildren(h("strong", stop.title),
        ...stop.entries.map(entry => h("div", entry.color ? h("i", {"--swatch": entry.color}) : null,
                                h("span", entry.name), h("b", entry.text))));
    const box = stop.width !== undefined && stop.height !== undefined;
    cross.className = box ? "cross box" : "cross";
    cross.replaceChildren(...(stop.dots ?? []).map(d => h("i", {"--swatch": d.color, "--y": `${d.y}px`})));
    cross.style.left = `${stop.x}px`;
    cross.style.top = box ? `${stop.y}px` : "0";
    cross.style.width = box ? `${stop.width}px` : "";
    cross.style.height = box ? `${stop.height}px` : "";
    tip.hidden = false;
    cross.hidden = false;
    const left = stop.x + (stop.width ?? 0) / 2 > width / 2;
    tip.style.left = left ? "" : `${Math.min(stop.x + (stop.width ?? 0) + 10, width - tip.offsetWidth)}px`;
    tip.style.right = left ? `${Math.min(width - stop.x + 10, width - tip.offsetWidth)}px` : "";
    tip.style.top = `${Math.max(4, (stop.y ?? 30) - 10)}px`;
  }
  function nearest(event: PointerEvent): number {
    const frameOf = canvas.getBoundingClientRect();
    const x = event.clientX - frameOf.left;
    const y = event.clientY - frameOf.top;
    let best = -1;
    let distance = Infinity;
    drawn?.stops.forEach((stop, i) => {
      const dx = stop.width === undefined ? stop.x - x : Math.max(stop.x - x, 0, x - stop.x - stop.width);
      const dy = stop.height === undefined ? 0 : Math.max(stop.y! - y, 0, y - stop.y! - stop.height);
      const d = dx * dx + dy * dy;
      if (d < distance) [best, distance] = [i, d];
    });
    return best;
  }
  surface.addEventListener("pointermove", event => show(nearest(event)));
  surface.addEventListener("pointerdown", event => show(nearest(event)));
  surface.addEventListener("pointerleave", leave);
  surface.addEventListener("blur", leave);
  surface.addEventListener("keydown", event => {
    const row = drawn?.columns ?? 1;
    const moves: Record<string, number> = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row};
    const last = (drawn?.stops.length ?? 0) - 1;
    if (event.key === "Escape") return leave();
    const target = event.key === "Home" ? 0
        : event.key === "End"           ? last
        : current < 0                   ? 0
                                        : current + (moves[event.key] ?? NaN);
    if (!(event.key in moves || event.key === "Home" || event.key === "End")) return;
    event.preventDefault();
    if (target >= 0 && target <= last) show(target);
  });
  new ResizeObserver(([entry]) => {
    const now = Math.floor(entry!.contentRect.width);
    if (now === width) return;
    width = now;
    redraw();
  }).observe(canvas);

  return h("figure", {class: frame.compact ? "chart compact" : "chart"},
      h("figcaption", frame.kicker ? h("p.kicker", frame.kicker) : null, h("p.message", frame.title)),
      frame.legend.length > 1 ? legend(frame.legend, hidden, redraw) : null, surface,
      frame.note ? h("p.note", frame.note) : null,
      exportTools({...frame, legend: () => frame.legend.filter(item => !hidden.has(item.name)), svg: () => drawn?.svg}));
}

/** What a chart gives away: its data as a table and as CSV, its drawing as SVG. */
export interface Exports {
  kicker?: string | undefined;
  title: string;
  file: string;
  /** What the drawing shows now. */
  legend(): LegendItem[];
  data(): {columns: string[]; rows: Cell[][]};
  svg(): SVGSVGElement | undefined;
}

export function exportTools(chart: Exports): HTMLElement {
  const table = h("details.data", h("summary", "Data"));
  table.addEventListener("toggle", () => {
    if (!table.open) return;
    const data = chart.data();
    table.replaceChildren(table.firstElementChild!, dataTable(chart.title, data.columns, data.rows));
  });
  const saveCsv = () => {
    const data = chart.data();
    download(`${chart.file}.csv`, "text/csv", csv(data.columns, data.rows));
  };
  const saveSvg = () => {
    const drawn = chart.svg();
    if (drawn) download(`${chart.file}.svg`, "image/svg+xml", standaloneSvg(drawn, chart));
  };
  const save = (name: string, click: () => void) =>
      h("button.quiet", {type: "button", click, "aria-label": `${name} of: ${chart.title}`}, name);
  const menu = h("details.tools-menu", h("summary", {"aria-label": `Data and files of: ${chart.title}`}, "⋯"),
      h("div.tools-items", table, save("CSV", saveCsv), save("SVG", saveSvg)));
  return h("div.tools", menu);
}

function legend(items: LegendItem[], hidden: Set<string>, redraw: () => void): HTMLElement {
  const buttons = items.map(item => {
    const button = h("button", {type: "button", "aria-pressed": String(!hidden.has(item.name)), "--swatch": item.color},
        h("i", {class: item.kind}), item.name);
    button.addEventListener("click", () => {
      if (!hidden.delete(item.name)) hidden.add(item.name);
      button.setAttribute("aria-pressed", String(!hidden.has(item.name)));
      redraw();
    });
    return button;
  });
  const all = h("button.quiet", {type: "button"}, "all");
  all.addEventListener("click", () => {
    hidden.clear();
    buttons.forEach(button => button.setAttribute("aria-pressed", "true"));
    redraw();
  });
  return h("div.legend", {role: "group", "aria-label": "Legend: shows and hides lines"}, ...buttons,
      hidden.size ? all : null);
}

// Tables of numbers: intervals beside values, a click on a column head sorts, and CSV.
import {h} from "./dom";
import {isMeasurement, measured, number} from "./format";
import type {Cell} from "./model";

const size = (cell: Cell): string | number => (isMeasurement(cell) ? (cell.value ?? -Infinity)
        : typeof cell === "string"                               ? cell
                                                                 : (cell ?? -Infinity));

function compare(a: Cell, b: Cell): number {
  const [x, y] = [size(a), size(b)];
  if (typeof x === "number" && typeof y === "number") return x - y;
  return typeof x === typeof y ? String(x).localeCompare(String(y)) : typeof x === "string" ? 1 : -1;
}

export function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return "–";
  if (isMeasurement(cell)) return measured(cell);
  return typeof cell === "string" ? cell : number(cell, 4);
}

const page = 200;

export function dataTable(caption: string, columns: string[], rows: Cell[][]): HTMLElement {
  const body = h("tbody");
  let order = rows;
  let shown = page;
  const more = h("button.quiet", {type: "button", click: () => fill((shown = rows.length))});
  function fill(count: number): void {
    body.replaceChildren(...order.slice(0, count).map(
        row => h("tr",
            columns.map((_, i) => h("td", {class: typeof row[i] === "string" ? null : "number"}, cellText(row[i]))))));
    more.hidden = rows.length <= count;
    more.textContent = `Show all ${rows.length} rows`;
  }
  const heads = columns.map((name, i) => {
    const head = h("th", {scope: "col"}, h("button", {type: "button", click: sort}, name));
    function sort(): void {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      order = [...rows].sort((a, b) => (down ? -1 : 1) * compare(a[i] ?? null, b[i] ?? null));
      fill(shown);
    }
    return head;
  });
  fill(shown);
  return h("div.scroll", {tabindex: 0, role: "region", "aria-label": caption},
      h("table", h("caption.hidden", caption), h("thead", h("tr", heads)), body), more);
}

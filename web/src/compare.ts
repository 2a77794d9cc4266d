// The report of `evengrad compare`: which pairing, how sure that is, and how well theory foresaw it.
import {activationColor} from "./color";
import {h} from "./dom";
import {number, percent, plural, prose} from "./format";
import {heatMap} from "./heat_map";
import {lineChart} from "./line_chart";
import type {CompareDocument, ComparisonCell, Table} from "./model";
import type {Page} from "./page";
import {pairingChart} from "./pairing_chart";
import {tableDetails} from "./run";
import {dataTable} from "./table";

const unique = <T>(values: T[]): T[] => [...new Set(values)];

export function comparePage(doc: CompareDocument): Page {
  const cells = doc.cells;
  const metric = (cells[0]?.metric ?? "result").replaceAll("_", " ");
  const counts = [unique(cells.map(c => c.activation)).length, unique(cells.map(c => c.init)).length];
  return {
    title: `Which pairing for ${doc.data}?`,
    question: `Which of ${plural(counts[0]!, "activation")} goes best with which of ${
        plural(counts[1]!, "initializer")} on ${doc.data}, by ${metric}?`,
    answer: prose(doc.conclusion),
    facts: [plural(cells.length, "cell"), plural(cells.reduce((n, c) => n + c.seeds, 0), "net")],
    lead: [h("div.charts.wide", pairingChart(doc.pairings, metric))],
    sections: [
      {id: "cells", title: "Every cell", fill: into => fillCells(into, cells, metric)},
      {id: "depth", title: "What depth does", fill: into => fillDepth(into, cells, metric)},
      {id: "theory", title: "What theory foresaw", fill: into => fillOracle(into, doc)},
      {id: "tables", title: "Numbers", fill: into => fillTables(into, doc.report.tables)}
    ]
  };
}

function fillCells(into: HTMLElement, cells: ComparisonCell[], metric: string): void {
  const [rows, columns] = [unique(cells.map(c => c.activation)), unique(cells.map(c => c.init))];
  const nets = unique(cells.map(c => `${c.depth}/${c.width}`));
  const maps = nets.flatMap(net => {
    const [depth, width] = net.split("/").map(Number);
    const at = (r: number, c: number) =>
        cells.find(x => x.activation === rows[r] && x.init === columns[c] && x.depth === depth && x.width === width);
    const values = (pick: (c: ComparisonCell) => number | null) =>
        rows.map((_, r) => columns.map((_, c) => (at(r, c) ? pick(at(r, c)!) : null)));
    const shape = {row_label: "activation", column_label: "initializer", rows, columns};
    const detail = (r: number, c: number) => {
      const cell = at(r, c);
      if (!cell) return "no such cell";
      if (cell.refused) return cell.refused;
      const range = cell.low === null ? "" : ` [${number(cell.low)}, ${number(cell.high)}]`;
      return `rate ${number(cell.lr)}, ${cell.trained} of ${cell.seeds} trained${
          cell.diverged ? `, ${cell.diverged} diverged` : ""}${range}`;
    };
    const built = cells.filter(c => c.depth === depth && c.width === width && !c.refused);
    const all = built.filter(c => c.trained === c.seeds).length;
    const kept = built.filter(c => c.gradient_ratio !== null && Math.abs(Math.log10(c.gradient_ratio)) < 1).length;
    const kicker = `${depth} layers of ${width}`;
    return [
      heatMap({
        ...shape,
        kicker,
        title: `${all} of ${built.length} pairings train with every seed (${metric}).`,
        file: `compare.${depth}x${width}`,
        values: values(c => c.mean),
        log: false,
        detail
      }),
      heatMap({
        ...shape,
        kicker: `${kicker}, at the start`,
        title: `At ${kept} of ${built.length}, layer 1's gradient is within a factor of 10 of the last layer's.`,
        file: `compare.gradient.${depth}x${width}`,
        values: values(c => c.gradient_ratio),
        log: true,
        middle: 1,
        detail: (r, c) => `theory ${number(at(r, c)?.gradient_ratio_theory)}`
      })
    ];
  });
  into.append(h("div.charts", maps));
}

function fillDepth(into: HTMLElement, cells: ComparisonCell[], metric: string): void {
  const depths = unique(cells.map(c => c.depth)).sort((a, b) => a - b);
  if (depths.length < 2) {
    into.append(h("p", `All nets had ${depths[0]} layers.`));
    return;
  }
  const charts = unique(cells.map(c => c.init)).map(init => {
    const lines = unique(cells.map(c => c.activation)).map(activation => {
      const mine =
          depths.map(depth => cells.filter(c => c.init === init && c.activation === activation && c.depth === depth));
      const widest = mine.map(list => list.at(-1));
      return {
        name: activation,
        x: depths,
        y: widest.map(c => c?.mean ?? null),
        low: widest.map(c => c?.low ?? null),
        high: widest.map(c => c?.high ?? null)
      };
    });
    const ends =
        lines.flatMap(l => (l.y.at(-1) === null ? [] : [{name: l.name, y: l.y.at(-1)!}])).sort((a, b) => b.y - a.y);
    const title = ends.length ? `At ${depths.at(-1)} layers: highest ${ends[0]!.name} (${number(ends[0]!.y)}), lowest ${
                                    ends.at(-1)!.name} (${number(ends.at(-1)!.y)}).`
                              : "Nothing was built.";
    return lineChart({kicker: init, title, file: `compare.depth.${init}`, xLabel: "layers", yLabel: metric, lines});
  });
  into.append(h("div.charts", charts));
}

function fillOracle(into: HTMLElement, doc: CompareDocument): void {
  const {brier, calibration, rank_correlation, failures} = doc.oracle;
  const scores = Object.entries(brier).filter((s): s is[string, number] => s[1] !== null);
  const best = scores.reduce((a, b) => (b[1] < a[1] ? b : a), ["", Infinity] as [string, number]);
  const bins = calibration.filter(bin => bin.nets > 0 && bin.forecast !== null && bin.observed !== null);
  const usual = [...bins].sort((a, b) => b.nets - a.nets)[0];
  into.append(
      h("p.answer",
          `Before anything was trained, ${best[0]} predicted best which nets train (Brier score ${
              number(best[1])}: the mean squared error of its probabilities; 0 is perfect, 0.25 a coin). Theory's ranking and the measured one have a rank correlation of ${
              number(rank_correlation)}.`),
      h("div.charts", lineChart({
        kicker: "Calibration of theory's forecasts",
        title: usual ? `Where theory said ${percent(usual.forecast, 2)} (${plural(usual.nets, "net")}), ${
                           percent(usual.observed, 2)} trained.`
                     : "Nothing was forecast.",
        file: "compare.calibration",
        xLabel: "forecast probability that a net trains",
        yLabel: "share that trained",
        yDomain: [0, 1],
        diagonal: true,
        lines: [{
          name: "nets",
          x: bins.map(bin => bin.forecast!),
          y: bins.map(bin => bin.observed),
          color: activationColor("tanh")
        }],
        note: `On the dotted line forecasts come true. Nets in each dot: ${bins.map(bin => bin.nets).join(", ")}.`
      }),
          h("div", h("p.kicker", "Brier scores: lower is better"),
              dataTable("Brier scores", ["forecaster", "score"], scores))),
      failures.length ? h("h3", "Where theory was sure and wrong") : "",
      h("ul.notes", failures.map(failure => h("li", prose(failure)))));
}

function fillTables(into: HTMLElement, tables: Table[]): void {
  into.append(...tables.map(table => tableDetails("compare", table)));
}

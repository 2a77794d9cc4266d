// The report of `evengrad run`: the verdicts, then a section an experiment.
import {claimCard, claimTable, count, verdictBar} from "./claims";
import {curveCards} from "./curves";
import {fold} from "./fold";
import {commandLine, download, h} from "./dom";
import {csv, listed, number, plural, prose} from "./format";
import {heatMap} from "./heat_map";
import {lineChart} from "./line_chart";
import {formula} from "./mathml";
import {chartMessage, heatMapMessage, isRatio} from "./messages";
import type {Experiment, RunDocument, Series, Table} from "./model";
import {dataTable} from "./table";
import {relations} from "./theory";
import type {Page, Section} from "./page";

export function runPage(doc: RunDocument): Page {
  const claims = doc.experiments.flatMap(e => e.claims);
  const surprises = claims.filter(c => c.surprise).length;
  const one = doc.experiments.length === 1 ? doc.experiments[0]! : undefined;
  return {
    title: one ? one.title : "What two study guides say, measured",
    question: one ? one.question
                  : "Which of their statements about activations, initializers and depth hold when they are measured?",
    answer: one ? prose(one.answer) : verdictSentence(doc, surprises),
    facts: [`${doc.profile} profile`, plural(doc.experiments.length, "experiment"), plural(claims.length, "claim")],
    lead: [claims.length > 0 && verdictBar(claims), claims.length > 0 && claimTable(doc.experiments)],
    sections:
        doc.experiments.map((e): Section => ({id: e.name, title: e.title, fill: into => experiment(into, e, doc)}))
  };
}

function verdictSentence(doc: RunDocument, surprises: number): string {
  const claims = doc.experiments.flatMap(e => e.claims);
  const n = { yes: count(claims, "confirmed"), if: count(claims, "conditional"), no: count(claims, "refuted") };
  const open = claims.length - n.yes - n.if - n.no;
  const parts = [
    `${n.yes} hold as stated`, `${n.if} only under a condition`, `${n.no} do not hold`,
    ...(open ? [`${open} stay open`] : [])
  ];
  return `Of ${claims.length} statements ${listed(parts)}${
      surprises ? `; ${surprises} of them came with a surprise.` : "."}`;
}

/** Charts by their names, in order. */
function charts(series: Series[]): Series[][] {
  const named = new Map<string, Series[]>();
  for (const s of series) named.set(s.chart, [...(named.get(s.chart) ?? []), s]);
  return [...named.values()];
}

export function seriesChart(lines: Series[], file: string, short = false): HTMLElement {
  const first = lines[0]!;
  const steps = first.x.length;
  const logX = steps > 2 && steps < 30 && first.x[0]! > 0 && first.x[steps - 1]! / first.x[0]! >= 30;
  const unity = first.log_y && (first.y_label.startsWith("mean square") || first.y_label.includes("ratio"));
  return lineChart({
    kicker: first.chart,
    short,
    title: chartMessage(lines),
    file: `${file}.${first.chart}`,
    xLabel: first.x_label,
    yLabel: first.y_label,
    logX,
    logY: first.log_y,
    lines,
    ...(unity ? {mark: {y: 1, text: "unchanged"}} : {})
  });
}

function experiment(into: HTMLElement, e: Experiment, doc: RunDocument): void {
  const all = charts(e.series);
  const values = all.find(lines => lines[0]!.y_label === "f(x)");
  const slopes = all.find(lines => lines[0]!.y_label === "f'(x)");
  const curves = values && slopes ? [values, slopes] : [];
  const drawn = all.filter(lines => !curves.includes(lines));
  const first = 1;
  const pictures = [
    ...drawn.map((lines, i) => () => seriesChart(lines, e.name, i < first)),
    ...e.heat_maps.map(map => () => heatMap({
      ...map,
      title: heatMapMessage(map),
      file: `${e.name}.${map.name}`,
      middle: isRatio(map) ? 1 : undefined
    }))
  ];
  const command =
      e.command ?? `evengrad run ${e.name} --profile ${doc.profile} --seed ${doc.seed ?? 1} --out runs/${e.name}`;
  const history = e.notes.filter(note => note.startsWith("History"));
  const notes = e.notes.filter(note => !note.startsWith("History"));
  const [headline, ...rest] = prose(e.answer).split(/(?<=[.;]) (?=\S)/);
  into.append(
      h("div.outline",
          h("div", h("p.question", e.question), h("p.answer", headline!.replace(/;$/, ".")), rest.length ? h("p.note", rest.join(" ")) : "",
              e.claims.length ? verdictBar(e.claims) : "",
              (relations[e.name] ?? []).map(r => h("p.relation", formula(r.formula, true), h("span", r.words)))),
          h("div", pictures.slice(0, first).map(make => make()))),
      h("div.folds", fold(plural(Math.max(0, pictures.length - first) + (curves.length ? values!.length : 0), "more chart"), pictures.length > first || curves.length > 0, () => [
        curves.length ? curveCards(values!, slopes!, e.name) : "",
        h("div.charts", pictures.slice(first).map(make => make()))
      ]),
      fold(plural(e.claims.length, "claim"), e.claims.length > 0,
          () => [h("div.cards", [...e.claims].sort((a, b) => Number(!a.surprise) - Number(!b.surprise)).map(claimCard))]),
      fold(plural(e.tables.length, "table"), e.tables.length > 0, () => e.tables.map(table => tableDetails(e.name, table))),
      fold(`How it was run${history.length ? `, and ${plural(history.length, "statement")} of history, not tested` : ""}`, true,
          () => [h("ul.notes", notes.map(note => h("li", prose(note)))),
            h("ul.notes", history.map(note => h("li", note.replace(/^History, not tested\. /, "")))), commandLine(command)])));
}

export function tableDetails(file: string, table: Table): HTMLElement {
  const save = () => download(`${file}.${table.name}.csv`, "text/csv", csv(table.columns, table.rows));
  const details = h("details.table", h("summary", table.title, h("span", ` ${number(table.rows.length)} rows`)));
  const fill = () => {
    if (details.childElementCount > 1) return;
    details.append(
        dataTable(table.title, table.columns, table.rows), h("button.quiet", {type: "button", click: save}, "CSV"));
  };
  details.addEventListener("toggle", () => details.open && fill());
  return details;
}

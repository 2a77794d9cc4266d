// The report of `evengrad train`: how it went, what was found, and what happened inside each layer.
import {boundaryChart} from "./boundary";
import {orderedColors} from "./color";
import {h} from "./dom";
import {number, percent, plural, prose} from "./format";
import {histogramChart} from "./histogram";
import {lineChart, type Line} from "./line_chart";
import {nearMisses} from "./near_misses";
import type {Finding, LayerRow, Num, TrainDocument} from "./model";
import type {Page, Section} from "./page";

interface Statistic {
  key: string;
  name: string;
  label: string;
  log?: boolean;
  /** Shares of a hidden layer's units, which are so. */
  hiddenOnly?: boolean;
  word?: string;
  /** The field with the spread around it. */
  spread?: string;
  mark?: {y: number; text: string};
}

const statistics: Statistic[] = [
  {key: "pre_activation_mean", name: "Pre-activations", label: "mean", spread: "pre_activation_deviation"},
  {key: "activation_rms", name: "Activations", label: "rms", log: true},
  {key: "pre_activation_gradient_rms", name: "Gradients of pre-activations", label: "rms", log: true},
  {key: "weight_gradient_rms", name: "Gradients of weights", label: "rms", log: true}, {
    key: "update_ratio",
    name: "Updates",
    label: "rms of an update / rms of the weights",
    log: true,
    mark: {y: 1e-3, text: "0.001, a rule of thumb"}
  },
  {key: "silent", name: "Silent units", label: "share of units", hiddenOnly: true, word: "silent (0 for every input)"},
  {key: "saturated", name: "Saturated units", label: "share of units", hiddenOnly: true, word: "saturated (flat for every input)"},
  {key: "dormant", name: "Dormant units", label: "share of units", hiddenOnly: true, word: "dormant (below 2.5 % of their layer’s mean)"}
];

/** "layers.2" as a reader counts. */
export const layerName = (row: LayerRow): string => (row.hidden ? `layer ${row.layer}` : "output");

const field = (row: LayerRow, key: string): Num => (typeof row[key] === "number" ? (row[key] as number) : null);

export function trainPage(doc: TrainDocument): Page {
  const last = doc.final;
  const result = !last                 ? "a number that is not finite ended the run"
      : last.test_accuracy !== null    ? `test accuracy ${percent(last.test_accuracy)}`
                                       : `test loss ${number(last.test_loss, 4)}`;
  const lastStep = Math.max(0, ...doc.probe.map(row => row.step));
  const near = nearMisses(doc.probe.filter(row => row.step === lastStep));
  const health = !doc.findings.length
      ? `nothing unhealthy was found${near.length ? `, but close: ${near.join("; ")}` : ""}`
      : `${plural(doc.findings.length, "finding")}, first of all: ${prose(doc.findings[0]!.message)}`;
  const look = cursor();
  const section = (id: string, title: string, fill: (into: HTMLElement) => void): Section => ({id, title, fill});
  const sections = [section("learning", "Learning", into => look.show(into, step => learning(doc, step)))];
  if (doc.probe.length) {
    sections.push(section("layers", "Inside the layers", into => look.show(into, step => layers(doc.probe, step))),
        section("units", "Units that fall silent and wake", into => look.show(into, step => [births(doc.probe, step)])),
        section("histograms", "Histograms", into => into.append(histograms(doc.probe))));
  }
  const finals = [
    ["training loss", number(last?.train_loss, 4)], ["test loss", number(last?.test_loss, 4)],
    ["training accuracy", percent(last?.train_accuracy)], ["test accuracy", percent(last?.test_accuracy)],
    ["parameters", number(doc.parameters)]
  ].filter(([, value]) => value !== "–");
  return {
    title: `Training on ${doc.data}`,
    question: `How does ${doc.model} with ${doc.activation} and ${doc.init} learn ${doc.data} by ${doc.optimizer}?`,
    answer: `After ${plural(doc.steps, "step")}: ${result}; ${health.replace(/\.$/, "")}.`,
    facts: [...(doc.epochs === null ? [] : [plural(doc.epochs, "epoch")]), plural(doc.steps, "step")],
    lead: [
      h("dl.finals", finals.map(([name, value]) => h("div", h("dt", name), h("dd", value)))),
      doc.findings.length > 0 && h("div.cards", doc.findings.map(f => finding(f, look)))
    ],
    sections
  };
}

/** The step that all charts over time mark, and how to draw them again for another. */
function cursor() {
  let step: number | undefined;
  const shown: {into: HTMLElement; make: (step?: number) => HTMLElement[]}[] = [];
  const draw = (s: (typeof shown)[number]) => s.into.replaceChildren(h("div.charts", s.make(step)));
  return {
    show(into: HTMLElement, make: (step?: number) => HTMLElement[]) {
      const entry = {into, make};
      shown.push(entry);
      draw(entry);
    },
    jump(to: number) {
      step = Math.max(1, to);
      shown.forEach(draw);
    }
  };
}

function finding(f: Finding, look: ReturnType<typeof cursor>): HTMLElement {
  const jump = h("button", {
    type: "button",
    click: () => {
      look.jump(f.since_step);
      location.hash = f.where.startsWith("layers") && document.getElementById("layers") ? "#layers" : "#learning";
    }
  },
      f.since_step ? `Show step ${f.since_step}` : "Show the start");
  return h("article", {class: `claim ${f.severity === "critical" ? "refuted" : "conditional"}`},
      h("header", h("span", {class: `badge ${f.severity === "critical" ? "refuted" : "conditional"}`}, f.severity),
          h("span.id", `${f.rule} · ${f.where}`)),
      h("p", prose(f.message)), h("p.condition", h("b", "Try: "), f.try), jump);
}

function learning(doc: TrainDocument, step?: number): HTMLElement[] {
  const perEpoch = doc.epoch_log.length ? doc.steps / doc.epoch_log.length : 1;
  const steps = doc.epoch_log.map(e => e.step ?? Math.round(e.epoch * perEpoch));
  const epochs = (key: "train_loss"|"test_loss"|"train_accuracy"|"test_accuracy") => doc.epoch_log.map(e => e[key]);
  const test = epochs("test_loss");
  const best = test.reduce<number>((b, v, i) => (v !== null && v < (test[b] ?? Infinity) ? i : b), 0);
  const lowest = test[best] ?? null;
  const worse = lowest !== null && (test.at(-1) ?? Infinity) > 1.02 * lowest;
  const positive = [...doc.log.loss, ...test].every(v => v === null || v > 0);
  const charts = [lineChart({
    kicker: "Loss",
    title: lowest === null ? "Loss by step."
                           : `Test loss is lowest after epoch ${doc.epoch_log[best]!.epoch} (${number(lowest)})${
                                 worse ? ` and ends at ${number(test.at(-1))}` : ""}.`,
    file: "train.loss",
    xLabel: "step",
    yLabel: "loss",
    logY: positive,
    cursor: step,
    lines: [
      {name: "each batch", x: doc.log.step, y: doc.log.loss, color: "var(--faint)"},
      {name: "training", x: steps, y: epochs("train_loss"), color: "var(--c-tanh)"},
      {name: "test", x: steps, y: test, color: "var(--c-relu)"}
    ]
  })];
  if (doc.boundary) {
    const boundary = boundaryChart(doc.boundary, doc.class_names);
    boundary.classList.add("tall");
    charts.push(boundary);
  }
  if (doc.epoch_log.some(e => e.test_accuracy !== null || e.train_accuracy !== null)) {
    const accuracy = epochs("test_accuracy").map(v => v ?? -1);
    const top = Math.max(...accuracy);
    charts.push(lineChart({
      kicker: "Accuracy",
      title: top < 0
          ? "Accuracy of the training data."
          : `Test accuracy is highest after epoch ${doc.epoch_log[accuracy.indexOf(top)]!.epoch}: ${percent(top)}.`,
      file: "train.accuracy",
      xLabel: "step",
      yLabel: "share that is right",
      cursor: step,
      lines: [
        {name: "training", x: steps, y: epochs("train_accuracy"), color: "var(--c-tanh)"},
        {name: "test", x: steps, y: epochs("test_accuracy"), color: "var(--c-relu)"}
      ]
    }));
  }
  return charts;
}

function byLayer(rows: LayerRow[]): Map<string, LayerRow[]> {
  const layers = new Map<string, LayerRow[]>();
  for (const row of rows) layers.set(row.name, [...(layers.get(row.name) ?? []), row]);
  return layers;
}

function layers(rows: LayerRow[], step?: number): HTMLElement[] {
  const all = byLayer(rows);
  const colors = orderedColors(all.size);
  return statistics.map(s => {
    const lines = [...all.values()].flatMap((list, i): Line[] => {
      if (s.hiddenOnly && !list[0]!.hidden) return [];
      const y = list.map(row => field(row, s.key));
      const around = (side: number) =>
          list.map((row, k) => (y[k] === null ? null : y[k]! + side * (field(row, s.spread!) ?? 0)));
      const band = s.spread ? {low: around(-1), high: around(1)} : {};
      return [{name: layerName(list[0]!), x: list.map(row => row.step), y, color: colors[i]!, ...band}];
    });
    const ends =
        lines.flatMap(l => (l.y.at(-1) === null || l.y.at(-1) === undefined ? [] : [{name: l.name, y: l.y.at(-1)!}]))
            .sort((a, b) => a.y - b.y);
    const [least, most] = [ends[0], ends.at(-1)];
    const size = (y: number) => (s.hiddenOnly ? percent(y, 2) : number(y, 2));
    const title = !least || !most ? "Nothing measured."
        : s.hiddenOnly
        ? (most.y === 0 ? `No ${s.name.toLowerCase()} at the end.` : `${size(most.y)} of ${most.name}’s units are ${s.word} at the end.`)
        : least.y === most.y ? `${size(least.y)} in every layer at the end.`
                             : `At the end ${most.name} has the largest (${size(most.y)}), ${least.name} the smallest (${size(least.y)}).`;
    return lineChart({
      kicker: s.name,
      title,
      file: `train.${s.key}`,
      xLabel: "step",
      yLabel: s.label,
      logX: true,
      logY: s.log ?? false,
      cursor: step,
      lines,
      ...(s.spread ? {bandName: "one standard deviation"} : {}),
      ...(s.mark ? {mark: s.mark} : {})
    });
  });
}

function births(rows: LayerRow[], step?: number): HTMLElement {
  const hidden = rows.filter(row => row.hidden);
  const steps = [...new Set(hidden.map(row => row.step))];
  const total = (key: string, weight: boolean) => steps.map(
      s => hidden.filter(row => row.step === s)
               .reduce((sum, row) => sum + (field(row, key) ?? 0) * (weight ? (field(row, "units") ?? 0) : 1), 0));
  const running = (list: number[]) => list.map((_, i) => list.slice(0, i + 1).reduce((a, b) => a + b, 0));
  const [silent, born, woken] =
      [total("silent", true), running(total("births", false)), running(total("revivals", false))];
  const end = silent.at(-1) ?? 0;
  return lineChart({
    kicker: "Silent units of all layers",
    title: `${plural(Math.round(end), "unit")} silent at the end; ${number(born.at(-1))} fell silent on the way and ${
        number(woken.at(-1))} woke.`,
    file: "train.silent_units",
    xLabel: "step",
    yLabel: "units",
    logX: true,
    cursor: step,
    lines: [
      {name: "silent now", x: steps, y: silent, color: "var(--ink)"},
      {name: "fell silent so far", x: steps, y: born, color: "var(--c-relu)"},
      {name: "woke so far", x: steps, y: woken, color: "var(--c-gelu)"}
    ]
  });
}

const tensors = [
  "pre_activation", "activation", "pre_activation_gradient", "activation_gradient", "weight", "weight_gradient",
  "update"
];

function histograms(rows: LayerRow[]): HTMLElement {
  const all = byLayer(rows);
  const options = (names: string[]) => names.map(name => h("option", {value: name}, name.replaceAll("_", " ")));
  const layer = h("select", {"aria-label": "Layer", change: draw}, [...all].map(([name, list]) => h("option", {value: name}, layerName(list[0]!))));
  const tensor = h("select", {"aria-label": "Tensor", change: draw}, ...options(tensors));
  const place = h("div.charts.wide");
  function draw(): void { place.replaceChildren(histogramChart(all.get(layer.value)!, layerName(all.get(layer.value)![0]!), tensor.value)); }
  draw();
  return h("div", h("div.filters", h("label", "Layer ", layer), h("label", "Tensor ", tensor)), place);
}

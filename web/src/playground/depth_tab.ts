// Signal and gradient through a deep net at initialization, for each initializer: measured and by theory, and how both
// vanish or explode as the weights' scale is dragged.
import {h} from "../dom";
import {exportTools} from "../figure";
import {factor, number, prose} from "../format";
import {lineChart, type Line} from "../line_chart";
import {builtIn} from "./activation_text";
import {button, formulaBox, select, slider} from "./controls";
import type {ActivationInfo, Curve, Fate, Phases, Propagation, PropagateOptions} from "./engine";
import {InitList} from "./init_list";
import {latest} from "./latest";
import {layerCard} from "./layer_card";
import {LayersStage, stageData} from "./layers_stage";
import {axes, PhaseDiagram} from "./phase_diagram";
import type {Host, Mounted, State, Tab} from "./tab";

/** Few enough to follow a hand that drags: the measurement is of `nets` nets on `inputs` inputs each. */
const [inputs, nets] = [64, 4];
const deepest = 100;
const seconds = 2.4;

export const depthTab: Tab = {
  id: "depth",
  title: "Depth",
  question: "How far do the signal and its gradient get?",
  hint: "Pick an initializer, or drag the scale of the weights: watch the gradient vanish, or explode.",
  defaults: {activation: "relu", init: "pytorch", scale: "1", depth: "30", width: "64", "bias-std": "", seed: "1"},
  mount
};

/** Correlation of two inputs' signals above which nothing later tells them apart. */
const alike = 0.999;

/** What the phase diagram shows, of the line and the ring those that are there. */
function describePhases({chi1, critical}: Phases): string {
  const known = [...chi1].filter(Number.isFinite);
  const [low, high] = [known.some(chi => chi < 1), known.some(chi => chi > 1)];
  const ring = critical && Math.sqrt(critical.sigma_w2) <= axes.w[1] && Math.sqrt(critical.sigma_b2) <= axes.b[1];
  const line = low && high ? "Left of the line gradients vanish, right of it they explode."
      : low                ? "Gradients vanish at every scale on this map."
                           : "Gradients explode at every scale on this map.";
  return `${line}${ring ? " The ring is the critical point." : ""} Drag your net.`;
}

interface Wanted {
  activation: string;
  init: string;
  scale: number;
  depth: number;
  width: number;
  biasStd: number | undefined;
  seed: number;
}

function mount(into: HTMLElement, host: Host): Mounted {
  const measurer = host.newEngine();
  let state: State = depthTab.defaults;
  let wanted: Wanted | undefined;
  let net: Propagation | undefined;
  let curve: Curve | undefined;
  let fates: Fate[] = [];
  let names: string[] = [];
  let activations: ActivationInfo[] = [];
  let list: InitList | undefined;
  let layer = 1;
  let playing = 0;
  let progress = 2;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  const activation =
      select({label: "Activation", options: [], value: "", change: value => host.set({activation: value})});
  const box = formulaBox({
    label: "or a formula in x",
    value: "",
    placeholder: "x*sigmoid(2*x)",
    check: text => host.engine.curve({activation: text, from: -4, to: 4, points: 9}),
    change: (text, done) => done && host.set({activation: text})
  });
  const depth = slider({
    label: "Depth, layers",
    lowest: 2,
    highest: deepest,
    step: 1,
    value: 30,
    change: v => host.set({depth: String(v)})
  });
  const widths = [8, 16, 32, 64, 128, 256];
  const width =
      select({label: "Width, units", options: widths.map(String), value: "64", change: v => host.set({width: v})});
  const bias = slider({
    label: "Biases, σ_b",
    lowest: 0,
    highest: axes.b[1],
    step: 0.02,
    value: 0,
    change: v => host.set({"bias-std": String(v)})
  });
  const scale = slider({
    label: "Scale of the weights",
    lowest: 0.25,
    highest: 4,
    step: Math.log(4) / 140,
    log: true,
    value: 1,
    say: v => `× ${number(v)}`,
    change: v => host.set({scale: String(v)})
  });
  const verdicts = h("dl.verdicts");
  const sentence = h("p.sentence");
  const stage = new LayersStage({look});
  const play = button("▶ Play", () => (playing ? stop() : start()));
  const time = h("input", {
    type: "range",
    min: 0,
    max: 2,
    step: 0.005,
    value: 2,
    "aria-label": "Time: forward through the layers, then backward",
    "aria-valuetext": "all has arrived",
    input() {
      stop();
      showAt(Number(time.value));
    }
  });
  const card = h("div.fact.layer-card");
  const phase = new PhaseDiagram((sigma_w, sigma_b) => {
    const base = baseOf();
    if (base) host.set({scale: String(Number((sigma_w / base.w).toPrecision(5))), "bias-std": String(sigma_b)});
  });
  const phaseText = h("p.where");
  const offMap = h("p.note", {hidden: true});
  const lists = h("div.picker");
  const byDepth = h("div.by-depth");
  const reset = button(
      "Reset", () => host.set({scale: "1", "bias-std": ""}), {"aria-label": "Reset the scales to the initializer’s"});
  into.append(
      h("div.depth", lists,
          h("div.stage", h("div.net-choice", activation.element, box.element, depth.element, width.element),
              h("div.fate", verdicts, h("div.weight-scale", scale.element, reset)), sentence, stage.element,
              h("div.player", play, time),
              h("p.legend-line", h("i.measured"), "measured ", h("i.theory"), "theory, and its band at this width ",
                  h("i.shade"), "each layer’s histogram"),
              exportTools({
                title: "Signal and gradient by layer",
                file: "depth",
                legend: () => [{name: "signal", color: "var(--signal)", kind: "line"},
                    {name: "gradient", color: "var(--gradient)", kind: "line"},
                    {name: "theory", color: "var(--ink)", kind: "dashed"}],
                data: () => stageData(net),
                svg: () => stage.svg
              })),
          h("aside.side",
              h("div.fact", h("h2", "Order and chaos"),
                  phaseText, phase.element, offMap, bias.element),
              card)),
      byDepth);

  const measure = latest((w: Wanted) => measurer.propagate(options(w)), (answer: Propagation, w) => {
    const fresh = !net || net.activation !== answer.activation || (w.init !== lastInit);
    lastInit = w.init;
    net = answer;
    host.command(answer.command);
    stage.show(net);
    layer = Math.min(layer, net.layers.length);
    look(layer);
    say();
    if (fresh && !calm.matches) start();
  }, error => {
    measured = "";
    host.notice(error.message);
  });
  let lastInit = "";
  let measured = "";
  const fateOf = (inits: string[], {activation: f, width: units}: Wanted) =>
      host.engine.fates({activation: f, inits, depth: deepest, width: units});
  /** Another net may have been chosen meanwhile. */
  const current = (w: Wanted) => w.activation === wanted!.activation && w.width === wanted!.width;
  // The chosen initializer's first, which the rest of the page waits for.
  const fate = latest(async (w: Wanted) => {
    const own = await fateOf([w.init], w);
    if (current(w)) {
      fates = own;
      follow();
    }
    return [...own, ...await fateOf(names.filter(name => name !== w.init), w)];
  }, (answer: Fate[], w) => {
    if (!current(w)) return;
    fates = answer;
    showFates();
    follow();
  }, error => host.notice(error.message));
  const map = latest((f: string) => host.engine.phase({activation: f, sigma_w: [...axes.w], sigma_b: [...axes.b]}),
      (answer: Phases) => {
        phase.show(answer);
        phaseText.textContent = describePhases(answer);
      }, () => {});
  const shape =
      latest((f: string) => host.engine.curve({activation: f, from: -4, to: 4, points: 161}), (answer: Curve) => {
        curve = answer;
        look(layer);
      }, () => {});

  void host.engine.list().then(known => {
    names = known.initializers.map(one => one.name);
    activations = known.activations;
    list = new InitList(known.initializers, init => host.set({init, scale: "1", "bias-std": ""}));
    lists.append(list.element);
    const box = activation.element.querySelector("select")!;
    box.replaceChildren(...known.activations.map(one => h("option", {value: one.name}, one.name)));
    update(state);
  }, (error: Error) => host.notice(error.message));

  function numberOf(key: string, lowest: number, highest: number): number {
    const value = Number(state[key]);
    if (state[key]!.trim() !== "" && value >= lowest && value <= highest) return value;
    host.notice(`${key} must be a number from ${number(lowest)} to ${number(highest)}.`);
    return Number(depthTab.defaults[key]);
  }

  function update(next: State): void {
    state = next;
    if (!names.length) return;
    const before = wanted;
    wanted = {
      activation: next.activation!.trim() || depthTab.defaults.activation!,
      init: next.init!.trim() || depthTab.defaults.init!,
      scale: numberOf("scale", 0.001, 1000),
      depth: Math.round(numberOf("depth", 1, deepest)),
      width: Math.round(numberOf("width", 1, 256)),
      biasStd: next["bias-std"] === "" ? undefined : numberOf("bias-std", 0, 100),
      seed: Math.round(numberOf("seed", 0, 2 ** 53))
    };
    activation.set(wanted.activation);
    box.set(builtIn(wanted.activation, activations) ? "" : wanted.activation);
    depth.set(wanted.depth);
    width.set(String(wanted.width));
    scale.set(wanted.scale);
    list!.choose(wanted.init);
    reset.hidden = wanted.scale === 1 && wanted.biasStd === undefined;
    if (before?.activation !== wanted.activation) {
      map(wanted.activation);
      shape(wanted.activation);
    }
    const known = fates.some(one => one.init === wanted!.init);
    if (before?.activation !== wanted.activation || before.width !== wanted.width || !known) {
      fates = [];
      fate(wanted);
      // As it draws them, weights need no theory before they are measured.
      if (wanted.scale === 1) measureNow(wanted);
    } else {
      showFates();
      follow();
    }
  }

  const fateOfChosen = () => fates.find(one => one.init === wanted?.init);

  /** Scales of the weights and biases that the chosen initializer draws in a middle layer, and the biases' mean. */
  function baseOf(): {w: number; b: number; mean: number} | undefined {
    const own = fateOfChosen();
    if (!own?.sigma_w2) return undefined;
    return {w: Math.sqrt(own.sigma_w2), b: Math.sqrt(own.sigma_b2 ?? 0), mean: own.bias_mean ?? 0};
  }

  /** Another scale than the initializer's own is drawn with Gaussian weights of that scale. */
  function options(
      {activation: f, init, scale: factor, depth: layers, width: units, biasStd, seed}: Wanted): PropagateOptions {
    const base = baseOf();
    const digits = (x: number) => String(Number(x.toPrecision(6)));
    const own = factor === 1 || !base;
    const scaled = own ? init : `gaussian(sigma_w=${digits(base.w * factor)}, sigma_b=${digits(base.b)})`;
    return {
      activation: f,
      init: scaled,
      depth: layers,
      width: units,
      inputs,
      nets,
      seed,
      ...(biasStd === undefined ? {} : {bias_std: biasStd})
    };
  }

  /** What depends on the initializer's own scales, once they are known. */
  function follow(): void {
    const base = baseOf();
    const biasStd = wanted!.biasStd ?? base?.b ?? 0;
    bias.set(biasStd);
    // Scaled, or with a deviation, biases are drawn around 0.
    const mean = wanted!.scale === 1 && wanted!.biasStd === undefined ? base?.mean : 0;
    const at = base && !mean ? {w: base.w * wanted!.scale, b: biasStd} : null;
    phase.place(at);
    offMap.textContent = whyOffMap(at, mean);
    offMap.hidden = offMap.textContent === "";
    scale.element.hidden = !base;
    measureNow(wanted!);
  }

  /** Why the phase diagram cannot show the net where it is; "" where it can. */
  function whyOffMap(at: {w: number; b: number} | null, mean = 0): string {
    const {init} = wanted!;
    if (mean)
      return `${init} sets every bias to ${number(mean)}. That shifts the mean of the signal, for which this map has no ` +
          "axis: your net is not on it. Scale the weights or set σ_b, and biases are drawn around 0 instead.";
    // Why an initializer was refused is said above the tab.
    if (!at) return fateOfChosen()?.refused ? "" : `${init} draws no random weights: your net is not on this map.`;
    const inside = at.w <= axes.w[1] && at.b <= axes.b[1];
    return inside ? "" : `Your net lies beyond the edge, at σ_w ${number(at.w)} and σ_b ${number(at.b)}.`;
  }

  /** Measures what has not been measured or asked for yet. */
  function measureNow(w: Wanted): void {
    const key = JSON.stringify(options(w));
    if (key === measured) return;
    measured = key;
    if (!net) sentence.textContent = `Measuring ${nets} nets of ${w.depth} layers, and what theory says of them …`;
    measure(w);
  }

  function showFates(): void {
    const layers = wanted?.depth ?? deepest;
    list?.show(fates.map(one => ({...one, gradient_log10: one.gradient_log10?.slice(0, layers) ?? null})));
    drawByDepth();
  }

  let drawnFor = "";
  function drawByDepth(): void {
    const key = JSON.stringify([wanted?.activation, wanted?.width, wanted?.init, fates.length]);
    if (key === drawnFor || !fates.length) return;
    drawnFor = key;
    const chosen = ["pytorch", "keras", "flax", "playground", "he", "orthogonal", "matched", "critical"];
    const known = fates.filter(one => one.gradient_log10 && (chosen.includes(one.init) || one.init === wanted?.init));
    const lines: Line[] = known.map(({init, gradient_log10}) => ({
      name: init,
      x: gradient_log10!.map((_, i) => i + 1),
      y: gradient_log10!.map(v => (v === null || !Number.isFinite(v) ? null : 10 ** Math.max(-300, Math.min(300, v))))
    }));
    byDepth.replaceChildren(lineChart({
      kicker: `Every depth at once, by theory, for ${wanted?.activation}`,
      title: "How much of the gradient reaches layer 1, by initializer.",
      file: "depth.by-initializer",
      xLabel: "depth of the net, layers",
      yLabel: "gradient at layer 1 over that at the last",
      logY: true,
      mark: {y: 1, text: "unchanged"},
      lines
    }));
  }

  function look(next: number): void {
    layer = next;
    stage.look(layer);
    if (net) card.replaceChildren(...layerCard(net, Math.min(layer, net.layers.length), curve));
  }

  function say(): void {
    const [first, last] = [net!.layers[0]!, net!.layers.at(-1)!];
    const signal = last.q === 0 ? 0 : Math.sqrt((last.q ?? NaN) / (first.q ?? NaN));
    verdicts.replaceChildren(...verdict("Signal at the last layer", signal, "of layer 1’s"),
        ...verdict("Gradient at layer 1", net!.gradient_ratio ?? NaN, `of layer ${net!.layers.length}’s`),
        ...likeness(last.correlation ?? null));
    const words = prose(net!.conclusion);
    const blind = net!.layers.find(l => (l.correlation ?? 0) > alike);
    sentence.textContent = `${words[0]!.toUpperCase()}${words.slice(1)}.${
        blind && signal > 0 ? ` From layer ${blind.layer} on all inputs look alike: the layers above cannot tell them apart.` : ""}`;
  }
  /** Whether the last layer can still tell inputs apart: a signal that keeps its size may be the same for all. */
  function likeness(correlation: number | null): HTMLElement[] {
    if (correlation === null || !Number.isFinite(correlation)) return [];
    const [word, kind] = correlation > alike ? ["look alike", "fades"] : correlation > 0.95 ? ["grow alike", "fades"] : ["stay apart", "stays"];
    const shown = correlation > 0.9 && correlation < 1 ? `1 − ${number(1 - correlation, 2)}` : number(correlation, 2);
    return [h("div", {class: kind}, h("dt", "Inputs at the last layer"), h("dd", h("b", word), ` correlation ${shown}`))];
  }
  function verdict(name: string, ratio: number, of: string): HTMLElement[] {
    const log = Math.log10(ratio);
    const [word, kind] = ratio === 0 ? ["gone", "fades"] :
        !Number.isFinite(ratio)      ? ["overflows", "grows"] :
        log < -4                     ? ["vanishes", "fades"] :
        log < -1                     ? ["fades", "fades"] :
        log < -Math.log10(2)         ? ["shrinks", "fades"] :
        log > 4                      ? ["explodes", "grows"] :
        log > Math.log10(2)          ? ["grows", "grows"] :
                                       ["holds", "stays"];
    const size = ratio === 0 ? `0 ${of}` : Number.isFinite(ratio) ? `${factor(ratio)} ${of}` : "what float32 can hold";
    return [h("div", {class: kind}, h("dt", name), h("dd", h("b", word), ` ${size}`))];
  }

  function showAt(next: number): void {
    progress = next;
    time.value = String(next);
    const layers = stage.depth;
    const at = Math.ceil((next < 1 ? next : 2 - next) * layers);
    time.setAttribute("aria-valuetext",
        next >= 2 ? "all has arrived" : `${next < 1 ? "forward" : "backward"}, layer ${Math.max(1, at)}`);
    stage.play(next);
    look(Math.max(1, Math.min(layers, at)));
  }
  function start(): void {
    cancelAnimationFrame(playing);
    let begun = performance.now() - ((progress >= 2 ? 0 : progress) / 2) * seconds * 1000;
    play.textContent = "❚❚ Pause";
    const frame = (now: number) => {
      const next = Math.min(2, Math.max(0, ((now - begun) / (seconds * 1000)) * 2));
      showAt(next);
      if (next < 2)
        playing = requestAnimationFrame(frame);
      else
        stop();
    };
    playing = requestAnimationFrame(frame);
  }
  function stop(): void {
    cancelAnimationFrame(playing);
    playing = 0;
    play.textContent = "▶ Play";
  }

  return {
    update,
    pause: stop,
    resume() {
      // What was on its way when the page was hidden has arrived.
      if (progress < 2) showAt(2);
    }
  };
}

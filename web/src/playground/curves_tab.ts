// Activations as curves: value, slope and tangent at a z that one drags, what comes of normal inputs, and what theory
// makes of it: gains, critical point, initializer.
import {activationColor, lineColors} from "../color";
import {h, svg} from "../dom";
import {exportTools} from "../figure";
import {number, percent} from "../format";
import {formula} from "../mathml";

import {builtIn, parameterValues, shellWord, split, withParameters} from "./activation_text";

import {button, formulaBox, slider, type Control} from "./controls";
import {at, CurveStage, type Input, type Shown} from "./curve_stage";
import type {ActivationInfo, Curve, Engine, Shares, Theory} from "./engine";
import {latest} from "./latest";
import type {Host, Mounted, State, Tab} from "./tab";

const most = 6;
const reaches = [2, 3, 4, 6, 10, 20, 50];

const gains = [
  {name: "second_moment", formula: "1/sqrt(E[f^2])"}, {name: "fixed_point", formula: "E[f(g*z)^2] = 1"},
  {name: "unit_variance", formula: "1/sqrt(E[f^2] - E[f]^2)"}, {name: "backward", formula: "1/sqrt(E[f'^2])"},
  {name: "pytorch", formula: ""}
] as const;

/** What the kinds of critical points are, in words. */
const classes: Record<string, string> = {
  scale_invariant: "It is scale invariant: a signal of any size keeps that size.",
  k_star_zero: "Signals still shrink towards 0 there, but slowly, as a power of depth.",
  half_stable: "It is half stable: on one side of its signal size signals come back to it, on the other they slowly drift away."
};

/** The derivative with the values that the name gives its parameters. */
function derivativeOf(info: ActivationInfo, name: string): string {
  const values = parameterValues(name, info);
  return info.parameters.reduce((text, p, i) => text.replace(new RegExp(`\\b${p.name}\\b`, "g"), String(values[i])), info.derivative);
}

export const curvesTab: Tab = {
  id: "curves",
  title: "Curves",
  question: "What does an activation do to its input?",
  hint: "Drag z. Solid: the output. Dashed: the slope, which is all the gradient ever sees.",
  defaults: {activation: "relu,gelu", focus: "gelu", z: "0.8", mean: "0", std: "1", reach: "4"},
  mount
};

/** What one state needs from the engine before it can be drawn. */
interface Wanted {
  names: string[];
  focus: number;
  reach: number;
  mean: number;
  std: number;
}

function mount(into: HTMLElement, host: Host): Mounted {
  // Theory takes longer than curves; a worker of its own keeps dragging smooth.
  const thinker = host.newEngine();
  const sampler = new Sampler(host.engine);
  let known: ActivationInfo[] = [];
  let state: State = curvesTab.defaults;
  let shown: {wanted: Wanted; curves: Shown[]; input: Input} | undefined;
  let sweep = 0;
  let opened = false;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  const stage = new CurveStage({
    moveZ: z => {
      stopSweep();
      host.set({z: String(z)});
    },
    moveInput: (mean, std) => host.set({mean: String(mean), std: String(std)}),
    sayZ
  });
  const legend = h("div.chosen", {role: "group", "aria-label": "Activations that are drawn"});
  const shares = h("p.shares");
  const play = button("▶ Sweep z", () => (sweep ? stopSweep() : startSweep()));
  const wider = button("−", () => zoom(1), {"aria-label": "Zoom out", class: "square"});
  const closer = button("+", () => zoom(-1), {"aria-label": "Zoom in", class: "square"});
  const gallery = h("div.gallery", {role: "group", "aria-label": "Built-in activations: show or hide"});
  const box = formulaBox({
    label: "Any formula in x, or pick below",
    value: "",
    placeholder: "x*tanh(softplus(x))",
    check: text => host.engine.curve({activation: text, from: -4, to: 4, points: 9}),
    change: (text, done) => {
      if (done) show(text);
    }
  });
  const sliders = h("div.parameters");
  const readout = h("table.readout", h("caption.hidden", "Value and slope at z"));
  const card = h("div.facts", {"aria-live": "off"});
  into.append(h("div.curves", h("div.picker", box.element, gallery),
      h("div.stage", h("div.bar", legend, h("span.push", play, closer, wider)), stage.element, shares, exportTools({
        title: "Activations and their slopes",
        file: "curves",
        legend: () => (shown?.curves ?? []).map(c => ({name: c.name, color: c.color, kind: "line"})),
        data: csvData,
        svg: () => stage.svg
      })),
      h("aside.side", readout, sliders, card)));

  const draw = latest((wanted: Wanted) => sampler.sample(wanted), (got, wanted) => {
    const colors = lineColors(got.curves.map(c => c.name));
    const curves = got.curves.map((c, i) => ({...c, color: colors[i]!}));
    const focus = Math.max(0, curves.findIndex(c => c.name === wanted.names[wanted.focus]));
    shown = {wanted: {...wanted, focus}, curves, input: got.input};
    if (got.problems.length) host.notice(got.problems.join(" "));
    fillLegend();
    colorGallery(curves);
    fillSliders();
    sayShares(got.shares);
    const first = !sweep && !opened;
    opened = true;
    place();
    think(curves[focus]!.name);
    // Once, so that one sees what can be dragged.
    if (first && state.z === curvesTab.defaults.z && !calm.matches) startSweep(Number(state.z));
  }, error => host.notice(error.message));
  const think = latest((name: string) => thinker.theory(name),
      (answer: Theory, name) => fillFacts(name, answer), () => card.replaceChildren());

  void host.engine.list().then(lists => {
    known = lists.activations;
    fillGallery();
    update(state);
  }, (error: Error) => host.notice(error.message));

  function numberOf(key: string, lowest: number, highest: number): number {
    const value = Number(state[key]);
    if (state[key]!.trim() !== "" && value >= lowest && value <= highest) return value;
    host.notice(`${key} must be a number from ${number(lowest)} to ${number(highest)}.`);
    return Number(curvesTab.defaults[key]);
  }

  function update(next: State): void {
    const before = state;
    state = next;
    if (!known.length) return;
    const changed = Object.keys(next).some(key => key !== "z" && next[key] !== before[key]);
    if (shown && !changed) return place();
    const asked = [...new Set(split(next.activation!))];
    const names = asked.slice(0, most);
    if (asked.length > most) host.notice(`The address names ${asked.length} activations; these are the first ${most}.`);
    if (!names.length) {
      host.notice("The address names no activation.");
      names.push(...split(curvesTab.defaults.activation!));
    }
    const focus = Math.max(0, names.indexOf(next.focus!));
    draw({
      names,
      focus,
      reach: numberOf("reach", 0.5, 100),
      mean: numberOf("mean", -50, 50),
      std: numberOf("std", 0.01, 20)
    });
    pressGallery(names);
    host.command(`evengrad theory ${shellWord(names[focus]!)}`);
  }

  /** What only depends on z. */
  function place(): void {
    if (!shown) return;
    const z = numberOf("z", -100, 100);
    stage.show({curves: shown.curves, focus: shown.wanted.focus, reach: shown.wanted.reach, z, input: shown.input});
    readout.replaceChildren(readout.firstElementChild!,
        h("thead",
            h("tr", h("th", {scope: "col"}, `z = ${number(z)}`), h("th", {scope: "col"}, "value"),
                h("th", {scope: "col"}, "slope"))),
        h("tbody", shown.curves.map(({name, color, curve}) => {
          const point = at(curve, z);
          return h("tr", h("th", {scope: "row", "--swatch": color}, h("i", {"aria-hidden": "true"}), name),
              h("td.number", number(point.value, 4)), h("td.number", number(point.slope, 4)));
        })));
  }

  function sayZ(z: number): string {
    const front = shown?.curves[shown.wanted.focus];
    if (!front) return `z ${number(z)}`;
    const point = at(front.curve, z);
    return `z ${number(z)}, ${front.name} ${number(point.value)}, slope ${number(point.slope)}`;
  }

  function show(name: string): void {
    const names = split(state.activation!);
    if (!names.includes(name) && names.length >= most)
      return host.notice(`${most} curves are as many as can be told apart. Remove one with its × first.`);
    if (!names.includes(name)) names.push(name);
    host.set({activation: names.join(","), focus: name});
  }
  function hide(name: string): void {
    const names = split(state.activation!).filter(other => other !== name);
    if (names.length)
      host.set({activation: names.join(","), focus: state.focus === name ? names.at(-1)! : state.focus!});
  }

  function fillLegend(): void {
    const {curves, wanted} = shown!;
    legend.replaceChildren(
        ...curves.map(({name, color}, i) => h("span.chip", {"--swatch": color},
                          button([h("i", {"aria-hidden": "true"}), name], () => host.set({focus: name}),
                              {"aria-pressed": String(i === wanted.focus)}),
                          curves.length > 1 ? button("×", () => hide(name), {"aria-label": `Remove ${name}`}) : null)));
  }

  function fillGallery(): void {
    gallery.replaceChildren(...known.map(info => {
      const picture = svg("svg", {viewBox: "-4.2 -2.4 8.4 3.9", "aria-hidden": "true"},
          svg("path", {d: "M-4.2 0H4.2M0 -2.4V1.5", stroke: "var(--line)", "stroke-width": 0.08}));
      void host.engine.curve({activation: info.name, from: -4, to: 4, points: 81}).then(({x, value}) => {
        const points = Array.from(x, (v, i) => `${v.toFixed(2)} ${(-value[i]!).toFixed(3)}`);
        picture.append(
            svg("path", {d: `M${points.join("L")}`, fill: "none", stroke: "currentColor", "stroke-width": 0.26}));
      }, () => {});
      return h("button", {
        type: "button",
        "data-name": info.name,
        "--swatch": activationColor(info.name),
        click: () => {
          const chosen = split(state.activation!).find(text => builtIn(text, known) === info);
          if (chosen)
            hide(chosen);
          else
            show(info.name);
        }
      },
          picture, h("span", info.name));
    }));
  }
  function pressGallery(names: string[]): void {
    const chosen = names.map(name => builtIn(name, known)?.name);
    for (const cell of gallery.children) {
      cell.setAttribute("aria-pressed", String(chosen.includes((cell as HTMLElement).dataset.name)));
    }
  }
  /** A pressed tile has its curve's colour. */
  function colorGallery(curves: Shown[]): void {
    const colors = new Map(curves.map(c => [builtIn(c.name, known)?.name, c.color]));
    for (const cell of gallery.children as HTMLCollectionOf<HTMLElement>) {
      const name = cell.dataset.name!;
      cell.style.setProperty("--swatch", colors.get(name) ?? activationColor(name));
    }
  }

  let slid: {info: ActivationInfo; controls: Control<number>[]} | undefined;
  function fillSliders(): void {
    const name = shown!.curves[shown!.wanted.focus]?.name ?? "";
    const info = builtIn(name, known);
    if (!info?.parameters.length) {
      slid = undefined;
      return sliders.replaceChildren();
    }
    const values = parameterValues(name, info);
    if (slid?.info === info) return slid.controls.forEach((control, i) => control.set(values[i]!));
    const controls = info.parameters.map((p, i) => slider({
      label: `${info.name}: ${p.name}`,
      lowest: p.lowest > 0 ? Math.max(p.lowest, p.value / 10) : Math.max(p.lowest, 0),
      highest: p.lowest > 0 ? Math.min(p.highest, p.value * 10) : Math.min(p.highest, p.value < 0.5 ? 1 : 3 * p.value),
      log: p.lowest > 0,
      value: values[i]!,
      change(value) {
        const now = split(state.activation!);
        const mine = now.findIndex(text => builtIn(text, known) === info);
        const all = parameterValues(now[mine] ?? info.name, info);
        all[i] = value;
        const text = withParameters(info, all);
        now[mine < 0 ? now.length : mine] = text;
        host.set({activation: now.join(","), focus: text});
      }
    }));
    slid = {info, controls};
    sliders.replaceChildren(...controls.map(control => control.element));
  }

  function sayShares(of: Shares): void {
    const name = shown!.curves[shown!.wanted.focus]?.name ?? "";
    const item = (share: number, words: string, gone = false) =>
        h("li", {class: gone ? "gone" : null}, h("b", percent(share)), ` ${words}`);
    shares.replaceChildren(h("span", `Of these inputs to ${name}:`),
        h("ul", item(of.negative, "are negative"), item(of.zero, "come out as exactly 0"),
            of.saturated === null
                ? h("li", "the slope has no maximum, so none counts as flat")
                : item(of.saturated, "lie where the slope is nearly zero (below 0.1 % of its maximum)", true)));
  }

  function fillFacts(name: string, t: Theory): void {
    const info = builtIn(name, known);
    const {critical} = t;
    const point =
        critical === null ? "No scale of weights and biases keeps signal and gradient the same size at every depth." : [
          "At ", formula("sigma_w^2"), ` = ${number(critical.sigma_w2, 5)}, `, formula("sigma_b^2"),
          ` = ${number(critical.sigma_b2, 4)} gradients keep their size at every depth. `,
          classes[critical.class] ?? ""
        ];
    const about: [string, string|undefined][] = info
        ? [["Range", info.range], ["Since", `${info.year ?? "?"}: ${info.source}`], ["Used in", info.uses], ["Strengths and limits", info.notes]]
        : [];
    card.replaceChildren(
        h("div.fact", h("h2", name), h("p.formula", {tabindex: 0}, formula("f(x)"), " = ", formula(t.formula)),
            info ? h("p.formula", {tabindex: 0}, formula("f'(x)"), " = ", formula(derivativeOf(info, name))) : null,
            h("dl.about", about.filter(([, text]) => text).map(([term, text]) => [h("dt", term), h("dd", text)])),
            h("table.gains", h("caption", "Five different definitions of “gain”"),
                h("tbody",
                    gains.map(g => h("tr", h("th", {scope: "row"}, g.name.replaceAll("_", " ")),
                                  h("td", g.formula ? formula(g.formula) : "its table"),
                                  h("td.number", {"data-gain": g.name}, number(t.gains[g.name], 5)))))),
            h("h3", "Critical point"), h("p.critical", {"data-sigma-w2": critical?.sigma_w2}, point),
            h("h3", "Start it with"), h("p", h("b", t.recommended.init), `: ${t.recommended.reason}.`),
            h("p.links",
                button("See it through 30 layers →",
                    () => host.go("depth", {activation: name, init: t.recommended.init})),
                button("Train with it →", () => host.go("train", {activation: name})))));
  }

  function csvData(): {columns: string[]; rows: (string | number)[][]} {
    const rows = (shown?.curves ??
        []).flatMap(({name, curve}) => Array.from(curve.x, (x, i) => [name, x, curve.value[i]!, curve.slope[i]!]));
    return {columns: ["activation", "z", "value", "slope"], rows};
  }

  function zoom(by: number): void {
    const now = reaches.findIndex(r => r >= Number(state.reach));
    const next = reaches[Math.max(0, Math.min(reaches.length - 1, now + by))]!;
    const z = Math.max(-next, Math.min(next, Number(state.z)));
    host.set({reach: String(next), z: String(z)});
  }

  /** z runs to the right, from where it is or, if it is there already, from the left. */
  function startSweep(end = Number(state.reach)): void {
    let last = performance.now();
    let z = Number(state.z);
    const reach = Number(state.reach);
    if (z >= end) z = -reach;
    play.textContent = "❚❚ Pause";
    const frame = (now: number) => {
      z += (Math.max(0, now - last) / 1000) * reach * 0.4;
      last = now;
      host.set({z: String(Number(Math.min(end, z).toFixed(2)))});
      if (z < end)
        sweep = requestAnimationFrame(frame);
      else
        stopSweep();
    };
    sweep = requestAnimationFrame(frame);
  }
  function stopSweep(): void {
    cancelAnimationFrame(sweep);
    sweep = 0;
    play.textContent = "▶ Sweep z";
  }

  return {update, pause: stopSweep, resume: () => {}};
}

interface Sampled {
  curves: {name: string; curve: Curve}[];
  input: Input;
  shares: Shares;
  problems: string[];
}

/** Samples what the stage draws, and keeps curves that it may draw again. */
class Sampler {
  private readonly kept = new Map<string, Curve>();
  constructor(private readonly engine: Engine) {}

  /** What the engine refuses is left out and said; where that is all, the defaults stand in. */
  async sample({names, focus, reach, mean, std}: Wanted, problems: string[] = []): Promise<Sampled> {
    const tried = await Promise.all(names.map(async name => {
      try {
        return {name, curve: await this.curve(name, -reach, reach, 801)};
      } catch (error) {
        problems.push(`${name}: ${(error as Error).message}.`);
        return undefined;
      }
    }));
    const curves = tried.filter(one => one !== undefined);
    if (!curves.length) {
      return this.sample({names: split(curvesTab.defaults.activation!), focus: 1, reach, mean, std}, problems);
    }
    const front = curves.find(c => c.name === names[focus]) ?? curves[0]!;
    const [shares, samples] = await Promise.all([
      this.engine.shares({activation: front.name, mean, std}),
      this.curve(front.name, mean - 5 * std, mean + 5 * std, 1001)
    ]);
    return {
      curves,
      input: {mean, std, samples, zero: shares.zero, steepest: shares.steepest},
      shares,
      problems
    };
  }

  private async curve(activation: string, from: number, to: number, points: number): Promise<Curve> {
    const key = JSON.stringify([activation, from, to]);
    const kept = this.kept.get(key);
    if (kept) return kept;
    const curve = await this.engine.curve({activation, from, to, points});
    if (this.kept.size >= 64) this.kept.delete(this.kept.keys().next().value!);
    this.kept.set(key, curve);
    return curve;
  }
}

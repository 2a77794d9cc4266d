// A guided tour: say first what you expect, then the experiment runs; and the textbook's claims with their verdicts.
import {claimCard, claimTable, verdictBar} from "../claims";
import {h, svg} from "../dom";
import {duration, interval, listed, number, plural, power} from "../format";
import {lineChart} from "../line_chart";
import type {Claim, Experiment} from "../model";
import bundled from "./claims.json";
import {button} from "./controls";
import type {Engine} from "./engine";
import {stories, wasStopped, type Estimate, type Found, type Question, type Story} from "./stories";
import type {Host, Mounted, State, Tab} from "./tab";

const defaults: State = {story: "vanishing", question: "1", guess: ""};

export const learnTab: Tab = {
  id: "learn",
  title: "Learn",
  question: "Do you believe the textbook?",
  hint: "Make a prediction. Then the experiment runs, here in this page, and you see who was right: you, theory or neither.",
  defaults,
  mount
};

const claimsId = "claims";

/** Where the claims and the practice questions come from. */
export const guides = [
  {name: "Activation Functions: The Nonlinearity That Makes Deep Learning Work (Engineers of AI)", url: "https://engineersofai.com/docs/break-into-ai/deep-learning/activation-functions"},
  {name: "Activation Functions: AI / ML Interview Guide (PrepGrind)", url: "https://www.prepgrind.xyz/ai/activation-functions/"}
];

function mount(into: HTMLElement, host: Host): Mounted {
  const stage = h("div.learn");
  into.append(stage);
  const chips = [...stories.map(s => ({id: s.id, title: s.title})), {id: claimsId, title: "What the guides say"}].map(({id, title}) => ({
    id,
    chip: button(title, () => host.set({story: id, question: "1", guess: ""}), {class: "chip", "aria-pressed": "false"})
  }));
  const body = h("div");
  stage.append(h("div.presets", {role: "group", "aria-label": "Stories"}, chips.map(c => c.chip)), body);
  let asking: Asking|undefined;
  let shown = "";
  return {
    update(state) {
      const story = stories.find(s => s.id === state["story"]);
      const claims = state["story"] === claimsId;
      if (!story && !claims) host.notice(`There is no story “${state["story"]!.slice(0, 40)}”. This is the first one.`);
      const chosen = story ?? stories[0]!;
      const at = Number(state["question"]);
      const count = chosen.questions.length;
      const number = Number.isInteger(at) && at >= 1 && at <= count ? at : 1;
      if (!claims && number !== at) host.notice(`The story has ${plural(count, "question")}; this is the first.`);
      const now = claims ? claimsId : `${chosen.id} ${number}`;
      for (const {id, chip} of chips) chip.setAttribute("aria-pressed", String(id === (claims ? claimsId : chosen.id)));
      if (now !== shown) {
        host.command(claims ? bundled.command : "evengrad run vanishing-gradients dying-relu gelu-vs-relu --profile quick --out runs/stories");
        asking?.end();
        asking = undefined;
        const inside = body.contains(document.activeElement);
        body.replaceChildren();
        if (claims) showClaims(body, host.engine);
        else asking = new Asking(body, host, chosen, number);
        if (inside) body.querySelector<HTMLElement>(".ask input")?.focus();
        shown = now;
      }
      asking?.guess(state["guess"]!);
    },
    pause() {},
    resume() {}
  };
}

/** One question: the guess, the run, who was right. */
class Asking {
  private readonly question: Question;
  private readonly answer = h("div.reveal");
  private readonly run: HTMLButtonElement;
  private readonly progress = h("progress", {max: 1, value: 0, "aria-label": "The experiment", hidden: true});
  private inputs: (HTMLInputElement)[] = [];
  private readonly said = h("output");
  private readonly todo = h("p.hint");
  private engine: Engine|undefined;
  private ended = false;
  private given: number|undefined;

  constructor(into: HTMLElement, private readonly host: Host, private readonly story: Story, private readonly at: number) {
    this.question = story.questions[at - 1]!;
    this.run = button("Commit and run", () => void this.measure(), {class: "primary", disabled: true});
    const steps = h("ol.steps", story.questions.map((_, i) => h("li", button(String(i + 1),
        () => host.set({question: String(i + 1), guess: ""}),
        {"aria-current": i + 1 === at ? "step" : null, "aria-label": `Question ${i + 1} of ${story.questions.length}`}))));
    into.append(at === 1 ? h("p.opening", story.opening) : "", steps,
        h("fieldset.ask", h("legend", this.question.text), this.form()), h("div.map-bar", this.run, this.todo, this.progress), this.answer);
    this.enable(false);
  }

  /** What is missing before it may run is said beside the button. */
  private enable(on: boolean): void {
    this.run.disabled = !on;
    this.todo.hidden = on;
    this.todo.textContent = "choices" in this.question.guess ? "Choose an answer first." : "Move the slider to your guess first.";
  }

  private form(): HTMLElement {
    const of = this.question.guess;
    if ("choices" in of) {
      this.inputs = of.choices.map((_, i) => h("input", {type: "radio", name: "choice", value: i, change: () => this.host.set({guess: String(i)})}));
      return h("div.choices", of.choices.map((name, i) => h("label", this.inputs[i]!, h("span", name))));
    }
    const [to, from] = of.log ? [Math.log10, (v: number) => Number((10 ** v).toPrecision(3))] : [Number, Number];
    const range = h("input", {
      type: "range",
      min: to(of.lowest),
      max: to(of.highest),
      step: of.log ? 0.05 : 1,
      "aria-label": `Your guess, ${of.unit}`,
      input: () => this.say(from(Number(range.value))),
      change: () => this.host.set({guess: String(from(Number(range.value)))})
    });
    range.value = String(to(of.begin));
    this.inputs = [range];
    this.say(of.begin, false);
    // Who means the middle need not move it first.
    range.addEventListener("pointerup", () => this.host.set({guess: String(from(Number(range.value)))}));
    return h("div.my-guess", range, h("p", "I expect ", this.said, ` ${of.unit}.`));
  }

  private say(value: number, chosen = true): void {
    this.said.textContent = number(value);
    this.inputs[0]!.setAttribute("aria-valuetext", `${number(value)} ${"unit" in this.question.guess ? this.question.guess.unit : ""}`);
    if (!chosen) return;
    this.given = value;
    this.enable(true);
  }

  /** From the address or the form; what is no guess is none. */
  guess(text: string): void {
    const of = this.question.guess;
    const value = text.trim() === "" ? NaN : Number(text);
    if ("choices" in of) {
      const usable = Number.isInteger(value) && value >= 0 && value < of.choices.length;
      this.inputs.forEach((input, i) => (input.checked = usable && i === value));
      this.given = usable ? value : undefined;
      this.enable(usable);
    } else if (value >= of.lowest && value <= of.highest) {
      this.inputs[0]!.value = String(of.log ? Math.log10(value) : value);
      this.say(value);
    }
  }

  end(): void {
    this.ended = true;
    this.engine?.end();
  }

  private async measure(): Promise<void> {
    const guess = this.given;
    if (guess === undefined || this.engine) return;
    const begun = performance.now();
    const engine = (this.engine = this.host.newEngine());
    // Disabled, it would lose the focus.
    this.run.setAttribute("aria-disabled", "true");
    this.inputs.forEach(input => (input.disabled = true));
    this.progress.hidden = false;
    this.progress.removeAttribute("value");
    this.answer.replaceChildren(h("p.status", "The experiment runs …"));
    try {
      const found = await this.question.run(engine, share => {
        if (!this.ended) this.progress.value = share;
        return !this.ended;
      });
      if (!this.ended) this.reveal(guess, found, (performance.now() - begun) / 1000);
    } catch (error) {
      if (this.ended || wasStopped(error)) return;
      this.answer.replaceChildren();
      this.host.notice((error as Error).message);
    } finally {
      engine.end();
      this.engine = undefined;
      this.progress.hidden = true;
      this.run.removeAttribute("aria-disabled");
      this.run.textContent = "Run it again";
      this.inputs.forEach(input => (input.disabled = false));
    }
  }

  private reveal(guess: number, found: Found, seconds: number): void {
    const of = this.question.guess;
    const verdict = "choices" in of ? choiceVerdict(of.choices, guess, found) : numberVerdict(guess, found.estimate!, of);
    const next = this.at < this.story.questions.length
        ? button("Next question", () => this.host.set({question: String(this.at + 1), guess: ""}), {class: "primary"})
        : button("What the guides say", () => this.host.set({story: claimsId, question: "1", guess: ""}), {class: "primary"});
    const {estimate, measured, picture} = found;
    this.answer.replaceChildren(
        h("p", {class: `outcome ${verdict.good ? "good" : "far"}`}, h("i", {"aria-hidden": "true"}, verdict.good ? "✓" : "≠"), verdict.text),
        estimate && !("choices" in of) ? scaleOf(guess, estimate, of) : "",
        measured ? h("ul.measured", measured.map((m, i) => h("li", {class: found.right?.includes(i) && "choices" in of && of.choices.length === measured.length ? "right" : null},
            h("b", m.name), " ", m.text, m.estimate.low === undefined || m.estimate.spread ? "" : interval(m.estimate.low, m.estimate.high)))) : "",
        h("p.lesson", found.lesson),
        picture ? lineChart({kicker: this.story.title, file: `learn.${this.story.id}.${this.at}`, ...picture}) : "",
        h("p.note", `Measured here in ${duration(seconds)}; below is the command that measures the same.`),
        h("div.map-bar", next, this.question.links.map(link => button(link.label, () => this.host.go(link.tab, link.state)))));
    this.host.command(found.command);
    this.host.announce(`${verdict.text} ${found.lesson}`);
  }
}

interface Verdict {
  good: boolean;
  text: string;
}

function choiceVerdict(choices: string[], guess: number, found: Found): Verdict {
  const right = found.right ?? [];
  const best = found.best ?? right[0]!;
  const others = listed(right.filter(i => i !== best).map(i => choices[i]!));
  const good = right.includes(guess);
  const said = `You said ${choices[guess]}`;
  if (!good) return {good, text: `${said}; the measurement says ${choices[best]}${others ? `, or ${others}, which five seeds cannot tell from it` : ""}.`};
  if (!others) return {good, text: `${said}, and so does the measurement.`};
  return {good, text: guess === best ? `${said}: it has the highest average, but five seeds cannot tell it from ${others}.`
                                     : `${said}: five seeds cannot tell it from ${choices[best]}, which has the highest average.`};
}

function numberVerdict(guess: number, m: Estimate, {log, unit}: {log: boolean; unit: string}): Verdict {
  const what = `You said ${number(guess)}; measured: ${number(m.value)}${interval(m.low, m.high)} ${unit}${m.spread ? " (lowest and highest seed)" : ""}`;
  if (m.value === null) return {good: false, text: `${what}.`};
  if (!log) return {good: Math.abs(guess - m.value) <= 10, text: `${what}. You were off by ${number(Math.abs(guess - m.value), 2)} points.`};
  const decades = Math.abs(Math.log10(guess / m.value));
  const off = decades < 1 ? `within a factor of ${number(10 ** decades, 2)}` : `off by a factor of ${power(Math.round(decades))}`;
  return {good: decades < 1, text: `${what}. You were ${off}.`};
}

/** Guess, measurement with its interval, and theory on one scale. */
function scaleOf(guess: number, m: Estimate, {lowest, highest, log, unit}: {lowest: number; highest: number; log: boolean; unit: string}): HTMLElement {
  const to = (v: number) => (log ? Math.log10(v) : v);
  const known = [m.value, m.low, m.high, m.theory].filter((v): v is number => typeof v === "number" && Number.isFinite(v) && (!log || v > 0));
  const from = Math.min(to(lowest), ...known.map(to));
  const end = Math.max(to(highest), ...known.map(to));
  const [width, margin] = [640, 24];
  const x = (v: number) => margin + ((width - 2 * margin) * (to(v) - from)) / (end - from);
  const every = log ? Math.max(1, Math.ceil((end - from) / 8)) : (end - from) / 5;
  const ticks: number[] = [];
  for (let t = Math.ceil(from / every) * every; t <= end + 1e-9; t += every) ticks.push(log ? 10 ** t : t);
  const usable = (v: number|null|undefined): v is number => typeof v === "number" && Number.isFinite(v) && (!log || v > 0);
  const mark = (v: number|null|undefined, shape: (at: number) => SVGElement) => (usable(v) ? shape(x(v)) : null);
  const words = [`your guess ${number(guess)}`, `measured ${number(m.value)}${interval(m.low, m.high)}`, ...(usable(m.theory) ? [`theory ${number(m.theory)}`] : [])];
  const swatch = (kind: string, text: string) => h("span", h("i", {class: kind}), text);
  return h("figure.guess-scale",
      svg("svg", {viewBox: `0 0 ${width} 84`, role: "img", "aria-label": `${words.join(", ")} ${unit}`},
          svg("line", {x1: margin, x2: width - margin, y1: 50, y2: 50, class: "rule"}),
          ticks.map(t => [
            svg("line", {x1: x(t), x2: x(t), y1: 50, y2: 55, class: "rule"}),
            svg("text", {x: x(t), y: 72, "text-anchor": "middle"}, log ? power(Math.round(Math.log10(t))) : number(t))
          ]),
          usable(m.low) && usable(m.high) ? svg("line", {x1: x(m.low), x2: x(m.high), y1: 50, y2: 50, class: "range"}) : null,
          mark(guess, at => svg("path", {d: `M${at - 8} 12h16l-8 14z`, class: "mine"})),
          mark(m.theory, at => svg("path", {d: `M${at} 38l9 12l-9 12l-9 -12z`, class: "theory"})),
          mark(m.value, at => svg("circle", {cx: at, cy: 50, r: 6, class: "dot"}))),
      h("figcaption", swatch("mine", words[0]!), swatch("dot", words[1]!), words[2] ? swatch("theory", words[2]) : null));
}

// ---- the claims of a bundled run

function showClaims(into: HTMLElement, engine: Engine): void {
  const experiments: Experiment[] = bundled.experiments.map(
      e => ({...e, claims: e.claims as Claim[], question: "", answer: "", notes: [], tables: [], series: [], heat_maps: []}));
  const claims = experiments.flatMap(e => e.claims);
  const one = h("div.one-claim", {"aria-live": "polite"});
  let close = () => {};
  one.addEventListener("keydown", event => event.key === "Escape" && close());
  const made = bundled.provenance;
  const other = h("span");
  // A run takes minutes, a build does not make one: where the engine is newer than the run, the page says so.
  void engine.list().then(({commit}) => {
    if (commit && commit !== made.commit) other.textContent = ` The engine in this page is of another commit, ${commit}.`;
  }, () => {});
  const table = h("div", verdictBar(claims), one, claimTable(experiments));
  table.addEventListener("click", event => {
    const link = (event.target as Element).closest<HTMLAnchorElement>("a[href^=\"#claim-\"]");
    if (!link) return;
    event.preventDefault();
    const claim = claims.find(c => `#claim-${c.id}` === link.getAttribute("href"));
    if (!claim) return;
    const card = claimCard(claim);
    card.querySelector("details")!.open = true;
    close = () => {
      one.replaceChildren();
      link.focus();
    };
    one.replaceChildren(card, button("Close", close, {class: "quiet"}));
    one.scrollIntoView({block: "nearest"});
  });
  into.append(
      h("p.opening", `${plural(claims.length, "statement")} from two study guides, `,
          guides.map(({name, url}, i) => [i ? " and " : "", h("a", {href: url, rel: "noreferrer"}, name)]),
          ". Beside each stand what theory predicts, what was measured, and the verdict of a rule that was fixed before the run."),
      table,
      h("p.note", `From one run of ${duration(bundled.seconds)} (evengrad ${made.version} at ${made.commit}, ${made.cpu}) by the command below.`, other));
}

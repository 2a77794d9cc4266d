// A network that trains, or two from the same seed in lockstep.
import {h} from "../dom";
import {number} from "../format";
import {button, select, toggle} from "./controls";
import {DataPanel} from "./data_panel";
import type {Lists} from "./engine";
import {NetPanel} from "./net_panel";
import type {Host, Mounted, State, Tab} from "./tab";
import {defaults, drawn, most, ownDefaults, reset, type Side} from "./train_options";

/** Steps a frame; below 1, a step every so many frames. */
const speeds = ["1/30", "1/6", "1", "4", "16", "64"];
/** On the way to the step that the address asks for: looks, the most steps between two, and of how many one has pictures. */
const looks = 24, chunk = 200, pictured = 5;

interface Preset {
  name: string;
  /** What to look at while it plays. */
  watch: string;
  /** Of the defaults. */
  changes: Record<string, string>;
}

/** Nets that go wrong in ways worth seeing. */
const presets: Preset[] = [
  {
    name: "Large rate kills ReLU",
    watch: "Watch the units: large steps push some below zero for every input. They get a red ✕, and the diagnosis counts their share.",
    changes: {activation: "relu", optimizer: "sgd", lr: "1"}
  },
  {
    name: "Deep sigmoid stalls",
    watch: "Watch the gradient chart: layer 1 receives a millionth of what the last layer gets, so the loss never leaves that of guessing.",
    changes: {activation: "sigmoid", init: "xavier", optimizer: "sgd", lr: "0.1", hidden: "8,8,8,8,8,8"}
  },
  {
    name: "Equal weights stay equal",
    watch: "Watch the pictures of one layer: all units start alike, get the same gradient, and stay copies of each other.",
    changes: {init: "constant(0.5)", hidden: "8,8"}
  },
  {
    name: "Huge weights saturate",
    watch: "Watch the unit pictures: sharp edges with flat sides, where tanh has hardly any slope left to learn with.",
    changes: {activation: "tanh", init: "normal(3)"}
  },
  {
    name: "Small weights or He’s",
    watch: "Watch both boundaries: with weights this small the signal fades layer by layer, and A starts far behind B.",
    changes: {activation: "relu", hidden: "8,8,8,8,8", init: "normal(0.1)", compare: "1", "b.init": "he"}
  },
  {
    name: "Sigmoid or GELU",
    watch: "Watch the two losses: everything is the same but the activation.",
    changes: {activation: "sigmoid", compare: "1", "b.activation": "gelu"}
  }
];

/** What a preset makes of the state. */
const stateOf = ({changes}: Preset): Record<string, string> =>
    ({...ownDefaults, ...reset("b"), compare: "", data: "spirals", samples: "", noise: "", features: "", ...changes});

export const trainTab: Tab = {
  id: "train",
  title: "Train",
  question: "Does it learn, and if not, why?",
  hint: "Press Play. Every unit shows what it computes; units are marked when they die and when they wake.",
  defaults,
  mount
};

function mount(into: HTMLElement, host: Host): Mounted {
  const stage = h("div.train", h("p", "The engine is starting …"));
  into.append(stage);
  let train: Train|undefined;
  let state: State = defaults;
  let hidden = false;
  host.engine.list().then(
      lists => {
        train = new Train(stage, host, lists);
        if (hidden) train.pause();
        train.update(state);
      },
      (error: Error) =>
          stage.replaceChildren(h("p.notice", {role: "alert"}, `The engine did not start: ${error.message}.`)));
  return {
    update(next) {
      state = next;
      train?.update(next);
    },
    pause() {
      hidden = true;
      train?.pause();
    },
    resume() {
      hidden = false;
      train?.resume();
    }
  };
}

class Train {
  private readonly data: DataPanel;
  private readonly nets = h("div.nets");
  private readonly panels: Partial<Record<Side, NetPanel>> = {};
  private readonly playButton: HTMLButtonElement;
  private readonly counter = h("output.counter", {"aria-label": "Steps so far", "aria-live": "off"});
  private readonly summary = h("p.summary");
  private readonly chips: HTMLButtonElement[];
  private readonly watch = h("p.watch");
  private readonly speed;
  private readonly compare;
  private state: State = defaults;
  private playing = false;
  /** The step that the nets are on their way to, where that is far enough to be told and stopped. */
  private goal: number|null = null;
  private visible = true;
  private busy = false;
  private turn = 0;
  private round = 0;
  private frame = 0;
  /** Openings and restarts, one after another; no step is trained meanwhile, so that two nets stay in lockstep. */
  private changes: Promise<void> = Promise.resolve();
  private changing = 0;

  constructor(private readonly into: HTMLElement, private readonly host: Host, private readonly lists: Lists) {
    this.playButton = button("", () => this.toggle(), {class: "play"});
    this.speed = select(
        {label: "Steps a frame", options: speeds, value: defaults["speed"]!, change: speed => host.set({speed})});
    this.compare =
        toggle({label: "Compare two", value: false, change: on => host.set({compare: on ? "1" : "", steps: "0"})});
    this.data = new DataPanel({
      engine: host.engine,
      lists,
      set: changes => host.set(changes),
      announce: text => host.announce(text),
      sketch: points => this.all().forEach(panel => panel.sketch(points)),
      csv: () => this.panels.a!.csv()
    });
    const seed = () => host.set({seed: String((Number(this.state["seed"]) || 0) + 1), steps: "0"});
    this.chips = presets.map(preset => button(preset.name, () => this.begin(preset), {class: "chip", "aria-pressed": "false"}));
    into.replaceChildren(
        h("div.transport", {role: "group", "aria-label": "Training"}, this.playButton,
            button("Step", () => void this.single(), {title: "Train one step"}),
            button("Reset", () => void this.restart(), {title: "Back to step 0 with the same weights"}),
            button(
                "New weights", seed, {title: "The next seed: other weights, and as on the command line other samples"}),
            this.counter, this.speed.element, this.compare.element),
        h("div.stories", h("span", "See it fail:"), this.chips), this.watch,
        h("div.workbench", this.data.element, this.nets), this.summary);
    into.addEventListener("keydown", event => {
      const target = event.target as HTMLElement;
      if (event.key !== " " || target.closest("button, input, select, textarea, summary, .sheet")) return;
      event.preventDefault();
      this.toggle();
    });
    this.showPlay();
  }

  private all(): NetPanel[] { return [this.panels.a, this.panels.b].filter(panel => panel !== undefined); }

  update(state: State): void {
    this.state = state;
    this.speed.set(speeds.includes(state["speed"]!) ? state["speed"]! : defaults["speed"]!);
    this.compare.set(state["compare"] !== "");
    this.data.update(state);
    const preset = presets.find(one => Object.entries(stateOf(one)).every(([key, value]) => state[key] === value));
    this.chips.forEach((chip, i) => chip.setAttribute("aria-pressed", String(presets[i] === preset)));
    this.watch.textContent = preset?.watch ?? "";
    this.into.classList.toggle("drawing", state["data"] === drawn);
    this.into.classList.toggle("comparing", state["compare"] !== "");
    void this.change(() => this.follow(state));
  }

  private async change(task: () => Promise<void>): Promise<void> {
    this.nets.setAttribute("aria-busy", String(++this.changing > 0));
    this.changes = this.changes.then(task).catch((error: Error) => this.host.notice(error.message));
    await this.changes;
    this.nets.setAttribute("aria-busy", String(--this.changing > 0));
    this.ask();
  }

  private async follow(state: State): Promise<void> {
    if (state !== this.state) return;
    const comparing = state["compare"] !== "";
    if (!this.panels.a) this.add("a");
    if (comparing && !this.panels.b) this.add("b");
    if (!comparing && this.panels.b) {
      this.panels.b.end();
      this.panels.b.element.remove();
      delete this.panels.b;
    }
    const begun = await Promise.all(this.all().map(panel => panel.update(state, comparing)));
    if (state !== this.state) return;
    // In lockstep: what one of them begins anew, both do.
    if (begun.some(Boolean) && !begun.every(Boolean))
      await Promise.all(this.all().filter((_, i) => !begun[i]).map(panel => panel.restart()));
    if (!this.playing) await this.reach(Math.floor(Number(state["steps"])));
  }

  private add(side: Side): void {
    const panel = new NetPanel({
      side,
      lists: this.lists,
      engine: this.host.newEngine(),
      set: changes => this.host.set(changes),
      announce: text => this.host.announce(text),
      checkFormula: text => this.host.engine.theory(text),
      pen: () => this.data.pen(),
      redraw: () => this.ask(),
      play: () => this.play(),
      edited: () => this.showCommand()
    });
    this.panels[side] = panel;
    this.nets.append(panel.element);
  }

  /** Goes to the step that the address asks for, or as far as it is let. */
  private async reach(step: number): Promise<void> {
    if (!(step >= 0 && step <= most.steps)) {
      this.host.notice(`steps is “${this.state["steps"]!.slice(0, 20)}”, expected 0 to ${number(most.steps)}.`);
      step = 0;
    }
    const state = this.state;
    if (this.all().some(panel => panel.step > step && !panel.broken))
      await Promise.all(this.all().map(panel => panel.restart()));
    const short = () => this.all().filter(panel => panel.session && panel.step < step && !panel.broken);
    const far = short().some(panel => step - panel.step > chunk);
    if (far) {
      this.goal = step;
      this.showPlay();
      this.host.announce(`Training to step ${number(step)}.`);
    }
    const stopped = () => far && this.goal === null;
    const stride = Math.min(chunk, Math.ceil(step / looks));
    try {
      for (let look = 1; state === this.state && !stopped() && short().length; ++look) {
        await Promise.all(this.all().map(panel => panel.advance(Math.min(stride, step - panel.step),
            look % pictured === 0 || panel.step + stride >= step)));
        this.ask();
      }
      if (state === this.state && stopped()) this.host.set({steps: String(this.panels.a!.step)});
    } finally {
      this.goal = null;
      this.showPlay();
    }
    if (state !== this.state) return;
    await this.settle();
    if (far) this.host.announce(this.summaries());
  }

  private toggle(): void {
    if (this.goal !== null) {
      this.goal = null;
      return;
    }
    this.playing = !this.playing;
    this.showPlay();
    if (this.playing)
      this.ask();
    else
      void this.stop();
  }
  private showPlay(): void {
    const moving = this.playing || this.goal !== null;
    this.playButton.replaceChildren(
        h("span", {"aria-hidden": "true"}, moving ? "❚❚" : "▶"), moving ? " Pause" : " Play");
  }

  /** Waits for the frame's training and tells the address where it stands. */
  private async stop(): Promise<void> {
    this.playing = false;
    this.showPlay();
    await this.idle();
    if (this.playing) return;
    this.host.set({steps: String(this.panels.a?.step ?? 0)});
    this.host.announce(this.summaries());
  }
  private summaries(): string { return this.all().map(panel => panel.summary()).join(" "); }
  private async idle(): Promise<void> {
    while (this.busy) await new Promise(done => setTimeout(done, 5));
  }
  private async settle(): Promise<void> {
    await Promise.all(this.all().map(panel => panel.settle()));
    this.showCommand();
    this.showSummary();
    this.ask();
  }
  /** What leads to what is shown now; none where weights were changed by hand. */
  private showCommand(): void {
    const commands = this.all().map(panel => panel.command);
    this.host.command(commands.every(Boolean) ? [...new Set(commands)].join(" && ") : "");
  }
  private async single(): Promise<void> {
    if (this.goal !== null) return this.toggle();
    if (this.playing) return this.stop();
    await this.idle();
    this.host.set({steps: String((this.panels.a?.step ?? 0) + 1)});
  }
  private async restart(): Promise<void> {
    // Nobody waits for where the nets were on their way to.
    if (this.goal !== null) this.host.set({steps: "0"});
    await this.change(async () => void (await Promise.all(this.all().map(panel => panel.restart()))));
    this.host.set({steps: "0"});
  }
  private begin(preset: Preset): void {
    this.play();
    this.host.set({...stateOf(preset), steps: "0"});
  }
  private play(): void {
    this.playing = true;
    this.showPlay();
    this.ask();
  }

  // ---- frames ---------------------------------------------------------------------------------------------------

  private ask(): void {
    if (!this.frame && this.visible) this.frame = requestAnimationFrame(() => this.show());
  }
  private show(): void {
    this.frame = 0;
    ++this.turn;
    // The workers train on while this thread draws.
    if (this.playing && !this.busy && !this.changing) void this.train();
    const {a, b} = this.panels;
    a?.draw(b ?? null);
    b?.draw(a ?? null);
    if (this.turn % 4 === 0 || !this.playing) {
      this.counter.textContent = this.progress();
      this.showCommand();
    }
    if (this.turn % 30 === 0) this.showSummary();
    if (this.playing || this.all().some(panel => panel.unfinished)) this.ask();
  }
  private progress(): string {
    const {step = 0, epoch = 0} = this.panels.a ?? {};
    return this.goal === null ? `step ${number(step)} · epoch ${number(epoch)}`
                              : `training to step ${number(this.goal)}: ${Math.floor((100 * step) / this.goal)} %`;
  }
  private async train(): Promise<void> {
    const speed = speeds.includes(this.state["speed"]!) ? this.state["speed"]! : defaults["speed"]!;
    const [steps, frames = 1] = speed.split("/").map(Number) as [number, number?];
    if (this.turn % frames !== 0) return;
    if (this.all().every(panel => panel.broken || !panel.session) || (this.panels.a?.step ?? 0) >= most.steps)
      return this.stop();
    this.busy = true;
    try {
      // Two nets take turns with their pictures; their numbers are of the same steps.
      const panels = this.all();
      const shown = frames > 1 ? -1 : ++this.round % panels.length;
      await Promise.all(panels.map((panel, i) => panel.advance(steps, shown < 0 || shown === i)));
    } catch (error) {
      this.playing = false;
      this.showPlay();
      this.host.notice((error as Error).message);
    }
    this.busy = false;
  }
  private showSummary(): void { this.summary.textContent = this.summaries(); }

  pause(): void {
    this.visible = false;
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }
  resume(): void {
    this.visible = true;
    this.ask();
  }
}

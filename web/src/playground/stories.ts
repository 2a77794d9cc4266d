// The three stories: questions that one answers before the experiment does. Every number comes from the engine, run
// while one waits; what is said afterwards follows from it.
import {listed, number, percent, plural} from "../format";
import type {Line} from "../line_chart";
import {sameBits} from "./command";
import type {Engine, Num, Propagation} from "./engine";
import {extent, meanWithin95, ratioWithin95} from "./statistics";

export interface Estimate {
  value: Num;
  /** A 95 % interval, or the lowest and the highest seed where `spread` says so. */
  low?: Num;
  high?: Num;
  theory?: Num;
  spread?: "seeds";
}

export interface Picture {
  title: string;
  xLabel: string;
  yLabel: string;
  logY: boolean;
  lines: Line[];
}

export interface Found {
  /** Of a question for a number. */
  estimate?: Estimate;
  /** Of a choice: what was measured for each, in the order of the choices, and which of them it makes right. */
  measured?: {name: string; estimate: Estimate; text: string}[];
  right?: number[];
  /** Of several right ones the best on average, which the seeds cannot tell from the others. */
  best?: number;
  picture?: Picture;
  /** What follows, made from the numbers. */
  lesson: string;
  /** The command that measures the same. */
  command: string;
}

/** How far an experiment is, 0 … 1; false: nobody waits for it any more. */
export type Progress = (share: number) => boolean;

export interface Question {
  text: string;
  /** A number on a scale, or one of the choices. */
  guess: {lowest: number; highest: number; log: boolean; unit: string; begin: number}|{choices: string[]};
  run(engine: Engine, progress: Progress): Promise<Found>;
  links: {label: string; tab: string; state: Record<string, string>}[];
}

export interface Story {
  id: string;
  title: string;
  opening: string;
  questions: Question[];
}

export class Stopped extends Error {}

// ---- what the questions measure

export async function travel(engine: Engine, activation: string, init: string, depth: number, more: Record<string, string|number|boolean> = {}):
    Promise<Propagation> {
  return engine.propagate({activation, init, depth, width: 128, inputs: 64, nets: 5, ...more});
}

const gradients = (p: Propagation, name: string): Line => ({
  name,
  x: p.layers.map(l => l.layer),
  y: p.layers.map(l => l["gradient_rms"] ?? null),
  low: p.layers.map(l => l["gradient_rms_low"] ?? null),
  high: p.layers.map(l => l["gradient_rms_high"] ?? null),
  theory: p.layers.map(l => l["gradient_rms_theory"] ?? null)
});

export const ratioOf = (p: Propagation): Estimate =>
    ({value: p.gradient_ratio, low: p.gradient_ratio_low, high: p.gradient_ratio_high, theory: p.gradient_ratio_theory});

export interface Trained {
  losses: number[];
  accuracy: number;
  testLoss: number;
  silent: number;
}

/** One net trained to its end; silent: the share of hidden units that are 0 for all of the probe's inputs. */
export async function train(engine: Engine, net: Record<string, string|number>, steps: number, progress: Progress): Promise<Trained> {
  const session = await engine.open({data: "circles", ...net});
  try {
    const losses: number[] = [];
    let [accuracy, testLoss] = [0, Infinity];
    const share = 100;
    for (let done = 0; done < steps; done += share) {
      if (!progress(done / steps)) throw new Stopped();
      const answer = await engine.step(session.session, Math.min(share, steps - done), done + share >= steps);
      losses.push(...answer.losses);
      if (answer.broke) break;
      accuracy = answer.train?.accuracy ?? accuracy;
      testLoss = answer.test?.loss ?? testLoss;
    }
    const flags = (await engine.look(session.session)).dead.flatMap(layer => [...layer]);
    const silent = flags.filter(flag => flag & 1).length / Math.max(1, flags.length);
    return {losses, accuracy, testLoss, silent};
  } finally {
    await engine.close(session.session);
  }
}

const optionsOf = (net: Record<string, string|number>) => Object.entries(net).map(([key, value]) => {
  const text = String(value);
  return `--${key.replaceAll("_", "-")} ${/^[\w.,:=+$-]+$/.test(text) ? text : `'${text}'`}`;
}).join(" ");

/** Trains the same net with each seed, and with each value of `varied` where one is given. */
function commandOf(net: Record<string, string|number>, steps: number, seeds: number, varied?: {name: string; values: string[]}): string {
  const shown = {data: "circles", ...net, ...(varied ? {[varied.name]: `$${varied.name}`} : {}), seed: "$seed", steps};
  const one = `for seed in ${seedsOf(seeds).join(" ")}; do ${sameBits(`evengrad train ${optionsOf(shown)}`)}; done`;
  return varied ? `for ${varied.name} in ${varied.values.join(" ")}; do ${one}; done` : one;
}

export const percentOf = (shares: number[]): Estimate & {value: number} => ({...extent(shares.map(s => 100 * s)), spread: "seeds"});

/** The losses of a run, smoothed enough to be told apart. */
function curve(name: string, losses: number[]): Line {
  const every = Math.max(1, Math.floor(losses.length / 60));
  const x: number[] = [];
  const y: Num[] = [];
  for (let i = 0; i + every <= losses.length; i += every) {
    x.push(i + every);
    const mean = losses.slice(i, i + every).reduce((a, b) => a + b, 0) / every;
    y.push(Number.isFinite(mean) ? mean : null);
  }
  return {name, x, y};
}

const times = (ratio: Num) => number(ratio, 2);
const withinTen = (ratio: Num) => ratio !== null && ratio > 0.1 && ratio < 10;

// ---- the questions

const ratioGuess = {lowest: 1e-16, highest: 100, log: true, unit: "of the last layer's gradient", begin: 1};

const vanishing: Story = {
  id: "vanishing",
  title: "Vanishing gradients",
  opening: "A net learns by sending a gradient back through its layers. Each layer multiplies it by the slope of its activation and by its weights. What is left at the first layer?",
  questions: [
    {
      text: "Twenty layers of sigmoid, 128 units each, Xavier's weights. The gradient at the last layer is 1. How large is it at the first?",
      guess: ratioGuess,
      async run(engine) {
        const p = await travel(engine, "sigmoid", "xavier", 20);
        const factor = p.gradient_ratio ? p.gradient_ratio ** (1 / 19) : null;
        return {
          estimate: ratioOf(p),
          picture: {title: "The gradient on its way back, layer 20 to layer 1.", xLabel: "layer", yLabel: "rms gradient", logY: true, lines: [gradients(p, "sigmoid, xavier")]},
          lesson: `Each layer kept ${number(factor, 2)} of it: sigmoid's slope is nowhere above 1/4. Nineteen such factors leave ${times(p.gradient_ratio)}.`,
          command: p.command
        };
      },
      links: [
        {label: "See sigmoid's slope", tab: "curves", state: {activation: "sigmoid,tanh"}},
        {label: "Watch it travel", tab: "depth", state: {activation: "sigmoid", init: "xavier", depth: "20"}}
      ]
    },
    {
      text: "The same net with tanh, whose slope at 0 is 1. How large is the gradient at the first layer now?",
      guess: ratioGuess,
      async run(engine) {
        const [p, s] = [await travel(engine, "tanh", "xavier", 20), await travel(engine, "sigmoid", "xavier", 20)];
        const better = p.gradient_ratio && s.gradient_ratio ? Math.log10(p.gradient_ratio / s.gradient_ratio) : null;
        return {
          estimate: ratioOf(p),
          picture: {title: "Tanh beside sigmoid.", xLabel: "layer", yLabel: "rms gradient", logY: true, lines: [gradients(p, "tanh, xavier"), gradients(s, "sigmoid, xavier")]},
          lesson: `${number(better, 2)} powers of ten more than sigmoid's arrive: the activation's slope where the signal lives decides, not the number of layers alone.`,
          command: p.command
        };
      },
      links: [{label: "Watch it travel", tab: "depth", state: {activation: "tanh", init: "xavier", depth: "20"}}]
    },
    {
      text: "Sigmoid again. Which one change brings the first layer's gradient closest to the last layer's?",
      guess: {choices: ["He's weights", "orthogonal weights", "weights four times Xavier's", "batch normalization"]},
      async run(engine, progress) {
        const nets: [string, string, Record<string, boolean>][] = [
          ["He's weights", "he", {}], ["orthogonal weights", "orthogonal", {}],
          ["weights four times Xavier's", "xavier(gain=4)", {}], ["batch normalization", "xavier", {batch_norm: true}]
        ];
        const all: Propagation[] = [];
        for (const [, init, more] of nets) {
          if (!progress(all.length / nets.length)) throw new Stopped();
          all.push(await travel(engine, "sigmoid", init, 20, more));
        }
        const away = all.map(p => (p.gradient_ratio ? Math.abs(Math.log10(p.gradient_ratio)) : Infinity));
        const best = away.indexOf(Math.min(...away));
        return {
          measured: all.map((p, i) => ({name: nets[i]![0], estimate: ratioOf(p), text: times(p.gradient_ratio)})),
          right: [best],
          picture: {title: "What each change does to the gradient.", xLabel: "layer", yLabel: "rms gradient", logY: true, lines: all.map((p, i) => gradients(p, nets[i]![0]))},
          lesson: `Of these it is ${nets[best]![0]} (${times(all[best]!.gradient_ratio)}); ${
              withinTen(all[best]!.gradient_ratio) ? "that is within a factor of ten of unchanged" : "even that is not within a factor of ten of unchanged"}.`,
          command: all[best]!.command
        };
      },
      links: [{label: "Compare initializers", tab: "depth", state: {activation: "sigmoid", init: "xavier(gain=4)", depth: "20"}}]
    },
    {
      text: "Does it matter for learning? Eight layers of 8, Adam, 500 steps on two circles, five seeds each. Which nets get more than 90 % right with every seed?",
      guess: {choices: ["both sigmoid and tanh", "only tanh", "only sigmoid", "neither"]},
      async run(engine, progress) {
        const net = {hidden: "8,8,8,8,8,8,8,8", init: "xavier", optimizer: "adam", lr: 0.01, batch_size: 32};
        const [steps, seeds, bar] = [500, 5, 0.9];
        const s = await overSeeds(engine, {...net, activation: "sigmoid"}, steps, seeds, share => progress(share / 2));
        const t = await overSeeds(engine, {...net, activation: "tanh"}, steps, seeds, share => progress(0.5 + share / 2));
        const above = (runs: Trained[]) => runs.filter(run => run.accuracy > bar).length;
        const [sigmoid, tanh] = [above(s) === seeds, above(t) === seeds];
        // Half of ln 2, the loss of guessing.
        const left = (runs: Trained[]) => runs.map(run => run.losses.findIndex(loss => loss < Math.LN2 / 2) + 1);
        const told = (name: string, runs: Trained[]) => ({
          name,
          estimate: percentOf(runs.map(run => run.accuracy)),
          text: `${above(runs)} of ${seeds} seeds above 90 %: ${listed(runs.map(run => percent(run.accuracy)))}`
        });
        const late = left(s).filter(step => step > 0);
        return {
          measured: [told("sigmoid", s), told("tanh", t)],
          right: [sigmoid && tanh ? 0 : tanh ? 1 : sigmoid ? 2 : 3],
          picture: {
            title: "The training loss of each seed.", xLabel: "step", yLabel: "loss", logY: false,
            lines: [...s.map((run, i) => curve(`sigmoid, seed ${i + 1}`, run.losses)), ...t.map((run, i) => curve(`tanh, seed ${i + 1}`, run.losses))]
          },
          lesson: `The seeds differ in how long the loss stays at ln 2, that of guessing. With tanh it halves after step ${
              listed(left(t).map(step => step ? String(step) : "500 or later"))}; with sigmoid ${
              late.length ? `after step ${listed(late.map(String))}` : "never"}${
              late.length < seeds ? `, and ${plural(seeds - late.length, "seed")} had not left the plateau after ${steps} steps` : ""}.`,
          command: commandOf(net, steps, seeds, {name: "activation", values: ["sigmoid", "tanh"]})
        };
      },
      links: [
        {label: "Train it yourself", tab: "train", state: {data: "circles", hidden: "8,8,8,8,8,8,8,8", activation: "sigmoid", init: "xavier", optimizer: "adam", lr: "0.01"}},
        {label: "Map of depths", tab: "map", state: {x: "sigma_w=0.5:3:64", y: "depth=1:48:48", init: "gaussian(sigma_w=1.5, sigma_b=0.05)"}}
      ]
    }
  ]
};

const relu = {hidden: "16,16,16", activation: "relu", init: "he", batch_size: 32};
const seedsOf = (count: number) => Array.from({length: count}, (_, i) => i + 1);
export const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** "88 % to 94 % of the samples are right" */
function rightOf(runs: Trained[]): string {
  const {low, high} = extent(runs.map(run => run.accuracy));
  return `${low === high ? percent(low) : `${percent(low)} to ${percent(high)}`} of the samples are right`;
}

export async function overSeeds(engine: Engine, net: Record<string, string|number>, steps: number, seeds: number, progress: Progress): Promise<Trained[]> {
  const all: Trained[] = [];
  for (const seed of seedsOf(seeds)) all.push(await train(engine, {...net, seed}, steps, share => progress((all.length + share) / seeds)));
  return all;
}

const dying: Story = {
  id: "dying",
  title: "Dying ReLU",
  opening: "A ReLU that is 0 for every input passes no gradient: nothing can wake it but a change of the layers before. Textbooks warn of it; how often does it happen, and what does it take?",
  questions: [
    {
      text: "Three layers of 16 ReLUs, He's weights, two circles, Adam at its usual rate 0.001. After 300 steps, what share of the units is silent, exactly 0 for every input?",
      guess: {lowest: 0, highest: 100, log: false, unit: "% of the units", begin: 50},
      async run(engine, progress) {
        const all = await overSeeds(engine, {...relu, optimizer: "adam", lr: 0.001}, 300, 5, progress);
        const m = percentOf(all.map(t => t.silent));
        return {
          estimate: m,
          lesson: `${number(m.value, 2)} % on average over five seeds; none of these nets is in trouble: ${rightOf(all)}.`,
          command: commandOf({...relu, optimizer: "adam", lr: 0.001}, 300, 5)
        };
      },
      links: [{label: "Train it yourself", tab: "train", state: {data: "circles", ...stringsOf(relu), optimizer: "adam", lr: "0.001"}}]
    },
    {
      text: "The same nets with a rate of 0.3. What share is silent now?",
      guess: {lowest: 0, highest: 100, log: false, unit: "% of the units", begin: 50},
      async run(engine, progress) {
        const all = await overSeeds(engine, {...relu, optimizer: "adam", lr: 0.3}, 300, 5, progress);
        const m = percentOf(all.map(t => t.silent));
        return {
          estimate: m,
          picture: {title: "The training loss of each seed.", xLabel: "step", yLabel: "loss", logY: true, lines: all.map((t, i) => curve(`seed ${i + 1}`, t.losses))},
          lesson: `${number(m.value, 2)} % on average over five seeds: ${rightOf(all)}. One large step can push a unit's bias so far down that no input reaches it.`,
          command: commandOf({...relu, optimizer: "adam", lr: 0.3}, 300, 5)
        };
      },
      links: [
        {label: "Watch them die", tab: "train", state: {data: "circles", ...stringsOf(relu), optimizer: "adam", lr: "0.3"}},
        {label: "Map of rates", tab: "map", state: {x: "lr=0.001:10:64:log", y: "sigma_w=0.4:3:48", activation: "relu", optimizer: "adam", depth: "3", steps: "300"}}
      ]
    },
    {
      text: "At this rate of 0.3, which activation leaves the nets with the most samples right, on average over the same five seeds?",
      guess: {choices: ["relu", "leaky_relu", "elu", "gelu"]},
      async run(engine, progress) {
        const names = ["relu", "leaky_relu", "elu", "gelu"];
        const seeds = 5;
        const all: Trained[][] = [];
        for (const activation of names) {
          all.push(await overSeeds(engine, {...relu, activation, optimizer: "adam", lr: 0.3}, 300, seeds, share => progress((all.length + share) / names.length)));
        }
        const means = all.map(list => percentOf(list.map(t => t.accuracy)));
        const best = means.reduce((b, m, i) => (m.value > means[b]!.value ? i : b), 0);
        // A tie is a tie: what paired seeds cannot tell from the best is right too.
        const difference = (i: number) => meanWithin95(all[best]!.map((t, s) => 100 * (t.accuracy - all[i]![s]!.accuracy)));
        const right = means.map((_, i) => i).filter(i => i === best || difference(i).low <= 0);
        const others = right.filter(i => i !== best).map(i => names[i]!);
        return {
          measured: names.map((name, i) => ({
            name,
            estimate: means[i]!,
            text: `${number(means[i]!.value)} % right on average, ${number(100 * mean(all[i]!.map(t => t.silent)), 2)} % of the units silent`
          })),
          right,
          best,
          lesson: others.length
              ? `${names[best]} has the highest average, ${number(means[best]!.value)} %; the differences between paired seeds are too uneven to tell it from ${listed(others)}.`
              : `${names[best]}, with ${number(means[best]!.value)} %, beats the others by more than five paired seeds scatter.`,
          command: commandOf({...relu, optimizer: "adam", lr: 0.3}, 300, seeds, {name: "activation", values: names})
        };
      },
      links: [{label: "Compare two", tab: "train", state: {data: "circles", ...stringsOf(relu), optimizer: "adam", lr: "0.3", compare: "1", "b.activation": "leaky_relu"}}]
    }
  ]
};

const spirals = {data: "spirals", hidden: "16,16", init: "he", optimizer: "adam", lr: 0.01, batch_size: 32};

const gelu: Story = {
  id: "gelu",
  title: "GELU against ReLU",
  opening: "GELU is ReLU with its corner rounded, x times the probability that a normal number is below x. It runs today's language models. What does the rounding change?",
  questions: [
    {
      text: "Numbers drawn from N(0, 1) go in. What share of them does GELU send to exactly 0? (ReLU: half.)",
      guess: {lowest: 0, highest: 100, log: false, unit: "% of the numbers", begin: 50},
      async run(engine) {
        const [g, r] = [await engine.shares({activation: "gelu"}), await engine.shares({activation: "relu"})];
        return {
          estimate: {value: 100 * g.zero},
          lesson: `${number(100 * g.zero)} %, against ReLU's ${number(100 * r.zero)} %: below 0 GELU is small, not 0, so a gradient still passes.`,
          command: "evengrad theory gelu"
        };
      },
      links: [{label: "See both curves", tab: "curves", state: {activation: "relu,gelu"}}]
    },
    {
      text: "Fifty layers of GELU with the weights made for ReLU (He). How large is the gradient at the first layer, of the last one's 1?",
      guess: {lowest: 1e-16, highest: 1e4, log: true, unit: "of the last layer's gradient", begin: 1},
      async run(engine) {
        const [p, r] = [await travel(engine, "gelu", "he", 50), await travel(engine, "relu", "he", 50)];
        return {
          estimate: ratioOf(p),
          picture: {title: "The gradient on its way back, layer 50 to layer 1.", xLabel: "layer", yLabel: "rms gradient", logY: true, lines: [gradients(p, "gelu, he"), gradients(r, "relu, he")]},
          lesson: `GELU keeps ${times(p.gradient_ratio)}, ReLU ${times(r.gradient_ratio)}. He's factor 2 is exact for ReLU only; GELU shrinks the signal until it is nearly linear with slope 1/2.`,
          command: p.command
        };
      },
      links: [{label: "Watch it travel", tab: "depth", state: {activation: "gelu", init: "he", depth: "50"}}]
    },
    {
      text: "Two spirals, two layers of 16, Adam, 800 steps, the same five seeds for both. Which has the lower test loss?",
      guess: {choices: ["relu", "gelu", "five seeds cannot tell"]},
      async run(engine, progress) {
        const r = await overSeeds(engine, {...spirals, activation: "relu"}, 800, 5, share => progress(share / 2));
        const g = await overSeeds(engine, {...spirals, activation: "gelu"}, 800, 5, share => progress(0.5 + share / 2));
        const ratio = ratioWithin95(r.map((t, i) => t.testLoss / g[i]!.testLoss));
        const losses = (runs: Trained[]): Estimate => ratioWithin95(runs.map(t => t.testLoss));
        const wins = g.filter((t, i) => t.testLoss < r[i]!.testLoss).length;
        const [mr, mg] = [losses(r), losses(g)];
        return {
          measured: [
            {name: "relu", estimate: mr, text: `test loss ${number(mr.value)}`}, {name: "gelu", estimate: mg, text: `test loss ${number(mg.value)}`}
          ],
          right: [ratio.high < 1 ? 0 : ratio.low > 1 ? 1 : 2],
          picture: {
            title: "The training loss of each seed.", xLabel: "step", yLabel: "loss", logY: true,
            lines: [...r.map((run, i) => curve(`relu, seed ${i + 1}`, run.losses)), ...g.map((run, i) => curve(`gelu, seed ${i + 1}`, run.losses))]
          },
          lesson: `GELU has the lower loss on ${wins} of 5 seeds. ReLU's loss is ${number(ratio.value, 2)} times GELU's [${
              number(ratio.low, 2)}, ${number(ratio.high, 2)}] (geometric mean of paired seeds with its 95 % interval${
              ratio.low <= 1 && ratio.high >= 1 ? "; it includes 1, so these five seeds cannot separate them" : ""}).`,
          command: commandOf(spirals, 800, 5, {name: "activation", values: ["relu", "gelu"]})
        };
      },
      links: [{label: "Train them side by side", tab: "train", state: {...stringsOf(spirals), activation: "relu", compare: "1", "b.activation": "gelu"}}]
    }
  ]
};

/** A net as the state of the Train tab. */
function stringsOf(net: Record<string, string|number>): Record<string, string> {
  return Object.fromEntries(Object.entries(net).map(([key, value]) => [key.replaceAll("_", "-"), String(value)]));
}

export const stories: Story[] = [vanishing, dying, gelu];
export const wasStopped = (error: unknown) => error instanceof Stopped;

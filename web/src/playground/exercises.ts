// What is practised: questions after two study guides (named in the Learn tab), each with an answer, a rubric to mark
// oneself by, and what the engine measures meanwhile.
import {listed, number, percent} from "../format";
import type {Claim} from "../model";
import bundled from "./claims.json";
import type {ActivationInfo, Engine} from "./engine";
import {ratioWithin95} from "./statistics";
import {mean, overSeeds, travel, type Progress} from "./stories";

export interface Link {
  label: string;
  tab: string;
  state: Record<string, string>;
}

export interface Exercise {
  id: string;
  text: string;
  hints?: string[];
  answer: string[];
  /** Points of a complete answer. */
  rubric: string[];
  /** What the measurement adds to the answer, or what it contradicts. */
  measure(engine: Engine, progress: Progress): Promise<string[]>;
  links?: Link[];
}

/** What one should be able to do, and where to practise it. */
export const skills: {id: string; text: string; link: Link}[] = [
  {id: "linear", text: "Explain why a net needs a nonlinearity", link: {label: "Card 1", tab: "practice", state: {part: "card", item: "1"}}},
  {id: "classic", text: "Write sigmoid and tanh with their derivatives", link: {label: "Curves", tab: "curves", state: {activation: "sigmoid,tanh", focus: "sigmoid"}}},
  {id: "vanishing", text: "Explain vanishing gradients with sigmoid", link: {label: "Problem 1", tab: "practice", state: {part: "problems", item: "1"}}},
  {id: "relu", text: "Say what ReLU gains and how its units die", link: {label: "Problem 2", tab: "practice", state: {part: "problems", item: "2"}}},
  {id: "variants", text: "Compare Leaky ReLU, PReLU and ELU", link: {label: "Curves", tab: "curves", state: {activation: "relu,leaky_relu(0.2),elu", focus: "elu"}}},
  {id: "gelu", text: "Derive GELU and say why Transformers use it", link: {label: "Problem 3", tab: "practice", state: {part: "problems", item: "3"}}},
  {id: "smooth", text: "Tell GELU, SiLU and Mish apart", link: {label: "Curves", tab: "curves", state: {activation: "gelu,silu,mish", focus: "mish"}}},
  {id: "softmax", text: "Apply softmax with a temperature", link: {label: "Problem 4", tab: "practice", state: {part: "problems", item: "4"}}}
];
export const levels = ["cannot", "vaguely", "can explain", "can derive", "can teach"];

const claims = bundled.experiments.flatMap(e => e.claims as Claim[]);
/** A claim of the guides with its verdict, in a sentence. */
function claimed(id: string): string {
  const claim = claims.find(c => c.id === id);
  if (!claim) return "";
  return `The guide claims: “${claim.statement}” Verdict of the bundled run: ${claim.verdict.replaceAll("_", " ")}${
      claim.condition ? ` (${claim.condition})` : ""}.`;
}

const spirals = {data: "spirals", hidden: "16,16", init: "auto", optimizer: "adam", lr: 0.01, batch_size: 32};
const relu = {hidden: "16,16,16", activation: "relu", init: "he", batch_size: 32, optimizer: "adam", lr: 0.3};

function softmax(logits: number[], temperature: number): number[] {
  const largest = Math.max(...logits);
  const e = logits.map(z => Math.exp((z - largest) / temperature));
  const sum = e.reduce((a, b) => a + b);
  return e.map(v => v / sum);
}
const shares = (p: number[]) => p.map(v => v.toFixed(3)).join(", ");

async function ratios(engine: Engine, nets: [name: string, activation: string, init: string][], depth: number): Promise<string[]> {
  const all: string[] = [];
  for (const [name, activation, init] of nets)
    all.push(`${name} ${number((await travel(engine, activation, init, depth)).gradient_ratio, 2)}`);
  return all;
}

/** Silent units and accuracy of some nets, over the same five seeds. */
async function cures(engine: Engine, progress: Progress, nets: [name: string, net: Record<string, string|number>][]): Promise<string> {
  const told: string[] = [];
  for (const [name, net] of nets) {
    const runs = await overSeeds(engine, net, 300, 5, share => progress((told.length + share) / nets.length));
    told.push(`${name}: ${number(100 * mean(runs.map(r => r.silent)), 2)} % silent, ${number(100 * mean(runs.map(r => r.accuracy)))} % right`);
  }
  return `On two circles, three layers of 16, 300 steps, five seeds, on average: ${told.join("; ")}.`;
}

/** Formula and derivative as the engine has them. */
async function formulas(engine: Engine, names: string[]): Promise<string[]> {
  const {activations} = await engine.list();
  return names.map(name => activations.find(a => a.name === name)).filter((a): a is ActivationInfo => a !== undefined)
      .map(a => `${a.name}: f = ${a.formula}, f′ = ${a.derivative}, range ${a.range}.`);
}
async function uses(engine: Engine, names: string[]): Promise<string[]> {
  const {activations} = await engine.list();
  return names.map(name => activations.find(a => a.name === name)).filter((a): a is ActivationInfo => a !== undefined)
      .map(a => `${a.name}: ${a.uses}.`);
}

async function geluAgainstRelu(engine: Engine, progress: Progress): Promise<string> {
  const net = {...spirals, init: "he"};
  const r = await overSeeds(engine, {...net, activation: "relu"}, 800, 5, share => progress(share / 2));
  const g = await overSeeds(engine, {...net, activation: "gelu"}, 800, 5, share => progress(0.5 + share / 2));
  const {value, low, high} = ratioWithin95(r.map((t, i) => t.testLoss / g[i]!.testLoss));
  return `On two spirals, the same five seeds: ReLU's test loss is ${number(value, 2)} times GELU's [${number(low, 2)}, ${number(high, 2)}]${
      low <= 1 && high >= 1 ? ", which five seeds cannot tell from 1" : ""}. These are small fully connected nets, not Transformers.`;
}

export const problems: Exercise[] = [
  {
    id: "problem-1",
    text: "Someone wants to build a net with 20 hidden layers of sigmoid. Show with numbers why that is a bad idea.",
    hints: ["How large can the slope of sigmoid be?", "Nineteen sigmoids lie between layer 20 and layer 1. What is the largest slope to the power of 19?"],
    answer: [
      "Sigmoid's slope is at most 1/4, at 0. Going back from layer 20 to layer 1 the gradient passes 19 of them: at best 0.25^19 = 3.6 · 10⁻¹² of it is left, as far as the activations go. The first layers do not learn.",
      "Besides, its outputs are all positive: the gradients of a unit's incoming weights share one sign, and descent zigzags.",
      "Better: ReLU or GELU with a matching initializer, and residual connections at this depth."
    ],
    rubric: ["The bound 0.25^19 with its value", "Outputs that are not centred, as a second problem", "A way out: another activation, its initializer, residual connections"],
    async measure(engine) {
      const found = await ratios(engine, [["Xavier", "sigmoid", "xavier"], ["He", "sigmoid", "he"], ["four times Xavier", "sigmoid", "xavier(gain=4)"], ["ReLU with He", "relu", "he"]], 20);
      return [
        `The gradient at layer 1 over that at layer 20: ${listed(found)}.`,
        "The bound counts slopes only. The weights multiply the gradient too: large ones lift it far above 0.25^19, so the power of 1/4 is a bound on the slopes and not on the gradient."
      ];
    },
    links: [{label: "Watch it travel", tab: "depth", state: {activation: "sigmoid", init: "xavier", depth: "20"}}]
  },
  {
    id: "problem-2",
    text: "In layer 5 of a 10-layer ReLU net, 35 % of the units are 0 for every validation input. What has happened, why, and which three things would you try?",
    hints: ["What makes a pre-activation negative for every input?", "Think of the learning rate, the initialization and the scale of what comes in: each points to a cure."],
    answer: [
      "Dying ReLU: updates pushed their pre-activations below 0 for every input; output and gradient are 0, and nothing wakes them but a change in the layers before.",
      "Causes: a rate that is too large, above all with Adam; a poor initialization or negative biases; inputs that are not normalized.",
      "Cures: a smaller rate with warm-up; an activation with a slope below 0 (leaky ReLU, GELU); batch normalization before the activation. Also: draw dead units anew, and log the silent share of each layer."
    ],
    rubric: ["Names the cause before the cure: rate, initialization or inputs", "Three different cures, each with its reason", "Monitors the silent share of each layer"],
    async measure(engine, progress) {
      return [
        await cures(engine, progress, [["ReLU, Adam at 0.3", relu], ["rate 0.03", {...relu, lr: 0.03}], ["leaky ReLU", {...relu, activation: "leaky_relu"}], ["batch normalization", {...relu, norm: "batch"}]]),
        "A silent unit of ReLU is silent in leaky ReLU only in the sense of 0 outputs: there it still has a slope, and cannot be exactly 0 for every input."
      ];
    },
    links: [{label: "Watch them die", tab: "train", state: {data: "circles", hidden: "16,16,16", activation: "relu", init: "he", optimizer: "adam", lr: "0.3"}}]
  },
  {
    id: "problem-3",
    text: "You propose GELU for a Transformer. A colleague says ReLU is simpler and faster. Defend your choice, and say what speaks against it.",
    hints: ["Compare the slopes near 0.", "Three lines of argument: smoothness, x times a probability, and what published models and ablations show."],
    answer: [
      "Smooth: GELU's slope goes from 0 to 1 without a jump, ReLU's jumps at 0.",
      "GELU(x) = x Φ(x) is what x times a coin is on average, where the coin falls on 1 with probability Φ(x).",
      "Used by BERT, GPT-2, GPT-3 and ViT; T5 used ReLU first. Against it: it costs more, and where latency counts ReLU is a fair choice."
    ],
    rubric: ["Smoothness with the slopes", "x Φ(x) and what Φ is", "Named models, and the cost conceded"],
    async measure(engine, progress) {
      return [await geluAgainstRelu(engine, progress), claimed("G4"), claimed("S14")];
    },
    links: [{label: "See both curves", tab: "curves", state: {activation: "relu,gelu", focus: "gelu"}}]
  },
  {
    id: "problem-4",
    text: "A classifier's logits are 2, 1 and 0.1. Give the softmax probabilities at temperatures 1, 0.5 and 2, and a use for each.",
    hints: ["Divide the logits by T, then apply softmax.", "Below 1 differences grow, above 1 they shrink."],
    answer: [
      `T = 1: ${shares(softmax([2, 1, 0.1], 1))}, the ordinary softmax.`,
      `T = 0.5: ${shares(softmax([2, 1, 0.1], 0.5))}, sharper: closer to greedy decoding.`,
      `T = 2: ${shares(softmax([2, 1, 0.1], 2))}, flatter: a teacher's softened answers for distillation, or bolder sampling.`
    ],
    rubric: ["All three distributions", "The direction: below 1 sharper, above 1 flatter", "Distillation and sampling as uses"],
    async measure() { return [claimed("M7"), claimed("M8"), claimed("M9")]; }
  }
];

export const card: Exercise[] = [
  {
    id: "card-1",
    text: "Why does a net need a nonlinear activation at all?",
    answer: ["A product of matrices is a matrix: without a nonlinearity any number of layers computes one linear map, and can draw straight boundaries only."],
    rubric: ["Layers collapse into one linear map", "So only straight boundaries"],
    async measure(engine, progress) {
      const told: string[] = [];
      for (const activation of ["identity", "tanh"]) {
        const runs = await overSeeds(engine, {...spirals, init: "xavier", activation}, 500, 3, share => progress((told.length + share) / 2));
        told.push(`${activation} ${listed(runs.map(r => percent(r.accuracy)))}`);
      }
      return [`Two spirals, two layers of 16, three seeds, training samples right: ${told.join("; ")}. The linear net stays near what a straight line can do.`];
    },
    links: [{label: "Train the linear one", tab: "train", state: {activation: "identity", hidden: "16,16"}}]
  },
  {
    id: "card-2",
    text: "What is the vanishing-gradient problem, and which activations cause it?",
    answer: ["The gradient is multiplied by each layer's slopes and weights. Sigmoid and tanh saturate: their slope tends to 0 for large inputs, and the product over many layers with it. ReLU's slope is 1 for positive inputs."],
    rubric: ["A product over layers", "Saturation of sigmoid and tanh", "ReLU's slope of 1 where it is positive"],
    async measure(engine) {
      const found = await ratios(engine, [["sigmoid", "sigmoid", "xavier"], ["tanh", "tanh", "xavier"], ["ReLU with Xavier", "relu", "xavier"], ["ReLU with He", "relu", "he"]], 20);
      return [`Gradient at layer 1 of 20 over that at the last: ${listed(found)}. Tanh does far better than sigmoid, and ReLU needs He's weights: the activation alone does not decide.`];
    }
  },
  {
    id: "card-3",
    text: "Why is ReLU preferred over sigmoid in hidden layers?",
    answer: ["It is cheap, does not saturate for positive inputs, and about half of its outputs are 0. Sigmoid is kept for outputs and gates that must lie between 0 and 1."],
    rubric: ["No saturation for x > 0", "Cheap and sparse", "Where sigmoid is still used"],
    async measure(engine) {
      const [r, s] = [await engine.shares({activation: "relu"}), await engine.shares({activation: "sigmoid"})];
      return [`Of normal inputs ReLU sends ${percent(r.zero)} to exactly 0, sigmoid ${percent(s.zero)}. Sigmoid's largest slope is ${number(s.steepest)}, ReLU's ${number(r.steepest)}.`];
    }
  },
  {
    id: "card-4",
    text: "What is the dying-ReLU problem, and what helps?",
    answer: ["A unit whose pre-activation is negative for every input answers 0 and gets no gradient, so it stays so. A slope below 0 (leaky ReLU, PReLU, ELU, GELU) gives it a gradient; a smaller rate keeps it from happening."],
    rubric: ["0 for every input, hence no gradient", "A cure, and the rate as a cause"],
    async measure(engine, progress) {
      return [await cures(engine, progress, [["ReLU", relu], ["leaky ReLU", {...relu, activation: "leaky_relu"}], ["GELU", {...relu, activation: "gelu"}]])];
    }
  }
];

/** Points to recall so many days after the first visit. */
export const flash: (Exercise&{day: number})[] = [
  {
    id: "flash-0-1", day: 0, text: "Write formula and derivative of sigmoid, tanh, ReLU, GELU and SiLU.",
    answer: ["σ(1 − σ); 1 − tanh²; 1 for x > 0, else 0; Φ(x) + x φ(x); σ(x) + x σ(x)(1 − σ(x))."],
    rubric: ["sigmoid", "tanh", "ReLU", "GELU", "SiLU"],
    measure: engine => formulas(engine, ["sigmoid", "tanh", "relu", "gelu", "silu"])
  },
  {
    id: "flash-0-2", day: 0, text: "Explain the dying ReLU in three sentences.",
    answer: ["A ReLU whose input is negative for all samples answers 0. Its slope is 0 there, so no gradient reaches its weights. It stays dead unless the layers before it change."],
    rubric: ["0 for all samples", "no gradient", "what could wake it"],
    async measure(engine, progress) { return [await cures(engine, progress, [["Adam at 0.001", {...relu, lr: 0.001}], ["Adam at 0.3", relu]])]; }
  },
  {
    id: "flash-0-3", day: 0, text: "Which activations do BERT, GPT, ResNet, LSTM gates and LLaMA's feed-forward layers use?",
    answer: ["GELU, GELU, ReLU, sigmoid, SiLU in a gated layer (SwiGLU)."],
    rubric: ["BERT and GPT", "ResNet", "LSTM gates", "LLaMA"],
    measure: engine => uses(engine, ["gelu", "relu", "sigmoid", "silu"])
  },
  {
    id: "flash-3-1", day: 3, text: "Explain with a number why sigmoid makes gradients vanish.",
    answer: ["Ten layers: at best 0.25^10, about one millionth."],
    rubric: ["slope at most 1/4", "a power of it with its value"],
    async measure(engine) { return [`Measured over 11 layers (ten slopes): ${listed(await ratios(engine, [["Xavier", "sigmoid", "xavier"], ["He", "sigmoid", "he"]], 11))}; 0.25^10 is ${number(0.25 ** 10, 2)}.`]; }
  },
  {
    id: "flash-3-2", day: 3, text: "Name three differences between GELU and ReLU that matter for Transformers.",
    answer: ["Smooth at 0; small but not zero for negative inputs, so a gradient passes; a slope that exceeds 1 (up to 1.129)."],
    rubric: ["smoothness", "negative inputs", "a third one"],
    async measure(engine) {
      const [g, r] = [await engine.shares({activation: "gelu"}), await engine.shares({activation: "relu"})];
      return [`Exactly 0 of normal inputs: GELU ${percent(g.zero)}, ReLU ${percent(r.zero)}. Largest slope: ${number(g.steepest, 4)} and ${number(r.steepest)}.`];
    }
  },
  {
    id: "flash-3-3", day: 3, text: "Compute the softmax of (1, 0, −1) at temperature 2, without notes.",
    answer: [`${shares(softmax([1, 0, -1], 2))}`],
    rubric: ["divide by T first", "the three numbers"],
    async measure() { return [`At T = 1 it is ${shares(softmax([1, 0, -1], 1))}: a higher temperature flattens.`]; }
  },
  {
    id: "flash-7-1", day: 7, text: "How do activation functions and the gradient's way through a deep net hang together?",
    answer: ["Each layer multiplies the squared gradient by χ₁ = σ_w² E[f′²]. At 1 it keeps its size; the initializer sets σ_w² so that it does, and every activation has its own."],
    rubric: ["one factor a layer", "weights and slopes together", "1 as the goal"],
    async measure(engine) { return [`Over 30 layers: ${listed(await ratios(engine, [["tanh with Xavier", "tanh", "xavier"], ["tanh with He", "tanh", "he"], ["ReLU with He", "relu", "he"], ["GELU with He", "gelu", "he"]], 30))}.`]; }
  },
  {
    id: "flash-7-2", day: 7, text: "Given a CNN, a Transformer, an LSTM and a diffusion U-Net: which hidden activation for each, and why?",
    answer: ["ReLU (speed, long record); GELU, or SiLU in a gated layer; tanh for the state and sigmoid for gates, which must lie in (0, 1); SiLU."],
    rubric: ["CNN", "Transformer", "LSTM", "U-Net"],
    measure: engine => uses(engine, ["relu", "gelu", "tanh", "silu"])
  },
  {
    id: "flash-7-3", day: 7, text: "Explain the SwiGLU layer of LLaMA.",
    answer: ["(SiLU(x W_g) ⊙ x W_u) W_d: one projection makes gates, another values, their product is projected back. At equal parameters its width is two thirds."],
    rubric: ["two projections and a product", "SiLU on the gate", "the width at equal parameters"],
    async measure() { return [claimed("G9")]; }
  },
  {
    id: "flash-14-1", day: 14, text: "Take 60 seconds: why do we need activation functions?",
    answer: ["Without them depth collapses into one linear map. A nonlinearity lets layers bend space; its slope decides whether they can be trained."],
    rubric: ["linear collapse", "what bends", "slopes and training"],
    async measure() { return [claimed("U1"), claimed("U3")]; }
  },
  {
    id: "flash-14-2", day: 14, text: "Defend GELU against ReLU for a Transformer with three technical arguments.",
    answer: ["Smooth slope; x Φ(x) as an average over a coin; record in BERT, GPT and ViT. Concede the cost."],
    rubric: ["three arguments", "the cost"],
    async measure(engine, progress) { return [await geluAgainstRelu(engine, progress)]; }
  },
  {
    id: "flash-14-3", day: 14, text: "A net has many dead ReLUs. Diagnose it and propose three cures.",
    answer: ["Look at the rate, the initialization, the inputs. Smaller rate with warm-up; leaky ReLU or GELU; batch normalization."],
    rubric: ["a cause", "three cures"],
    async measure(engine, progress) { return [await cures(engine, progress, [["as it is", relu], ["rate 0.03", {...relu, lr: 0.03}], ["leaky ReLU", {...relu, activation: "leaky_relu"}]])]; }
  },
  {
    id: "flash-21-1", day: 21, text: "Solve all four problems again, eight minutes each.",
    answer: ["Problems 1 to 4 of this page; mark yourself by their rubrics."],
    rubric: ["Problem 1", "Problem 2", "Problem 3", "Problem 4"],
    async measure() { return ["The problems run their own measurements."]; }
  },
  {
    id: "flash-21-2", day: 21, text: "For leaky ReLU, ELU, SELU and Mish: formula, derivative, range, use, strength, weakness.",
    answer: ["See the cards in Curves."],
    rubric: ["leaky ReLU", "ELU", "SELU", "Mish"],
    measure: engine => formulas(engine, ["leaky_relu", "elu", "selu", "mish"])
  },
  {
    id: "flash-21-3", day: 21, text: "Connect activations with backpropagation, initialization and normalization.",
    answer: ["Backpropagation multiplies by f′. The initializer makes the product of slopes and weights 1 for that f. Normalization rescales what comes in, so that the weights' scale matters less."],
    rubric: ["f′ in the product", "initializer by activation", "what normalization changes"],
    async measure(engine) {
      const plain = await travel(engine, "sigmoid", "xavier", 20);
      const normed = await travel(engine, "sigmoid", "xavier", 20, {batch_norm: true});
      return [`20 layers of sigmoid with Xavier keep ${number(plain.gradient_ratio, 2)} of the gradient, with batch normalization ${number(normed.gradient_ratio, 2)}.`];
    }
  }
];

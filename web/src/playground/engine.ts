// The engine behind the playground: evengrad's C++ as WebAssembly in a worker, one promise a question.
//
// Options carry the names of the command line's (`batch_size` is --batch-size) and take its values, as numbers or as
// the text that one would type; what is left out has its default. All of them are checked by the engine.

import {startWorker} from "./start_worker";

export type Num = number | null;
export type Value = string | number | boolean;

/** What the engine refuses or cannot do; `at` is the place in a formula, from 0 in UTF-16 units. */
export class EngineError extends Error {
  constructor(message: string, readonly at?: number) {
    super(withoutLongList(message));
  }
}

/** The page's lists show every name; a message has a few of them, and none beside the one that is likely meant. */
function withoutLongList(message: string): string {
  const few = 8;
  return message.replace(/ \(known: ([^()]*)\)/, (all, list: string) => {
    const names = list.split(", ");
    if (names.length <= few) return all;
    return message.includes("did you mean") ? "" : ` (known: ${names.slice(0, few).join(", ")} and ${names.length - few} more)`;
  });
}

export interface ActivationInfo {
  name: string;
  aliases: string[];
  formula: string;
  derivative: string;
  range: string;
  year: Num;
  source: string;
  uses: string;
  notes: string;
  learned: boolean;
  parameters: {name: string; value: number; lowest: number; highest: number}[];
}

export interface Lists {
  activations: ActivationInfo[];
  initializers: {name: string; aliases: string[]; formula: string; source: string}[];
  optimizers: {name: string; formula: string; learning_rate: number; source: string}[];
  schedules: {name: string; formula: string}[];
  losses: {name: string; formula: string; task: string}[];
  /** Those that can be drawn here; features 2 and classes make a picture. */
  datasets: {name: string; description: string; samples: number; noise: number; features: number; classes: Num}[];
  rules: {name: string; sees: string; threshold: number; source: string; try: string}[];
  version: string;
  commit: string;
}

export interface Extremum {
  at: number;
  value: number;
}

/** The document of `evengrad theory --json`. */
export interface Theory {
  activation: string;
  formula: string;
  moments: {mean: Num; second: Num; variance: Num; derivative_second: Num};
  gains: {second_moment: Num; fixed_point: Num; unit_variance: Num; backward: Num; pytorch: Num};
  extrema: Record<"value_min"|"value_max"|"derivative_min"|"derivative_max", Extremum|null>;
  critical: {sigma_w2: number; sigma_b2: number; q_star: Num; class: string}|null;
  normalized: {a: number; b: number; chi_par: number}|null;
  recommended: {init: string; reason: string};
}

export interface Curve {
  x: Float64Array;
  value: Float64Array;
  slope: Float64Array;
  kinks: number[];
}

/** Shares of z ~ N(mean, std^2): below 0, where f is exactly 0, where |f'| < 1e-3 max|f'|. */
export interface Shares {
  negative: number;
  zero: number;
  /** Null where |f'| has no maximum. */
  saturated: Num;
  /** max|f'|; 0 where there is none. */
  steepest: number;
}

/** The options of `evengrad propagate`. */
export type PropagateOptions = {
  activation: string; init: string
}&Partial<Record<"width"|"depth"|"inputs"|"nets"|"input_variance"|"bias_std"|"batch_norm"|"residual"|
                 "orthogonal_inputs"|"dtype"|"seed", Value>>;

/** Counts of one histogram a layer, (layers, bins): `counts[layer * bins + bin]`. */
export interface Histograms {
  bins: number;
  lowest: number;
  highest: number;
  counts: Float32Array;
}

/** One layer of `evengrad propagate --json`: each measurement with its 95 % interval, each value of theory with its
 * band where one is known, as q, q_low, q_high, q_theory, q_theory_low, q_theory_high. */
export type PropagatedLayer = {
  layer: number
}&Record<string, Num>;

/** The document of `evengrad propagate --json`, and what a picture needs besides. */
export interface Propagation {
  activation: string;
  init: string;
  width: number;
  depth: number;
  nets: number;
  inputs: number;
  seed: number;
  layers: PropagatedLayer[];
  gradient_ratio: Num;
  gradient_ratio_low: Num;
  gradient_ratio_high: Num;
  gradient_ratio_theory: Num;
  conclusion: string;
  command: string;
  /** z in units of its layer's rms; the outer bins hold what lies beyond. Counts of all nets together. */
  pre_activations: Histograms;
  /** log10 |g|; zeros are in no bin. */
  gradients: Histograms;
}

/** From, to, and how many values, both ends included. */
export type Axis = [from: number, to: number, count: number];

/** What theory expects of a plain net by its depth. */
export interface Fate {
  init: string;
  /** Of a middle layer: fan_in Var W, Var b and the mean of b; null where weights are not drawn so. */
  sigma_w2: Num;
  sigma_b2: Num;
  bias_mean: Num;
  /** Of nets of depth 1, 2, …: log10 of the gradient at layer 1 over that at the last; null where it is refused. */
  gradient_log10: Num[]|null;
  refused: string|null;
}

/** Over a grid, sigma_b by rows and sigma_w within them: `chi1[row * sigma_w[2] + column]`, where deep layers end up;
 * there q is 0 or Infinity if the variance falls or grows without end. */
export interface Phases {
  chi1: Float32Array;
  chi_par: Float32Array;
  q: Float32Array;
  critical: Theory["critical"];
}

/** The options of `evengrad train`; csv is the text of a file in place of a data set's name. `activation` is one for
 * all layers or a list with commas, `hidden` "8,8" or "none". */
export type TrainOptions = {
  data: string;
  csv?: string;
  /** What the columns after x1 and x2 are made of, so that a plane can be drawn: "x1^2", "x1*x2", … */
  plane?: string[]
}&Partial<Record<"hidden"|"activation"|"init"|"optimizer"|"lr"|"momentum"|"beta1"|"beta2"|"alpha"|"eps"|
                 "weight_decay"|"no_decay_biases"|"schedule"|"warmup_steps"|"batch_size"|"epochs"|"steps"|"loss"|
                 "label_smoothing"|"dropout"|"norm"|"residual"|"clip_norm"|"clip_value"|"samples"|"noise"|
                 "test_fraction"|"target"|"task"|"normalize"|"no_shuffle"|"seed", Value>>;

/** Samples as the net sees them: inputs (size, features) by rows; labels are classes, or (size, outputs) targets. */
export interface Samples {
  size: number;
  inputs: Float32Array;
  labels: Int32Array|null;
  targets: Float32Array|null;
}

export interface Session {
  session: number;
  layers: {name: string; layer: string; inputs: number; outputs: number; activation: string|null}[];
  parameters: number;
  /** 2 classes with bce have 1. */
  outputs: number;
  features: string[];
  classes: Num;
  class_names: string[];
  warnings: string[];
  notes: string[];
  /** The `auto` initializer's choice and why; else null. */
  auto_init: {init: string; reason: string}|null;
  /** What leads here, but for `--steps K` where the session is open-ended; csv appears under its name in `data`. */
  command: string;
  train: Samples;
  test: Samples;
  /** What was taken from the features and divided out: shown = inputs * scale + mean. */
  normalization: {mean: number[]; scale: number[]};
  steps_per_epoch: number;
  /** null: it goes on as long as it is asked, which needs a constant schedule. */
  total_steps: Num;
  learning_rate: number;
}

export interface Metrics {
  loss: Num;
  accuracy: Num;
}

export interface Steps {
  step: number;
  epoch: number;
  /** The mean loss over each step's batch, before its update. */
  losses: Float32Array;
  /** In evaluation mode, if asked for. */
  train: Metrics|null;
  test: Metrics|null;
  /** The run has its total_steps. */
  finished: boolean;
  /** What ended the run, with layer and op; the session can then only be restarted. */
  broke: string|null;
}

/** One layer at the last step of the newest step(): the numbers of `train --probe-log` by name. */
export type LayerRow = {
  step: number; layer: number; name: string; hidden: number; update_ratio: Num; silent: Num; saturated: Num;
  dormant: Num;
  no_gradient: Num;
  births: Num;
  revivals: Num;
}&Record<string, Num|string|number[]>;

/** Layers and units count from 0, the output layer is the last. `revive` gives a unit the weights it began with, `kill`
 * none and a bias of -10. */
export type Edit = {layer: number; to: number}&({from?: number; value: number}|{kill: true}|{revive: true});

export interface Finding {
  rule: string;
  severity: string;
  where: string;
  since_step: number;
  message: string;
  try: string;
}

export interface LookOptions {
  /** Points a side of the grid of the pictures; 0: none. Needs two features. */
  grid?: number;
  /** The area of the grid, in the units of `Samples`; without, a little wider than the training data. */
  area?: {x: [number, number]; y: [number, number]};
  units?: boolean;
  weights?: boolean;
}

export interface Look {
  area: {x: [number, number]; y: [number, number]}|null;
  /** (y, x, outputs) from the lowest y: probabilities of the classes (of class 1 where there is one output), or the
   * regression's outputs. */
  boundary: Float32Array|null;
  /** A hidden layer each, (unit, y, x): the unit's activation. */
  units: Float32Array[]|null;
  /** A linear layer each, weights (outputs, inputs) and biases. */
  weights: {weight: Float32Array; bias: Float32Array}[]|null;
  /** A hidden layer each, one flag a unit: 1 silent, 2 saturated, on the probe's inputs. */
  dead: Uint8Array[];
  rows: LayerRow[];
  findings: Finding[];
}

/** The options of a map: those of `evengrad train` under its names, of nets with `depth` layers of one `width`, and
 * `map`, two axes as `evengrad compare --map` takes them. */
export type MapOptions = {
  map: string; data: string; csv?: string
}&Partial<Record<"activation"|"init"|"depth"|"width"|"lr"|"samples"|"noise"|"test_fraction"|"target"|"task"|"optimizer"|
                 "weight_decay"|"schedule"|"epochs"|"steps"|"batch_size"|"dtype"|"seed", Value>>;

/** Pixels to train together, each standing for a square of `edge` pixels from it on until finer ones are there. */
export interface MapBatch {
  edge: number;
  pixels: Int32Array;
}

/** A map before it is trained. Pixels are numbered row by row, from the lowest value of both axes. */
export interface MapPlan {
  columns: number;
  rows: number;
  /** Of each training. */
  steps: number;
  /** The loss of the best answer that ignores the input. */
  constant_loss: number;
  /** Every pixel once, coarse to fine. */
  batches: MapBatch[];
  command: string;
}

/** A curve of theory over a map, in the units of its axes. */
export interface MapCurve {
  name: string;
  source: string;
  x: Num[];
  y: Num[];
}

/** One pixel's network: what is its own, its command, and what becomes of it when it is trained alone. */
export interface MapNetwork {
  init: string;
  depth: number;
  lr: Num;
  command: string;
  /** The same for open(), in float32. */
  train: TrainOptions;
  /** Of each step, before its update. */
  losses: Float64Array;
  /** Of the training data after the last step; null where it broke. */
  loss: Num;
  digest: string;
}

/** Answers questions in order, in a worker of its own. */
export class Engine {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, {resolve: (value: never) => void; reject: (error: Error) => void}>();
  private asked = 0;
  private ended = false;

  constructor() {
    this.worker = startWorker();
    this.worker.addEventListener("message", ({data}: MessageEvent<Answer>) => {
      const asker = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ("error" in data)
        asker?.reject(new EngineError(data.error.message, data.error.at));
      else
        asker?.resolve(data.result as never);
    });
    this.worker.addEventListener("error", event => this.fail(`the engine stopped: ${event.message}`));
  }

  list(): Promise<Lists> { return this.ask("list", {}); }
  theory(activation: string): Promise<Theory> { return this.ask("theory", {activation}); }
  curve(of: {activation: string; from: number; to: number; points: number}): Promise<Curve> {
    return this.ask("curve", of);
  }
  shares(of: {activation: string; mean?: number; std?: number}): Promise<Shares> { return this.ask("shares", of); }
  recommend(net: {activation: string; depth?: number; residual?: boolean; normalized?: boolean}):
      Promise<{init: string; reason: string}> {
    return this.ask("recommend", net);
  }
  /** What theory expects to go wrong. */
  warnings(net: PropagateOptions): Promise<string[]> { return this.ask("warnings", net); }
  propagate(net: PropagateOptions): Promise<Propagation> { return this.ask("propagate", net); }
  phase(of: {activation: string; sigma_w: Axis; sigma_b: Axis}): Promise<Phases> { return this.ask("phase", of); }
  fates(of: {activation: string; inits: string[]; depth: number; width: number}): Promise<Fate[]> {
    return this.ask("fates", of);
  }

  open(options: TrainOptions): Promise<Session> { return this.ask("open", options); }
  /** Trains on; `measure` asks for the metrics of all samples afterwards. */
  step(session: number, steps: number, measure = false): Promise<Steps> {
    return this.ask("step", {session, steps, measure});
  }
  look(session: number, options: LookOptions = {}): Promise<Look> { return this.ask("look", {session, ...options}); }
  /** Changes weights by hand: one, a bias where there is no `from`, or all that leads into a unit. */
  edit(session: number, change: Edit): Promise<null> { return this.ask("edit", {session, ...change}); }
  /** As `evengrad train --json` says it after as many steps: weights_digest. */
  digest(session: number): Promise<string> { return this.ask("digest", {session}); }
  /** The model as a safetensors file. */
  weights(session: number): Promise<Uint8Array> { return this.ask("weights", {session}); }
  /** All samples as a CSV file, in the units of the data. */
  csv(session: number): Promise<string> { return this.ask("csv", {session}); }
  /** From step 0: with the weights it began with, or those that another seed draws. */
  restart(session: number, options: {seed?: Value} = {}): Promise<Session> {
    return this.ask("restart", {session, ...options});
  }
  close(session: number): Promise<null> { return this.ask("close", {session}); }

  /** Asks for the same options again are quick. */
  mapPlan(options: MapOptions): Promise<MapPlan> { return this.ask("map_plan", options); }
  mapTheory(options: MapOptions): Promise<MapCurve[]> { return this.ask("map_theory", options); }
  /** Trains these pixels' networks side by side: loss (NaN where it broke), and the steps at which each learned and
   * diverged (0: it did not), three numbers a pixel. */
  map(options: MapOptions, pixels: Int32Array): Promise<Float64Array> { return this.ask("map", {...options, pixels}); }
  /** Trains it. */
  mapPixel(options: MapOptions, pixel: number): Promise<MapNetwork> {
    return this.ask("map_pixel", {...options, pixel});
  }

  /** Ends the worker at once; what is still asked fails. */
  end(): void {
    this.worker.terminate();
    this.fail("the engine was ended");
    this.ended = true;
  }

  private ask<T>(method: string, options: object): Promise<T> {
    if (this.ended) return Promise.reject(new EngineError("the engine was ended"));
    const id = ++this.asked;
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, {resolve, reject});
      this.worker.postMessage({id, method, options} satisfies Question);
    });
  }

  private fail(message: string): void {
    for (const {reject} of this.waiting.values()) reject(new EngineError(message));
    this.waiting.clear();
  }
}

export interface Question {
  id: number;
  method: string;
  options: object;
}
export type Answer = {
  id: number; result: unknown
}|{id: number; error: { message: string; at?: number }};

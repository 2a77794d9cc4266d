// The maps that one may begin with, as states of the tab.
import type {State} from "./tab";

export const defaults: State = {
  x: "sigma_w=0.5:3:64",
  y: "sigma_b=0:0.8:48",
  activation: "tanh",
  init: "gaussian(sigma_w=1.5, sigma_b=0)",
  depth: "16",
  width: "16",
  data: "circles",
  samples: "100",
  optimizer: "sgd",
  lr: "0.03",
  batch_size: "10",
  steps: "300",
  dtype: "float32",
  seed: "1",
  pixel: ""
};

export interface Preset {
  name: string;
  says: string;
  state: Record<string, string>;
  /** Views worth zooming to, each inside the one before. */
  zooms?: {x: string; y: string}[];
}

export const presets: Preset[] = [
  {
    name: "Edge of chaos",
    says: "16 layers of tanh learn in a band along the line on which gradients keep their size, a little on its chaotic " +
        "side. Left of it the signal dies out, far right of it training is a matter of luck.",
    state: {}
  },
  {
    name: "How deep?",
    says: "The deepest nets learn from σw just below 1 to about 2. The dashed line is six times as far as theory says a " +
        "signal travels: it follows the border on the left; beyond it on the right, learning becomes a matter of luck.",
    state: {
      x: "sigma_w=0.5:3:64",
      y: "depth=1:48:48",
      init: "gaussian(sigma_w=1.5, sigma_b=0.05)",
      width: "12",
      data: "blobs",
      optimizer: "momentum",
      lr: "0.003",
      batch_size: "20",
      steps: "200"
    }
  },
  {
    name: "ReLU dies",
    says: "3 layers of ReLU learn up to a rate of 0.15 to 0.4, more with larger weights. Beyond it most neither learn nor " +
        "diverge: large steps have left units silent, and no gradient wakes them. Choose GELU to see the border move.",
    state: {
      x: "lr=0.001:10:64:log",
      y: "sigma_w=0.4:3:48",
      activation: "relu",
      optimizer: "adam",
      depth: "3",
      width: "10",
      lr: "0.1",
      batch_size: "20"
    }
  },
  {
    name: "Fractal edge",
    says: "Descent on all samples at once, one hidden layer. From afar the border between learning and divergence is a " +
        "smooth line; zoom in, and it has fingers, islands, and smaller ones on these. The dashed line is drawn through " +
        "24 exact points and bends where another direction of the loss becomes the steepest.",
    state: {
      x: "lr=0.05:2:96:log",
      y: "sigma_w=0.1:6:72",
      activation: "tanh",
      depth: "1",
      data: "teacher",
      samples: "20",
      batch_size: "1000",
      steps: "400",
      dtype: "float64"
    },
    zooms: [
      {x: "lr=0.2:0.4:96:log", y: "sigma_w=1.5:3:72"}, {x: "lr=0.28:0.32:96:log", y: "sigma_w=2:2.3:72"},
      {x: "lr=0.308:0.312:96:log", y: "sigma_w=2.14:2.2:72"}
    ]
  }
];

/** The arguments of gaussian(sigma_w=…, sigma_b=…); another initializer has none. */
export function sigmas(init: string): {sigma_w: number; sigma_b: number} {
  const of = (name: string, usual: number) => Number(new RegExp(`${name}=([-+.\\deE]+)`).exec(init)?.[1] ?? usual);
  return {sigma_w: of("sigma_w", 1), sigma_b: of("sigma_b", 0)};
}
export const gaussian = (s: {sigma_w: number; sigma_b: number}) => `gaussian(sigma_w=${s.sigma_w}, sigma_b=${s.sigma_b})`;

/** The preset that a state is of, wherever it has zoomed to. */
export const presetOf = (state: State) => presets.find(p => Object.entries({...defaults, ...p.state})
    .every(([key, value]) => ["x", "y", "pixel"].includes(key) || state[key] === value));

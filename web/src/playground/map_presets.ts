// The maps that one may begin with, as states of the tab.
import type {State} from "./tab";

export const defaults: State = {
  x: "sigma_w=0.5:3:64",
  y: "sigma_b=0:0.8:48",
  activation: "tanh",
  init: "gaussian(sigma_w=1.5, sigma_b=0)",
  depth: "20",
  width: "10",
  data: "circles",
  samples: "100",
  optimizer: "sgd",
  lr: "0.1",
  batch_size: "20",
  steps: "200",
  dtype: "float32",
  seed: "1",
  pixel: ""
};

export interface Preset {
  name: string;
  says: string;
  state: Record<string, string>;
}

export const presets: Preset[] = [
  {name: "Edge of chaos", says: "20 layers of tanh learn near the line on which gradients keep their size.", state: {}},
  {
    name: "How deep?",
    says: "Away from the critical σw only shallow nets learn: theory's 6 ξ is how far a signal travels.",
    state: {x: "sigma_w=0.5:3:64", y: "depth=1:48:48", init: "gaussian(sigma_w=1.5, sigma_b=0.05)"}
  },
  {
    name: "ReLU dies",
    says: "Too large a rate kills ReLUs: nets that were learning stop for good, without diverging.",
    state: {
      x: "lr=0.001:10:64:log",
      y: "sigma_w=0.4:3:48",
      activation: "relu",
      optimizer: "adam",
      depth: "3",
      steps: "300"
    }
  },
  {
    name: "Fractal edge",
    says: "Full-batch descent, one hidden layer: zoom into the border between learning and divergence.",
    state: {
      x: "lr=1:300:96:log",
      y: "sigma_w=0.1:6:72",
      activation: "tanh",
      depth: "1",
      width: "16",
      data: "teacher",
      samples: "20",
      batch_size: "1000",
      steps: "400",
      dtype: "float64"
    }
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

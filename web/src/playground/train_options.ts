// What a net that trains is asked to be: the address's text as the engine's options, checked as far as the page itself
// could come to harm; the engine checks the rest.
import {split} from "./activation_text";
import type {Engine, Session, TrainOptions, Value} from "./engine";
import {number, plural} from "../format";
import {decodePoints, pointsCsv} from "./drawn_data";
import type {State} from "./tab";

/** Of the data and the chance, which two nets side by side have in common. */
const shared = {
  data: "spirals",
  samples: "",
  noise: "",
  "test-fraction": "",
  points: "",
  csv: "",
  features: "",
  seed: "1"
};

/** Of one net; the second one's begin with "b." and are empty where it does as the first. */
export const ownDefaults = {
  hidden: "8,8,8",
  activation: "gelu",
  init: "auto",
  optimizer: "adam",
  lr: "0.01",
  "batch-size": "32",
  "weight-decay": "0",
  dropout: "0",
  norm: "none",
  residual: "",
  "warmup-steps": "0",
  "clip-norm": "",
  "label-smoothing": "0"
};
/** What the engine does where nothing is said, so that commands stay short. */
const unasked: Record<string, string> = {
  "weight-decay": "0",
  dropout: "0",
  norm: "none",
  "warmup-steps": "0",
  "label-smoothing": "0"
};
export type OwnKey = keyof typeof ownDefaults;
export const ownKeys = Object.keys(ownDefaults) as OwnKey[];

export type Side = "a"|"b";
export const keyOf = (side: Side, key: OwnKey) => side === "a" ? key : `b.${key}`;

export const defaults: State = {
  ...shared,
  ...ownDefaults,
  ...Object.fromEntries(ownKeys.map(key => [`b.${key}`, ""])),
  compare: "",
  speed: "4",
  steps: "0"
};

/** The names of data that are no generator's. */
export const drawn = "drawn", pasted = "pasted";

export const most = {
  layers: 24,
  units: 32,
  samples: 5000,
  csv: 20_000,
  steps: 200_000
};

export function own(state: State, side: Side, key: OwnKey): string {
  return (side === "b" && state[`b.${key}`]) || state[key]!;
}

/** What changes the data or a net, so that its training begins anew. */
export function signature(state: State, side: Side): string {
  return JSON.stringify([...Object.keys(shared).map(key => state[key]), ...ownKeys.map(key => own(state, side, key))]);
}

/** Changes that make every setting of one net the given one's, or the default. */
export function reset(side: Side): Record<string, string> {
  return Object.fromEntries(ownKeys.map(key => [keyOf(side, key), side === "a" ? ownDefaults[key] : ""]));
}

export function hiddenOf(text: string): number[] {
  if (text === "none" || text === "") return [];
  const widths = text.split(",").map(Number);
  const usable = (w: number) => Number.isInteger(w) && w >= 1 && w <= most.units;
  if (!/^\d+(,\d+)*$/.test(text) || !widths.every(usable) || widths.length > most.layers) {
    throw new Error(`hidden is “${text.slice(0, 40)}”, expected up to ${most.layers} widths from 1 to ${
        most.units} with commas, as 8,8, or none; the command line trains wider nets`);
  }
  return widths;
}

/** One a layer, of a list or of one for all. */
export function activationsOf(text: string, layers: number): string[] {
  const names = split(text);
  return names.length === 1 ? Array<string>(layers).fill(names[0]!) : names;
}

/** One name where all layers have the same. */
export function joined(activations: readonly string[]): string {
  return new Set(activations).size === 1 ? activations[0]! : activations.join(",");
}

/** \throws Error with what is wrong, for a reader. */
export function trainOptions(state: State, side: Side): TrainOptions {
  const options: Record<string, Value> = {};
  for (const key of ["test-fraction", "seed"])
    if (state[key]) options[key.replace("-", "_")] = state[key]!;
  for (const key of ownKeys) {
    const value = own(state, side, key);
    // adamw decays without being asked to, so that none has to be said.
    const said = value !== "" &&
        (value !== unasked[key] || (key === "weight-decay" && own(state, side, "optimizer") === "adamw"));
    if (said) options[key.replaceAll("-", "_")] = value;
  }
  const hidden = hiddenOf(own(state, side, "hidden"));
  options["hidden"] = hidden.length ? hidden.join(",") : "none";
  if (hidden.length === 0) options["activation"] = split(own(state, side, "activation"))[0] ?? "";
  if (options["residual"]) options["residual"] = true;
  if (state["data"] === drawn) {
    const points = decodePoints(state["points"]!);
    if (points.length < 4) throw new Error("draw at least 4 points, of two classes or more");
    if (new Set(points.map(p => p.label)).size < 2) throw new Error("draw points of a second class too");
    return {...options, data: `${drawn}.csv`, csv: pointsCsv(points)};
  }
  if (state["data"] === pasted) {
    const csv = state["csv"]!;
    if (!csv.trim()) throw new Error("paste the rows of a CSV file");
    if (csv.length > most.csv)
      throw new Error(`the CSV has ${number(csv.length)} characters, at most ${
          number(most.csv)} fit into the address; the command line reads files of any size`);
    return {...options, data: `${pasted}.csv`, csv};
  }
  for (const key of ["samples", "noise"])
    if (state[key]) options[key] = state[key]!;
  if (Number(state["samples"]) > most.samples)
    throw new Error(
        `samples is ${state["samples"]!.slice(0, 20)}, at most ${most.samples} are shown; the command line draws more`);
  return {...options, data: state["data"]!};
}

/** Inputs that can stand beside x1 and x2 and are made of them. */
export interface PlaneFeature {
  key: string;
  of: (x1: number, x2: number) => number;
}
export const planeFeatures: readonly PlaneFeature[] = [
  {key: "x1^2", of: x1 => x1 * x1}, {key: "x2^2", of: (_, x2) => x2 * x2}, {key: "x1*x2", of: (x1, x2) => x1 * x2},
  {key: "sin(x1)", of: x1 => Math.sin(x1)}, {key: "sin(x2)", of: (_, x2) => Math.sin(x2)}
];

/** \throws Error for a feature that there is not. */
export function featuresOf(state: State): PlaneFeature[] {
  return [...new Set((state["features"] ?? "").split(",").filter(Boolean))].map(key => {
    const found = planeFeatures.find(feature => feature.key === key);
    if (found) return found;
    throw new Error(`there is no input feature “${key.slice(0, 20)}”: choose among ${planeFeatures.map(f => f.key).join(", ")}`);
  });
}

/** The rows of a CSV file, x1 and x2 first, with further columns after these two. */
function widened(csv: string, features: readonly PlaneFeature[]): string {
  const [header = "", ...rows] = csv.trim().split(/\r?\n/);
  const wider = (line: string, more: (x1: number, x2: number) => (string|number)[]) => {
    const [x1, x2, ...rest] = line.split(",");
    return [x1, x2, ...more(Number(x1), Number(x2)), ...rest].join(",");
  };
  return [wider(header, () => features.map(f => f.key)), ...rows.map(row => wider(row, (x1, x2) => features.map(f => f.of(x1, x2))))]
             .join("\r\n") + "\r\n";
}

/** A session, and the text of the CSV file that it was made of, where it was. */
export interface Plane {
  session: Session;
  csv: string|undefined;
}

/** A session of data with two inputs, and features made of them. \throws Error where the engine refuses them or there
 * are more or fewer inputs. */
export async function openPlane(engine: Engine, options: TrainOptions, features: readonly PlaneFeature[] = []): Promise<Plane> {
  const session = await engine.open(options);
  const inputs = session.features.length;
  if (inputs === 2 && !features.length) return {session, csv: options.csv};
  const csv = inputs === 2 ? widened(await engine.csv(session.session), features) : "";
  void engine.close(session.session);
  if (inputs !== 2)
    throw new Error(
        `the data have ${plural(inputs, "input")}, and a plane has two; the command line trains on any number`);
  const {samples, noise, ...rest} = options;
  return {csv, session: await engine.open({...rest, data: "features.csv", csv, plane: features.map(f => f.key)})};
}

export interface Remedy {
  text: string;
  changes: Partial<Record<OwnKey, string>>;
}

/** The options that a finding says to try, as changes of the state: those that this page has. */
export function remedies(advice: string): Remedy[] {
  return [...advice.matchAll(/--([a-z-]+)(?: ([\w.()=+-]+))?/g)].flatMap(([text, name, value]) => {
    if (!ownKeys.includes(name as OwnKey)) return [];
    const key = name as OwnKey;
    const needsValue = key !== "residual";
    if (needsValue && !value) return [];
    return [{text: needsValue ? text : `--${name}`, changes: {[key]: needsValue ? value! : "1"}}];
  });
}

// What the engine writes into the page (docs/report.schema.json). Numbers that are not finite arrive as null.

export type Num = number | null;
export type Verdict = "confirmed"|"conditional"|"refuted"|"undecided"|"not_tested";

export interface Measurement {
  value: Num;
  low: Num;
  high: Num;
}
export type Cell = string | Num|Measurement;

export interface Claim {
  id: string;
  statement: string;
  source: string;
  predicted: Num;
  measured: Num;
  low: Num;
  high: Num;
  tolerance: Num;
  rule: string;
  verdict: Verdict;
  condition: string | null;
  surprise: string | null;
  timing: boolean;
}

export interface Table {
  name: string;
  title: string;
  columns: string[];
  rows: Cell[][];
}

export interface Series {
  chart: string;
  name: string;
  x_label: string;
  y_label: string;
  log_y: boolean;
  x: number[];
  y: Num[];
  low: Num[];
  high: Num[];
  theory: Num[];
}

export interface HeatMapData {
  name: string;
  title: string;
  row_label: string;
  column_label: string;
  rows: string[];
  columns: string[];
  values: Num[][];
  log: boolean;
}

export interface Experiment {
  name: string;
  title: string;
  question: string;
  answer: string;
  notes: string[];
  claims: Claim[];
  tables: Table[];
  series: Series[];
  heat_maps: HeatMapData[];
  command?: string;
}

export interface Variant {
  value: Num;
  name: string;
  f: Num[];
  slope: Num[];
  moments: Record<string, Num>;
  gains: Record<string, Num>;
  critical: {sigma_w2: Num; sigma_b2: Num; q_star: Num; class: string}|null;
  recommended?: {init: string; reason: string};
  gradient_log10: Record<string, Num[] | null>;
}

export interface ActivationCard {
  name: string;
  formula: string;
  year?: number | null;
  source?: string;
  range?: string;
  uses?: string;
  notes?: string;
  parameter: {name: string; default: number}|null;
  variants: Variant[];
}

export interface Explorer {
  x: number[];
  depths: number[];
  initializers: string[];
  activations: ActivationCard[];
}

interface Common {
  schema_version: number;
  provenance: Record<string, string>;
  command?: string;
  explorer?: Explorer;
  seed?: number | string;
  seconds?: number;
}

export interface RunDocument extends Common {
  kind: "run";
  profile: string;
  experiments: Experiment[];
}

export interface ComparisonCell {
  activation: string;
  init: string;
  depth: number;
  width: number;
  lr: Num;
  seeds: number;
  metric: string;
  mean: Num;
  low: Num;
  high: Num;
  diverged: number;
  gradient_ratio: Num;
  gradient_ratio_theory: Num;
  silent_fraction: Num;
  trains_probability: Num;
  trained: number;
  refused: string | null;
}

export interface ComparedPairing {
  activation: string;
  init: string;
  mean: Num;
  low: Num;
  high: Num;
  best_is_better: Measurement;
  worse: boolean;
}

export interface CompareDocument extends Common {
  kind: "compare";
  data: string;
  cells: ComparisonCell[];
  pairings: ComparedPairing[];
  conclusion: string;
  report: Experiment;
  oracle: {
    brier: Record<string, Num>; rank_correlation: Num;
    calibration: {from: number; to: number; nets: number; forecast: Num; observed: Num}[];
    failures: string[]
  };
}

export interface Finding {
  rule: string;
  severity: string;
  where: string;
  since_step: number;
  message: string;
  try: string;
}

export type LayerRow = {
  step: number; layer: number; name: string; hidden: number
} & Record<string, unknown>;

export interface Boundary {
  x: number[];
  y: number[];
  values: Num[][];
  classes: number | null;
  points: {x: number[]; y: number[]; label: number[]};
  x_label?: string;
  y_label?: string;
}

export interface TrainDocument extends Common {
  kind: "train";
  data: string;
  model: string;
  activation: string;
  init: string;
  optimizer: string;
  options: Record<string, string>;
  class_names: string[];
  parameters: number;
  steps: number;
  epochs: number | null;
  final: {train_loss: Num; train_accuracy: Num; test_loss: Num; test_accuracy: Num} | null;
  findings: Finding[];
  log: {step: number[]; loss: Num[]; lr: Num[]};
  epoch_log: {
    epoch: number; step: Num; train_loss: Num; train_accuracy: Num; test_loss: Num; test_accuracy: Num;
  }[];
  probe: LayerRow[];
  boundary: Boundary | null;
}

interface MapSide {
  setting: string;
  log: boolean;
  values: number[];
}

/** One list a row of pixels, from the lowest value of both axes. */
export interface MapDocument extends Common {
  kind: "map";
  data: string;
  activation: string;
  init: string;
  depth: number;
  width: number;
  optimizer: string;
  lr: Num;
  steps: number | null;
  epochs: number | null;
  batch_size: number;
  constant_loss: number;
  bar: number;
  bound: number;
  x: MapSide;
  y: MapSide;
  train_loss: Num[][];
  learned: number[][];
  diverged: number[][];
  theory: {name: string; source: string; x: Num[]; y: Num[]}[];
  conclusion: string;
  fastest: {column: number; row: number; command: string}|null;
}

export type ReportDocument = RunDocument|CompareDocument|TrainDocument|MapDocument;

// The area of a map: which values its sides show, and what zooming and panning make of them.

/** A side as the command line takes it: "lr=0.001:10:64:log". */
export interface Side {
  setting: string;
  from: number;
  to: number;
  count: number;
  log: boolean;
}

export const settings: Record<string, {name: string; usual: Side; lowest: number; highest: number}> = {
  sigma_w: {
    name: "σw, scale of the weights",
    usual: {setting: "sigma_w", from: 0.5, to: 3, count: 64, log: false},
    lowest: 0,
    highest: 1000
  },
  sigma_b: {
    name: "σb, scale of the biases",
    usual: {setting: "sigma_b", from: 0, to: 1, count: 64, log: false},
    lowest: 0,
    highest: 1000
  },
  depth: {name: "depth", usual: {setting: "depth", from: 1, to: 48, count: 48, log: false}, lowest: 1, highest: 200},
  lr: {
    name: "learning rate",
    usual: {setting: "lr", from: 0.001, to: 10, count: 64, log: true},
    lowest: 1e-12,
    highest: 1e12
  }
};

export function parseSide(text: string): Side|null {
  const [, setting, from, to, count, scale] =
      /^(\w+)=([-+.\deE]+):([-+.\deE]+):(\d+)(?::(log|linear))?$/.exec(text) ?? [];
  const known = setting ? settings[setting] : undefined;
  if (!known || !Object.hasOwn(settings, setting!)) return null;
  const side: Side = {setting: setting!, from: Number(from), to: Number(to), count: Number(count), log: scale === "log"};
  const sound = side.from < side.to && side.from >= (side.log ? 1e-300 : known.lowest) && side.to <= known.highest &&
      side.count >= 2 && side.count <= 256 && (setting !== "depth" || side.count <= side.to - side.from + 1);
  return sound ? side : null;
}

export const sideText = (s: Side) => `${s.setting}=${s.from}:${s.to}:${s.count}${s.log ? ":log" : ""}`;

export interface View {
  x: Side;
  y: Side;
}

export const symbol = (s: Side) => ({sigma_w: "σw", sigma_b: "σb", depth: "depth", lr: "rate"})[s.setting]!;

/** Pixels across and up that one may choose; a side of depths has one a layer at most. */
export const details: [number, number][] = [[32, 24], [64, 48], [96, 72], [128, 96]];

export function detailOf({x, y}: View): [number, number] {
  const most = Math.max(x.setting === "depth" ? 0 : x.count, y.setting === "depth" ? 0 : (y.count * 4) / 3);
  return details.find(d => d[0] >= most - 1) ?? details.at(-1)!;
}

/** Where a value lies, 0 … 1 from the area's low end to its high one. */
export const along = (s: Side) => (s.log ? Math.log : (v: number) => v);
const back = (s: Side) => (s.log ? Math.exp : (v: number) => v);

/** The value of a pixel, as the engine has it. */
export function valueOf(s: Side, i: number): number {
  const [a, b] = [along(s)(s.from), along(s)(s.to)];
  const value = i === s.count - 1 ? s.to : i === 0 ? s.from : back(s)(a + ((b - a) * i) / (s.count - 1));
  return s.setting === "depth" ? Math.round(value) : value;
}

/** The ends of the area, half a pixel beyond the outer values, on the side's own scale. */
export function ends(s: Side): [number, number] {
  const [a, b] = [along(s)(s.from), along(s)(s.to)];
  const half = (b - a) / (s.count - 1) / 2;
  return [a - half, b + half];
}

/** The side that shows the part `low` … `high` (0 … 1) of this area, within what the setting allows. */
export function part(s: Side, low: number, high: number, count: number): Side {
  const {lowest, highest} = settings[s.setting]!;
  const [a, b] = ends(s);
  const [edgeLow, edgeHigh] = [a + low * (b - a), a + high * (b - a)];
  if (s.setting === "depth") {
    const from = Math.max(lowest, Math.round(edgeLow + 0.5));
    const to = Math.min(highest, Math.max(from + 1, Math.round(edgeHigh - 0.5)));
    return {...s, from, to, count: Math.min(count, to - from + 1)};
  }
  const half = (edgeHigh - edgeLow) / count / 2;
  const floor = s.log ? Math.log(Math.max(lowest, 1e-300)) : lowest;
  const ceiling = s.log ? Math.log(highest) : highest;
  const digits = (v: number) => Number(back(s)(v).toPrecision(12));
  const from = digits(Math.max(floor, edgeLow + half));
  const to = digits(Math.min(ceiling, edgeHigh - half));
  return from < to ? {...s, from, to, count} : s;
}

/** Pixels closer than a double can tell apart. */
export function tooNarrow(s: Side): boolean {
  const [a, b] = [along(s)(s.from), along(s)(s.to)];
  return s.setting !== "depth" && Math.abs(b - a) / s.count < 1e-12 * Math.max(1, Math.abs(a), Math.abs(b));
}

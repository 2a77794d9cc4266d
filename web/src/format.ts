// Numbers for people: few digits, a real minus, powers of ten instead of "e".
import type {Cell, Measurement, Num} from "./model";

const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";

export function power(exponent: number): string {
  const digits = [...String(Math.abs(exponent))].map(d => superscripts[Number(d)]).join("");
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}

/** 0.00012 -> "1.2 × 10⁻⁴"; null, which stands for what is not finite, -> "–". */
export function number(x: Num | undefined, digits = 3): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e6 || size < 1e-3) {
    const [mantissa, exponent] = size.toExponential(digits - 1).split("e") as [string, string];
    const lead = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
    return `${x < 0 ? "−" : ""}${lead === "1" ? "" : `${lead} × `}${power(Number(exponent))}`;
  }
  const whole = Math.round(size) === size && size < 1e6;
  const text =
      whole ? String(size) : String(Number(size.toPrecision(Math.max(digits, Math.floor(Math.log10(size)) + 1))));
  const grouped = size >= 10_000 ? text.replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f") : text;
  return (x < 0 ? "−" : "") + grouped;
}

/** Numbers in prose of the engine, "1.4e-31" or "3.3e+02", as they are written by hand. */
export function prose(text: string): string {
  return text.replace(/\d(?:\.\d+)?e[+-]\d+/g, shown => number(Number(shown), shown.match(/\d/g)!.length));
}

export function interval(low: Num | undefined, high: Num | undefined, digits = 3): string {
  const known = [low, high].every(v => v !== null && v !== undefined && Number.isFinite(v));
  return known ? ` [${number(low, digits)}, ${number(high, digits)}]` : "";
}

/** A number with its interval. */
export function measured(m: Measurement, digits = 3): string {
  return m.value === null ? "–" : number(m.value, digits) + interval(m.low, m.high, digits);
}

export function isMeasurement(cell: Cell): cell is Measurement { return typeof cell === "object" && cell !== null; }

/** By how much something changed: digits where they say something, else only the power of ten. */
export function factor(x: number): string {
  const log = Math.log10(x);
  return Math.abs(log) < 3 ? number(x, 2) : power(Math.round(log));
}

export function percent(x: Num | undefined, digits = 3): string {
  return x === null || x === undefined ? "–" : `${number(100 * x, digits)} %`;
}

/** A message of the engine as a sentence. */
export function sentence(text: string): string {
  return text && `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${number(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${number(minutes / 60)} h`;
}

export function plural(n: number, noun: string): string { return `${n} ${noun}${n === 1 ? "" : "s"}`; }

/** "a, b and c" */
export function listed(words: string[]): string {
  return words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** RFC 4180; a measurement is three fields. */
export function csv(columns: string[], rows: Cell[][]): string {
  const wide = columns.map((_, i) => rows.some(row => isMeasurement(row[i] ?? null)));
  const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll("\"", "\"\"")}"` : text);
  const field = (value: string | Num | undefined) => quoted(value === null || value === undefined ? "" : String(value));
  const header = columns.flatMap((name, i) => (wide[i] ? [name, `${name} low`, `${name} high`] : [name]));
  const lines = rows.map(row => columns.flatMap((_, i) => {
    const cell = row[i] ?? null;
    if (!wide[i]) return [field(cell as string | Num)];
    return isMeasurement(cell) ? [cell.value, cell.low, cell.high].map(field) : [field(cell), "", ""];
  }));
  return [header.map(quoted), ...lines].map(line => line.join(",")).join("\r\n") + "\r\n";
}

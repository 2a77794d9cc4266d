// Activations as the command line takes them: names, names with parameters, formulas, and lists of those.
import type {ActivationInfo} from "./engine";

/** Parts between commas that stand outside parentheses. */
export function split(list: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const letter of list) {
    if (letter === "(") depth++;
    if (letter === ")") depth--;
    if (letter === "," && depth <= 0)
      parts.push("");
    else
      parts[parts.length - 1] += letter;
  }
  return parts.map(part => part.trim()).filter(Boolean);
}

/** The built-in that a text names, alone or with parameters; undefined for a formula. */
export function builtIn(text: string, known: readonly ActivationInfo[]): ActivationInfo | undefined {
  const name = /^\s*([a-z_0-9]+)\s*(?:\([^x]*\)\s*)?$/.exec(text)?.[1];
  return known.find(info => info.name === name || info.aliases.includes(name ?? ""));
}

/** The values of its parameters in that text: named, or by their order. */
export function parameterValues(text: string, info: ActivationInfo): number[] {
  const values = info.parameters.map(p => p.value);
  const inner = /\((.*)\)/.exec(text)?.[1] ?? "";
  split(inner).forEach((part, i) => {
    const [left, right] = part.split("=").map(side => side.trim());
    const place = right === undefined ? i : info.parameters.findIndex(p => p.name === left);
    const value = Number(right ?? left);
    if (place in values && Number.isFinite(value)) values[place] = value;
  });
  return values;
}

/** The shortest text with these values: "elu", "elu(alpha=1.5)". */
export function withParameters(info: ActivationInfo, values: number[]): string {
  const changed = info.parameters.map((p, i) => ({name: p.name, value: values[i]!, usual: p.value}))
                      .filter(p => p.value !== p.usual)
                      .map(p => `${p.name}=${p.value}`);
  return changed.length ? `${info.name}(${changed.join(", ")})` : info.name;
}

/** A word of a shell command: in quotes where it needs them. */
export function shellWord(text: string): string {
  return /^[\w.,:=/+-]+$/.test(text) ? text : `"${text.replace(/[\\"$`!]/g, "\\$&")}"`;
}

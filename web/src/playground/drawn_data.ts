// Data drawn by hand: points of a square, each with a class; three bytes a point in the address, and as CSV.

export interface DrawnPoint {
  x: number;
  y: number;
  label: number;
}

/** The drawing goes from -extent to extent on both axes. */
export const extent = 6;
export const drawnClasses = 6;
export const mostPoints = 2000;

const levels = 1024; // 10 bits an axis, 4 bits the class
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const lettersPerPoint = 4;

const toLevel = (v: number) =>
    Math.max(0, Math.min(levels - 1, Math.round(((v + extent) / (2 * extent)) * (levels - 1))));
const fromLevel = (level: number) => Number(((level / (levels - 1)) * 2 * extent - extent).toFixed(3));

/** Where a point lies once it has been in an address, so that a drawing and its link are the same data. */
export function settled({x, y, label}: DrawnPoint): DrawnPoint {
  return {x: fromLevel(toLevel(x)), y: fromLevel(toLevel(y)), label};
}

export function encodePoints(points: readonly DrawnPoint[]): string {
  return points
      .map(({x, y, label}) => {
        const bits = (toLevel(x) * levels + toLevel(y)) * 16 + label;
        return [18, 12, 6, 0].map(shift => letters[(bits >> shift) & 63]).join("");
      })
      .join("");
}

/** \throws Error that says what is wrong with a text that is none of encodePoints(). */
export function decodePoints(text: string): DrawnPoint[] {
  if (text.length % lettersPerPoint !== 0) {
    throw new Error(
        `drawn points have ${lettersPerPoint} letters each, the address has ${text.length} letters: it was cut`);
  }
  const count = text.length / lettersPerPoint;
  if (count > mostPoints) throw new Error(`the address has ${count} drawn points, at most ${mostPoints} can be shown`);
  return Array.from({length: count}, (_, i) => {
    let bits = 0;
    for (const letter of text.slice(lettersPerPoint * i, lettersPerPoint * (i + 1))) {
      const value = letters.indexOf(letter);
      if (value < 0)
        throw new Error(`the drawn point ${i + 1} in the address has the letter “${letter}”, which is no part of one`);
      bits = bits * 64 + value;
    }
    const label = bits % 16;
    if (label >= drawnClasses)
      throw new Error(`the drawn point ${i + 1} has class ${label}, expected 0 to ${drawnClasses - 1}`);
    return {x: fromLevel(Math.floor(bits / (16 * levels))), y: fromLevel(Math.floor(bits / 16) % levels), label};
  });
}

/** Names instead of numbers, so that two classes 0 and 1 are never taken for a regression. */
export const className = (label: number) => "abcdef"[label]!;

export function pointsCsv(points: readonly DrawnPoint[]): string {
  return ["x1,x2,class", ...points.map(p => `${p.x},${p.y},${className(p.label)}`)].join("\n") + "\n";
}

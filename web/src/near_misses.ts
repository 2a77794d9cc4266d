// What the rules of training/health.hpp do not warn of yet: shares of units that are high, below the rule's half.
import {percent} from "./format";

interface Row {
  layer: number;
  hidden: number;
  [key: string]: unknown;
}

const rules = [{key: "silent", word: "silent"}, {key: "saturated", word: "saturated"}, {key: "dormant", word: "nearly inactive"}];
/** The rules speak above `limit`. */
const [limit, near] = [0.5, 0.3];

/** Of the newest look's rows, one a layer; the worst layer of each kind. */
export function nearMisses(rows: readonly Row[]): string[] {
  return rules.flatMap(({key, word}) => {
    const shares = rows.filter(row => row.hidden).map(row => ({layer: row.layer, share: typeof row[key] === "number" ? row[key] : 0}));
    const worst = shares.reduce((a, b) => (b.share > a.share ? b : a), {layer: 0, share: 0});
    // What is silent is flat and inactive too, and said already.
    const told = key !== "silent" && rows.some(row => row.layer === worst.layer && row["silent"] === worst.share);
    return worst.share > near && worst.share <= limit && !told
        ? [`${percent(worst.share, 2)} of layer ${worst.layer}’s units are ${word} (a rule warns above ${percent(limit)})`]
        : [];
  });
}

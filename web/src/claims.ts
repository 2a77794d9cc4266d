// Claims: what a source says, what theory predicts, what was measured, and the verdict.
import {h, svg, type Child} from "./dom";
import {interval, number, prose} from "./format";
import type {Claim, Experiment, Verdict} from "./model";

export const verdicts: {key: Verdict; name: string; symbol: string; means: string}[] = [
  {key: "confirmed", name: "confirmed", symbol: "✓", means: "holds as stated"},
  {key: "conditional", name: "conditional", symbol: "◐", means: "holds under a condition"},
  {key: "refuted", name: "refuted", symbol: "✗", means: "does not hold"},
  {key: "undecided", name: "undecided", symbol: "?", means: "the interval is too wide to tell"},
  {key: "not_tested", name: "not tested", symbol: "–", means: "cannot be tested here"}
];

export function count(claims: Claim[], verdict: Verdict): number {
  return claims.filter(claim => claim.verdict === verdict).length;
}

export function badge(verdict: Verdict): HTMLElement {
  const known = verdicts.find(v => v.key === verdict);
  return h("span", {class: `badge ${known?.key ?? "undecided"}`}, h("i", {"aria-hidden": "true"}, known?.symbol ?? "?"),
      known?.name ?? verdict);
}

/** Shares of the verdicts as one bar; what it says is in its label. */
export function verdictBar(claims: Claim[]): HTMLElement {
  const parts = verdicts.map(v => ({...v, n: count(claims, v.key)})).filter(v => v.n);
  return h("div.verdict-bar", {role: "img", "aria-label": parts.map(v => `${v.n} ${v.name}`).join(", ")},
      ...parts.map(
          v => h("span", {class: v.key, "--n": v.n, title: `${v.n} ${v.name}`}, h("i", v.symbol), String(v.n))));
}

/** A small picture of theory's prediction (diamond, with the tolerance as a band) beside measurement (dot with interval). */
export function intervalGlyph(claim: Claim): SVGElement | null {
  const {predicted, measured, low, high} = claim;
  const known = [predicted, measured, low, high].filter((v): v is number => v !== null && Number.isFinite(v));
  if (measured === null || known.length < 2) return null;
  const log = Math.min(...known) > 0 && Math.max(...known) > 50 * Math.min(...known);
  const scaled = (v: number) => (log ? Math.log(v) : v);
  const from = Math.min(...known.map(scaled));
  const to = Math.max(...known.map(scaled));
  // Numbers that agree shall look so: what is shown spans at least a few percent.
  const least = log ? 0.04 : 0.04 * Math.max(Math.abs(from), Math.abs(to)) || 1;
  const pad = Math.max((to - from) * 0.15, (least - (to - from)) / 2);
  const x = (v: number) => 4 + (152 * (scaled(v) - from + pad)) / (to - from + 2 * pad);
  const center = x(measured);
  const at = predicted === null ? 0 : x(predicted);
  return svg("svg", {class: "glyph", viewBox: "0 0 160 20", width: 160, height: 20, "aria-hidden": "true"},
      svg("line", {x1: 0, x2: 160, y1: 10, y2: 10, class: "rule"}),
      low !== null && high !== null ? svg("line", {x1: x(low), x2: x(high), y1: 10, y2: 10, class: "range"}) : null,
      svg("circle", {cx: center, cy: 10, r: 4, class: "measured"}),
      predicted === null ? null : svg("path", {d: `M${at} 3L${at + 5} 10L${at} 17L${at - 5} 10Z`, class: "predicted"}));
}

const symbols: Record<string, Verdict> = {
  holds: "confirmed",
  fails: "refuted",
  open: "undecided"
};

/** "holds for …", "fails for …": a line each, with the sign of its verdict. */
function part(text: string): HTMLElement {
  const verdict = symbols[text.split(" ", 1)[0]!];
  const known = verdicts.find(v => v.key === verdict);
  return h("li", {class: verdict}, known ? h("i", {"aria-hidden": "true"}, known.symbol) : null, prose(text));
}

const measuredText = (claim: Claim) =>
    (claim.measured === null ? "–" : number(claim.measured, 4) + interval(claim.low, claim.high));

/** All of a claim, for the section of its experiment. */
export function claimCard(claim: Claim): HTMLElement {
  const fact = (term: string, ...value: Child[]) => [h("dt", term), h("dd", value)];
  return h("article", {class: `claim ${claim.verdict}`, id: `claim-${claim.id}`},
      h("header", badge(claim.verdict), h("span.id", claim.id), claim.timing ? h("span.id", "timing") : null),
      h("blockquote", claim.statement),
      claim.surprise ? h("p.surprise", h("b", "Surprise: "), prose(claim.surprise)) : null,
      claim.measured === null
          ? null
          : h("div.numbers", h("span", "theory ", h("b", number(claim.predicted, 4))), intervalGlyph(claim),
                h("span", "measured ", h("b", number(claim.measured, 4)), interval(claim.low, claim.high))),
      claim.condition ? h("ul.condition", claim.condition.split(/; (?=holds|fails|open)/).map(part)) : null,
      h("details", h("summary", "Rule and source"),
          h("dl", fact("Rule", prose(claim.rule)), ...fact("Source", claim.source))));
}

interface Listed {
  claim: Claim;
  experiment: Experiment;
}

/** The table of all claims, surprises first, with filters by verdict, experiment and words. */
export function claimTable(experiments: Experiment[]): HTMLElement {
  const all: Listed[] = experiments.flatMap(experiment => experiment.claims.map(claim => ({claim, experiment})));
  const ordered = [...all.filter(l => l.claim.surprise), ...all.filter(l => !l.claim.surprise)];
  const on = new Set<Verdict>();
  const rows = ordered.map(l => ({...l, row: claimRow(l), words: words(l)}));
  const first = 10;
  let everything = false;
  const status = h("p.status", {role: "status"});
  const more = h("button.more", {type: "button"});
  more.addEventListener("click", () => {
    everything = !everything;
    filter();
  });
  const text = h("input", {type: "search", placeholder: "Search claims", "aria-label": "Search claims", input: filter});
  const choice = h("select", {"aria-label": "Experiment", change: filter}, h("option", {value: ""}, "All experiments"),
      ...experiments.map(e => h("option", {value: e.name}, e.title)));
  const surprises = h("input", {type: "checkbox", change: filter});
  const chips = verdicts.map(v => {
    const chip = h("button", {type: "button", class: `chip ${v.key}`, "aria-pressed": "false", title: v.means},
        h("i", {"aria-hidden": "true"}, v.symbol), h("b", count(all.map(l => l.claim), v.key)), v.name);
    chip.addEventListener("click", () => {
      if (!on.delete(v.key)) on.add(v.key);
      chip.setAttribute("aria-pressed", String(on.has(v.key)));
      filter();
    });
    return chip;
  });
  const body = h("tbody");

  function filter(): void {
    const wanted = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = rows.filter(r => (!on.size || on.has(r.claim.verdict)) &&
            (!choice.value || r.experiment.name === choice.value) && (!surprises.checked || r.claim.surprise) &&
            wanted.every(word => r.words.includes(word)));
    const narrowed = on.size > 0 || choice.value !== "" || surprises.checked || wanted.length > 0;
    const shown = narrowed || everything ? hits : hits.slice(0, first);
    body.replaceChildren(...shown.map(r => r.row));
    status.textContent = `${shown.length} of ${rows.length} claims`;
    more.hidden = narrowed || rows.length <= first;
    more.textContent = everything ? `Show the first ${first} only` : `Show all ${rows.length} claims`;
  }
  addEventListener("beforeprint", () => {
    everything = true;
    filter();
  });
  filter();
  return h("section.claims", {"aria-label": "Claims"},
      h("div.chips", {role: "group", "aria-label": "Verdicts"}, ...chips),
      h("div.filters", text, choice, h("label", surprises, " surprises only"), status),
      h("table.claim-table", h("caption.hidden", "Claims and their verdicts"),
          h("thead", h("tr", ["Verdict", "Claim", "Theory", "Measured"].map(name => h("th", {scope: "col"}, name)))),
          body),
      more);
}

function words({claim, experiment}: Listed): string {
  return [claim.id, claim.statement, claim.source, claim.surprise, claim.condition, experiment.title, claim.verdict]
      .join(" ")
      .toLowerCase();
}

function claimRow({claim, experiment}: Listed): HTMLElement {
  return h("tr", {class: claim.surprise ? "surprising" : null}, h("td", badge(claim.verdict)),
      h("td", h("p", claim.statement),
          claim.surprise ? h("p.surprise", h("b", "Surprise: "), prose(claim.surprise)) : null,
          h("p.where", h("a", {href: `#claim-${claim.id}`}, claim.id), ` · ${experiment.title}`)),
      h("td.number", {"data-label": "theory"}, number(claim.predicted, 4)),
      h("td.number", {"data-label": "measured"}, measuredText(claim)));
}

// Pick activations, move their parameters: f and f', gains, critical point, and the gradient that theory predicts by
// depth.
import {lineColors} from "./color";
import {broken} from "./curves";
import {h} from "./dom";
import {number} from "./format";
import {lineChart} from "./line_chart";
import {formula} from "./mathml";
import type {ActivationCard, Explorer, Variant} from "./model";

const gainNames: Record<string, string> = {
  second_moment: "1/sqrt(E[f^2])",
  backward: "1/sqrt(E[f'^2])",
  fixed_point: "E[f(sigma*z)^2] = 1",
  unit_variance: "1/sqrt(E[f^2] - E[f]^2)"
};
const gainTitles: Record<string, string> = {
  second_moment: "second moment",
  backward: "backward",
  fixed_point: "fixed point",
  unit_variance: "unit variance",
  pytorch: "PyTorch's table"
};

export function explorer(tables: Explorer): HTMLElement {
  const cards = tables.activations;
  const chosen = new Set(["relu", "gelu", "tanh"].filter(name => cards.some(card => card.name === name)));
  if (!chosen.size) cards.slice(0, 2).forEach(card => chosen.add(card.name));
  const variantOf = new Map<ActivationCard, number>();
  for (const card of cards) {
    const usual = card.variants.findIndex(v => v.value === (card.parameter?.default ?? null));
    variantOf.set(card, Math.max(0, usual));
  }
  const colors = new Map(lineColors(cards.map(card => card.name)).map((color, i) => [cards[i]!.name, color]));
  const current = (card: ActivationCard): Variant => card.variants[variantOf.get(card)!]!;
  const label = (card: ActivationCard) => current(card).name;
  const predicted = (card: ActivationCard) =>
      current(card).gradient_log10[initializer.value]?.map(v => (v === null ? null : 10 ** v));
  const sliders = h("div.sliders");
  const charts = h("div.charts");
  const details = h("div.cards");
  const initializer = h("select", {"aria-label": "Initializer", change: draw},
      ...tables.initializers.map(name => h("option", {value: name, selected: name === "he"}, name)));
  const chips = cards.map(card => {
    const chip = h("button", {
      type: "button",
      class: "chip curve",
      "aria-pressed": String(chosen.has(card.name)),
      "--swatch": colors.get(card.name)!
    },
        h("i", {"aria-hidden": "true"}), card.name);
    chip.addEventListener("click", () => {
      if (!chosen.delete(card.name)) chosen.add(card.name);
      chip.setAttribute("aria-pressed", String(chosen.has(card.name)));
      fillSliders();
      draw();
    });
    return chip;
  });

  const picked = () => cards.filter(card => chosen.has(card.name));

  function fillSliders(): void {
    sliders.replaceChildren(...picked().filter(card => card.parameter && card.variants.length > 1).map(card => {
      const shown = h("output", number(current(card).value));
      const name = `${card.name}: ${card.parameter!.name}`;
      const slider = h("input", {
        type: "range",
        min: 0,
        max: card.variants.length - 1,
        step: 1,
        value: variantOf.get(card)!,
        "aria-label": name
      });
      const say = () => slider.setAttribute("aria-valuetext", number(current(card).value));
      slider.addEventListener("input", () => {
        variantOf.set(card, Number(slider.value));
        shown.textContent = number(current(card).value);
        say();
        draw();
      });
      say();
      return h("label.slider", h("span", name), slider, shown);
    }));
  }

  function draw(): void {
    const list = picked();
    const init = initializer.value;
    const refused = list.filter(card => !predicted(card));
    charts.replaceChildren(lineChart({
      kicker: "Value and slope",
      title: list.length ? steepest(list) : "Choose an activation.",
      file: "explorer.curves",
      xLabel: "x",
      yLabel: "f(x), and f′(x) dashed",
      yDomain: [-1.5, 3],
      lines: list.flatMap(card => {
        const color = colors.get(card.name)!;
        const cut = current(card).f.map(y => (y !== null && y >= -1.5 && y <= 3 ? y : null));
        return [
          {name: label(card), x: tables.x, y: cut, color},
          {name: `${label(card)}′`, x: tables.x, y: broken(current(card).slope), color, dashed: true}
        ];
      })
    }),
        lineChart({
          kicker: `Predicted gradient by depth, ${init}`,
          title: gradientMessage(list),
          file: `explorer.gradient.${init}`,
          xLabel: "depth of the net, layers",
          yLabel: "gradient at layer 1 over that at the last",
          logY: true,
          mark: {y: 1, text: "unchanged"},
          note: refused.length ? `${init} cannot be drawn for ${refused.map(card => card.name).join(", ")}.`
                               : undefined,
          lines: list.flatMap(card => {
            const y = predicted(card);
            return y ? [{name: label(card), x: tables.depths, y, color: colors.get(card.name)!}] : [];
          })
        }));
    details.replaceChildren(...list.map(card => facts(card, current(card))));
  }

  function steepest(list: ActivationCard[]): string {
    const most = list.map(card => ({name: label(card), slope: Math.max(...current(card).slope.map(s => s ?? 0))}));
    const top = most.reduce((a, b) => (b.slope > a.slope ? b : a));
    return `Steepest: ${top.name}, with a slope of ${number(top.slope)}.`;
  }

  function gradientMessage(list: ActivationCard[]): string {
    const ends = list.map(card => ({name: label(card), value: predicted(card)?.at(-1) ?? NaN}))
                     .filter(end => Number.isFinite(end.value))
                     .sort((a, b) => a.value - b.value);
    const [least, most] = [ends[0], ends.at(-1)];
    if (!least || !most) return "Nothing to predict.";
    const at = `With ${initializer.value}, through ${tables.depths.at(-1)} layers`;
    if (least === most) return `${at}, ${number(least.value, 2)} of the gradient of ${least.name} arrives.`;
    const range = `from ${number(least.value, 2)} (${least.name}) to ${number(most.value, 2)} (${most.name})`;
    return `${at}, ${range} of the gradient arrives.`;
  }

  function facts(card: ActivationCard, variant: Variant): HTMLElement {
    const critical = variant.critical;
    const gains = Object.keys(gainTitles).map(name => h("tr", h("th", {scope: "row"}, gainTitles[name]!),
        h("td", gainNames[name] ? formula(gainNames[name]!) : null), h("td.number", number(variant.gains[name], 5))));
    const point = critical &&
        [`Critical point (${critical.class.replaceAll("_", " ")}): `, formula("sigma_w^2"),
          ` = ${number(critical.sigma_w2, 4)}, `, formula("sigma_b^2"), ` = ${number(critical.sigma_b2, 4)}`];
    return h("article.claim.activation", {"--swatch": colors.get(card.name)!},
        h("h3", h("i", {"aria-hidden": "true"}), label(card), h("small", ` ${card.year ?? ""}`)),
        h("p.formula", {tabindex: 0}, formula("f(x)"), " = ", formula(card.formula)),
        card.notes ? h("p", card.notes) : null,
        card.uses ? h("p", h("b", "Used in: "), card.uses) : null,
        h("table.gains", h("caption", "Gains, by what they keep"), h("tbody", gains)),
        h("p", point ?? "No critical point."),
        variant.recommended ? h("p", h("b", variant.recommended.init), `: ${variant.recommended.reason}`) : null,
        card.range ? h("p.where", `Range ${card.range}`) : null,
        card.source ? h("p.where", card.source) : null);
  }

  fillSliders();
  draw();
  return h("div.explorer", h("p.question", "Which activation keeps its gradient, with which initializer, how deep?"),
      h("div.chips", {role: "group", "aria-label": "Activations"}, ...chips),
      h("div.filters", h("label", "Initializer ", initializer), sliders), charts, details);
}

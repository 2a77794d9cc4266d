// One colour an activation, everywhere; told apart by colour-blind readers too. The values are in style.css.

/** Activations that have a colour of their own; the others take turns. */
const own = ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish"];
const kin: Record<string, string> = {
  prelu: "leaky_relu",
  logistic: "sigmoid",
  swish: "silu",
  swiglu: "silu",
  reglu: "relu",
  geglu: "gelu",
  relu6: "relu",
  celu: "elu",
  gelu_tanh: "gelu",
  quick_gelu: "gelu",
  hard_swish: "silu",
  hard_sigmoid: "sigmoid",
  log_sigmoid: "sigmoid",
  hard_tanh: "tanh",
  lecun_tanh: "tanh",
  softplus: "mish"
};
/** For lines that are no activation's, as far as the chart's activations leave them. */
const others = ["tanh", "relu", "gelu", "sigmoid", "leaky_relu", "silu", "mish", "selu", "elu"];

const css = (name: string) => `var(--c-${name})`;

/** Lines of one activation in one chart have shades of its colour. */
const shades = [
  (c: string) => c, (c: string) => `color-mix(in oklab, ${c} 66%, var(--paper))`,
  (c: string) => `color-mix(in oklab, ${c} 62%, var(--ink))`,
  (c: string) => `color-mix(in oklab, ${c} 50%, var(--paper))`,
  (c: string) => `color-mix(in oklab, ${c} 30%, var(--ink))`
];

/** Colours for the lines of one chart, by their names: "relu, he" has one of ReLU's. */
export function lineColors(names: string[]): string[] {
  const bases = names.map(activationOf);
  const free = others.filter(other => !bases.includes(other));
  let turn = 0;
  const uses = new Map<string, number>();
  return bases.map(known => {
    const base = known ?? (free.length ? free : others)[turn++ % (free.length || others.length)]!;
    const use = uses.get(base) ?? 0;
    uses.set(base, use + 1);
    return shades[use % shades.length]!(css(base));
  });
}

export function activationColor(name: string): string { return lineColors([name])[0]!; }

export function activationOf(name: string): string | undefined {
  const word = /^[a-z_0-9]+/.exec(name)?.[0];
  if (!word) return undefined;
  const base = kin[word] ?? word;
  return own.includes(base) ? base : undefined;
}

/** Shades for layers or epochs in order, from dark to light blue-green. */
export function orderedColors(count: number): string[] {
  const share = (i: number) => (count < 2 ? 50 : Math.round((100 * i) / (count - 1)));
  return Array.from({length: count}, (_, i) => `color-mix(in oklab, var(--deep) ${100 - share(i)}%, var(--shallow))`);
}

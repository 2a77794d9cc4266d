// Formulas in the engine's language ("where(x > 0, x, alpha*expm1(x))") as real mathematics, in MathML.
import {math} from "./dom";

const greek: Record<string, string> = {
  alpha: "α",
  beta: "β",
  gamma: "γ",
  chi: "χ",
  sigma: "σ",
  pi: "π",
  mu: "μ",
  phi: "φ",
  xi: "ξ",
  inf: "∞"
};
const upright: Record<string, string> = {
  atan: "arctan",
  log: "ln",
  sigmoid: "σ"
};
const relations: Record<string, string> = {
  "<=": "≤",
  ">=": "≥",
  "<": "<",
  ">": ">",
  "=": "=",
  "~": "∼",
  "!=": "≠"
};

/** What a part of a formula is, so that it gets parentheses only where it needs them. */
interface Term {
  node: Element;
  /** 0 relation, 1 sum, 2 product, 3 prefix, 4 power, 5 atom */
  rank: number;
}

const row = (...parts: (Element | string)[]) => math("mrow", parts);
const sign = (text: string) => math("mo", text);
const bracket = (text: string) => math("mo", {stretchy: "false"}, text);
const word = (name: string) =>
    math("mi", name.length > 1 && !greek[name] ? {mathvariant: "normal"} : {}, greek[name] ?? upright[name] ?? name);
const fenced = (...inner: Element[]) => row(sign("("), ...inner, sign(")"));
const within = (term: Term, least: number) => (term.rank < least ? fenced(term.node) : term.node);

class Parser {
  private readonly tokens: string[];
  private at = 0;

  constructor(text: string) {
    this.tokens =
        text.match(/\d+\.?\d*(?:e[+-]?\d+)?|\.\d+|[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)?'*|<=|>=|!=|\S/g) ?? [];
  }

  whole(): Term {
    const term = this.relation();
    if (this.at < this.tokens.length) throw new Error("formula");
    return term;
  }
  private take(...wanted: string[]): string | undefined {
    const token = this.tokens[this.at];
    if (token === undefined || !wanted.includes(token)) return undefined;
    this.at++;
    return token;
  }
  private expect(token: string): void {
    if (!this.take(token)) throw new Error("formula");
  }
  private relation(): Term {
    let left = this.sum();
    for (let op; (op = this.take(...Object.keys(relations)));) {
      left = {node: row(left.node, sign(relations[op]!), this.sum().node), rank: 0};
    }
    return left;
  }
  private sum(): Term {
    let left = this.product();
    for (let op; (op = this.take("+", "-"));) {
      left = {node: row(left.node, sign(op === "-" ? "−" : "+"), within(this.product(), 2)), rank: 1};
    }
    return left;
  }
  private product(): Term {
    let left = this.prefix();
    for (let op; (op = this.take("*", "/"));) {
      const right = this.prefix();
      if (op === "/")
        left = {node: math("mfrac", left.node, right.node), rank: 4};
      else {
        const digit = right.node.localName === "mn";
        left = {node: row(within(left, 2), sign(digit ? "·" : "\u2062"), within(right, 3)), rank: 2};
      }
    }
    return left;
  }
  private prefix(): Term {
    if (this.take("-")) return {node: row(sign("−"), within(this.prefix(), 2)), rank: 1};
    return this.power();
  }
  private power(): Term {
    const base = this.atom();
    if (!this.take("^")) return base;
    const exponent = this.prefix().node;
    if (base.node.localName === "msub") return {node: math("msubsup", [...base.node.children, exponent]), rank: 4};
    return {node: math("msup", within(base, 5), exponent), rank: 4};
  }
  private list(close: string): Term[] {
    const terms = [this.relation()];
    while (this.take(",")) terms.push(this.relation());
    this.expect(close);
    return terms;
  }
  private atom(): Term {
    const token = this.tokens[this.at++];
    if (token === undefined) throw new Error("formula");
    if (token === "(") {
      const inner = this.relation();
      this.expect(")");
      return {...inner, rank: Math.min(inner.rank, 5)};
    }
    if (/^[\d.]/.test(token)) {
      return {node: math("mn", token.length > 9 ? String(Number(Number(token).toPrecision(6))) : token), rank: 5};
    }
    if (!/^[A-Za-z]/.test(token)) throw new Error("formula");
    if (this.take("(")) return call(token, this.list(")"));
    if (this.take("[")) {
      const inner = this.list("]");
      return {
        node: row(math("mi", {mathvariant: "normal"}, token), bracket("["), ...inner.map(t => t.node), bracket("]")),
        rank: 5
      };
    }
    return {node: name(token), rank: 5};
  }
}

function name(token: string): Element {
  const primes = /'*$/.exec(token)![0].length;
  const [base, index] = token.slice(0, token.length - primes).split("_") as [string, string | undefined];
  const prime = primes ? math("mo", "′".repeat(primes)) : undefined;
  const below = index === undefined ? undefined : /^\d/.test(index) ? math("mn", index) : word(index);
  if (below && prime) return math("msubsup", word(base), below, prime);
  if (below) return math("msub", word(base), below);
  return prime ? math("msup", word(base), prime) : word(base);
}

function call(f: string, terms: Term[]): Term {
  const inner = terms.map(t => t.node);
  const first = inner[0]!;
  const atom = (node: Element): Term => ({node, rank: 5});
  if (f === "sqrt") return atom(math("msqrt", first));
  if (f === "abs") return atom(row(sign("|"), first, sign("|")));
  if (f === "exp") return {node: math("msup", math("mi", "e"), first), rank: 4};
  if (f === "expm1") return {node: row(math("msup", math("mi", "e"), first), sign("−"), math("mn", "1")), rank: 1};
  if (f === "log1p") return atom(row(word("log"), sign("\u2061"), fenced(math("mn", "1"), sign("+"), first)));
  if (f === "where" && inner.length === 3) return atom(cases(inner));
  const separated = inner.flatMap((node, i) => (i ? [sign(","), node] : [node]));
  return atom(row(name(f), sign("\u2061"), fenced(...separated)));
}

function cases([condition, yes, no]: Element[]): Element {
  const line = (value: Element, ...when: (Element | string)[]) =>
      math("mtr", math("mtd", value), math("mtd", math("mrow", when)));
  const table = math("mtable", {columnalign: "left left"}, line(yes!, math("mtext", "if "), condition!),
      line(no!, math("mtext", "else")));
  return row(sign("{"), table);
}

/** A formula as mathematics; as code where it is not in the language. */
export function formula(text: string, display = false): Element {
  try {
    return math("math", {display: display ? "block" : "inline", displaystyle: "true"}, new Parser(text).whole().node);
  } catch {
    const code = document.createElement("code");
    code.textContent = text;
    return code;
  }
}

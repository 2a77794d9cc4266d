// What a reader sets: choices, sliders, numbers, and the box that takes a formula and points at what is wrong in it.
import {h, type Attributes, type Child} from "../dom";
import {number} from "../format";

/** An element and how to show another value in it; setting one tells nobody. */
export interface Control<T> {
  element: HTMLElement;
  set(value: T): void;
}

export function button(label: Child, press: () => void, attributes: Attributes = {}): HTMLButtonElement {
  return h("button", {type: "button", click: press, ...attributes}, label);
}

/** A choice of one; options with groups are shown under their headings. */
export function select({label, options, value, change, text = name => name}: {
  label: string; options: (string |
                     {
                       group: string;
                       options: string[]
                     })[];
  value: string;
  change: (value: string) => void;
  /** What is written for a value. */
  text?: (value: string) => string;
}): Control<string> {
  const option = (name: string) => h("option", {value: name}, text(name));
  const box = h("select", {change: () => change(box.value)},
      options.map(o => (typeof o === "string" ? option(o) : h("optgroup", {label: o.group}, o.options.map(option)))));
  box.value = value;
  return {
    element: h("label.field", h("span", label), box),
    set(next) {
      // What is chosen elsewhere, by the address or a drag, is shown too.
      if (![...box.options].some(o => o.value === next)) box.append(option(next));
      if (box.value !== next) box.value = next;
    }
  };
}

export interface SliderOptions {
  label: string;
  lowest: number;
  highest: number;
  value: number;
  /** Of the value, or of its logarithm. */
  step?: number;
  /** Equal ways are equal factors. */
  log?: boolean;
  say?: (value: number) => string;
  change: (value: number) => void;
}

export function slider(
    {label, lowest, highest, value, step, log, say = number, change}: SliderOptions): Control<number> {
  const [to, from] = log ? [Math.log, Math.exp] : [Number, Number];
  const shown = h("output");
  const range = h("input", {
    type: "range",
    "aria-label": label,
    min: to(lowest),
    max: to(highest),
    step: step ?? (to(highest) - to(lowest)) / 300,
    input() {
      // The ends are exact, and so is the middle of 1 / c … c.
      const at = Number(range.value);
      const next = at <= to(lowest) ? lowest : at >= to(highest) ? highest : Number(from(at).toPrecision(4));
      show(next);
      change(next);
    }
  });
  function show(next: number): void {
    shown.textContent = say(next);
    range.setAttribute("aria-valuetext", say(next));
  }
  function set(next: number): void {
    // While it is dragged it is ahead of what comes back.
    if (document.activeElement !== range || Math.abs(from(Number(range.value)) - next) > 1e-3 * Math.abs(next)) {
      range.value = String(to(next));
    }
    show(next);
  }
  set(value);
  return {element: h("label.field.slider", h("span", label, shown), range), set};
}

export function toggle(
    {label, value, change}: {label: string; value: boolean; change: (value: boolean) => void}): Control<boolean> {
  const box = h("input", {type: "checkbox", change: () => change(box.checked)});
  box.checked = value;
  return {element: h("label.toggle", box, h("span", label)), set: next => void (box.checked = next)};
}

export interface NumberOptions {
  label: string;
  lowest: number;
  highest: number;
  whole?: boolean;
  value: number;
  change: (value: number) => void;
}

/** A number that is typed; what is none, or lies outside, is said and not taken. */
export function numberBox({label, lowest, highest, whole, value, change}: NumberOptions): Control<number> {
  const problem = h("span.problem", {id: fresh(), "aria-live": "polite"});
  const box = h("input", {type: "text", inputmode: "decimal", autocomplete: "off", "aria-describedby": problem.id});
  box.addEventListener("change", () => {
    const typed = Number(box.value);
    const usable =
        box.value.trim() !== "" && typed >= lowest && typed <= highest && (!whole || Number.isInteger(typed));
    refuse(usable ? "" : `${whole ? "A whole number" : "A number"} from ${number(lowest)} to ${number(highest)}`);
    if (usable) change(typed);
  });
  function refuse(text: string): void {
    problem.textContent = text;
    if (text)
      box.setAttribute("aria-invalid", "true");
    else
      box.removeAttribute("aria-invalid");
  }
  const set = (next: number) => {
    if (document.activeElement === box && !box.hasAttribute("aria-invalid")) return;
    box.value = String(next);
    refuse("");
  };
  box.value = String(value);
  return {element: h("label.field", h("span", label), box, problem), set};
}

export interface FormulaOptions {
  label: string;
  value: string;
  placeholder?: string;
  /** Resolves where the engine takes the text; rejects with a message and where it is wrong. */
  check: (text: string) => Promise<unknown>;
  /** A text that was taken. `done`: the reader left the box or pressed Enter. */
  change: (text: string, done: boolean) => void;
}

/** A line for a formula. It is checked while one types; under what is wrong stand a caret and why. */
export function formulaBox({label, value, placeholder, check, change}: FormulaOptions): Control<string> {
  const [place, reason] = [h("pre", {"aria-hidden": "true"}), h("span")];
  const problem = h("div.pointer", {id: fresh(), "aria-live": "polite", hidden: true}, place, reason);
  const box = h("input.formula", {
    type: "text",
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    maxlength: 1000,
    placeholder,
    "aria-describedby": problem.id,
    input: () => void look(false),
    change: () => void look(true),
    scroll: () => (place.style.translate = `${- box.scrollLeft}px`)
  });
  let asked = 0;
  async function look(done: boolean): Promise<void> {
    const mine = ++asked;
    const text = box.value.trim();
    if (!text) return say();
    try {
      await check(text);
      if (mine !== asked) return;
      say();
      change(text, done);
    } catch (error) {
      if (mine !== asked) return;
      const lead = box.value.length - box.value.trimStart().length;
      const at = (error as {at?: number}).at;
      say((error as Error).message, at === undefined ? undefined : at + lead);
    }
  }
  function say(message?: string, at?: number): void {
    problem.hidden = !message;
    if (message)
      box.setAttribute("aria-invalid", "true");
    else
      box.removeAttribute("aria-invalid");
    place.textContent = at === undefined ? "" : `${" ".repeat(at)}^`;
    place.style.translate = `${- box.scrollLeft}px`;
    const where = at === undefined ? "" : `Character ${at + 1}: `;
    reason.replaceChildren(h("span.hidden", where), message ?? "");
  }
  box.value = value;
  return {
    element: h("div.field", h("label", h("span", label), box), problem),
    set(next) {
      if (document.activeElement === box) return;
      box.value = next;
      say();
    }
  };
}

let names = 0;
const fresh = () => `control-${++names}`;

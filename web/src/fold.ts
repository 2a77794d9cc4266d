// Parts of a report that are folded away until they are wanted.
import {h, type Child} from "./dom";

/** What is read by those who want it: made when it is opened, printed or linked to. */
export function fold(name: string, there: boolean, fill: () => Child[]): HTMLElement|string {
  if (!there) return "";
  const body = h("div");
  const element = h("details.fold", h("summary", name), body);
  const open = () => body.childElementCount || body.append(...fill().flat().filter((part): part is Node => part instanceof Node));
  element.addEventListener("toggle", () => element.open && open());
  unfolding.set(element, open);
  return element;
}

const unfolding = new Map<HTMLElement, () => void>();
addEventListener("beforeprint", unfold);
/** Opens everything, or what holds an element of that id. */
export function unfold(id?: unknown): void {
  for (const [element, open] of unfolding) {
    open();
    // A section that is nothing but a fold opens with its link.
    const whole = typeof id === "string" && element.closest("section")?.id === id && element.parentElement!.childElementCount === 1;
    if (typeof id !== "string" || whole || element.querySelector(`[id="${CSS.escape(id)}"]`)) (element as HTMLDetailsElement).open = true;
  }
}

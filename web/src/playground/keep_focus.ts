// The keyboard's focus survives redrawing: what had it and was drawn anew gets it back, or its namesake does; where it is
// gone for good, what came after it does.

const focusable = "a[href], button, input, select, textarea, summary, [tabindex]";
const nameOf = (element: HTMLElement) => element.tagName +
    (element.getAttribute("aria-label") ?? (element as HTMLInputElement).labels?.[0]?.textContent ?? element.textContent);
const usable = (element: HTMLElement) =>
    element.isConnected && !element.matches(":disabled") && element.getClientRects().length > 0;

export function keepFocus(root: HTMLElement): void {
  let last: HTMLElement|undefined;
  let name = "";
  /** What could be reached when `last` was. */
  let order: HTMLElement[] = [];
  const all = () => [...root.querySelectorAll<HTMLElement>(focusable)];
  root.addEventListener("focusin", event => {
    last = event.target as HTMLElement;
    name = nameOf(last);
    order = all();
  });
  // Who points elsewhere has left it.
  root.addEventListener("pointerdown", () => (last = undefined), true);
  new MutationObserver(changes => {
    // What is put where it was leaves the document for a moment, which is enough.
    const lost = last &&
        (last.matches(":disabled, [hidden], [hidden] *") ||
            changes.some(({removedNodes}) => [...removedNodes].some(node => node.contains(last!))));
    if (!last || !lost || ![document.body, last].includes(document.activeElement as HTMLElement)) return;
    const place = order.indexOf(last);
    const namesakes = all().filter(other => nameOf(other) === name);
    const heirs = [last, ...namesakes, ...order.slice(place + 1), ...order.slice(0, place).reverse()];
    heirs.find(usable)?.focus({preventScroll: true});
  }).observe(root, {subtree: true, childList: true, attributeFilter: ["disabled", "hidden"]});
}

// Elements from plain data. Every string becomes text; nothing here reads markup.

export type Child = Node | string | number | null | undefined|false | Child[];
type Listener = (event: Event) => void;
export type Attributes = Record<string, string | number | boolean | null | undefined | Listener>;

function fill<E extends Element>(element: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function")
      element.addEventListener(name, value);
    else if (name.startsWith("--"))
      (element as unknown as HTMLElement).style.setProperty(name, String(value));
    else
      element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

function append(element: Element, children: Child[]): void {
  for (const child of children) {
    if (Array.isArray(child))
      append(element, child);
    else if (child instanceof Node)
      element.append(child);
    else if (child !== null && child !== undefined && child !== false)
      element.append(String(child));
  }
}

type Rest = [Attributes | Child, ...Child[]]|[];

function build<E extends Element>(element: E, classes: string[], [first, ...others]: Rest): E {
  const plain = typeof first === "object" && first !== null && !(first instanceof Node) && !Array.isArray(first);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  return fill(element, plain ? first : {}, plain ? others : [first as Child, ...others]);
}

/** h("p.note", { id: "x" }, "text"): a function is a listener, a name that begins with -- a property of its style. */
export function h<K extends keyof HTMLElementTagNameMap>(
    name: K|`${K}.${string}`, ...rest: Rest): HTMLElementTagNameMap[K] {
  const [tag, ...classes] = name.split(".") as [K, ...string[]];
  return build(document.createElement(tag), classes, rest);
}

export function svg(tag: string, ...rest: Rest): SVGElement {
  return build(document.createElementNS("http://www.w3.org/2000/svg", tag) as SVGElement, [], rest);
}

export function math(tag: string, ...rest: Rest): MathMLElement {
  return build(document.createElementNS("http://www.w3.org/1998/Math/MathML", tag) as MathMLElement, [], rest);
}

/** Gives a text or bytes to the reader as a file. */
export function download(name: string, type: string, content: BlobPart): void {
  const url = URL.createObjectURL(new Blob([content], {type}));
  const link = h("a", {href: url, download: name.replace(/[^\w.-]+/g, "-")});
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A command with a button that copies it. */
export function commandLine(command: string): HTMLElement {
  const code = h("code", command);
  const button = h("button.quiet", {type: "button", click: copy}, "Copy");
  async function copy(): Promise<void> {
    let copied = true;
    try {
      await navigator.clipboard.writeText(code.textContent!);
    } catch {
      getSelection()?.selectAllChildren(code);
      copied = document.execCommand("copy");
    }
    button.textContent = copied ? "Copied" : "Selected";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  }
  return h("div.command", h("span", {"aria-hidden": "true"}, "$"), code, button);
}

/** Calls `show` once: when the element comes near the screen, when there is time, or before printing. */
export function lazily(element: Element, show: () => void): void {
  waiting.set(element, show);
  observer.observe(element);
  if (waiting.size === 1) requestIdle(showNext);
}

const waiting = new Map<Element, () => void>();
const requestIdle: (task: () => void) => void =
    "requestIdleCallback" in window ? task => requestIdleCallback(task) : task => setTimeout(task, 50);
const observer = new IntersectionObserver(
    entries => entries.forEach(entry => entry.isIntersecting && showNow(entry.target)), {rootMargin: "800px"});

export function showNow(element: Element): void {
  const show = waiting.get(element);
  if (!show) return;
  waiting.delete(element);
  observer.unobserve(element);
  show();
}

function showNext(): void {
  const next = waiting.keys().next();
  if (next.done) return;
  showNow(next.value);
  if (waiting.size) requestIdle(showNext);
}

addEventListener("beforeprint", () => [...waiting.keys()].forEach(showNow));

// What can be dragged over a drawing, and moved with the arrow keys: a slider without a track.
import {h} from "../dom";

interface Direction {
  lowest: number;
  highest: number;
  /** Of one press of an arrow key; with Shift ten of them. */
  step: number;
}

export interface HandleOptions {
  label: string;
  class: string;
  x: Direction;
  /** Where it moves both ways. */
  y?: Direction;
  /** The values under a point of the drawing, in pixels from its corner. */
  at(px: number, py: number): {x: number; y: number};
  say(x: number, y: number): string;
  change(x: number, y: number): void;
}

export interface Handle {
  element: HTMLElement;
  /** Shows it at a point of the drawing, in pixels, as standing for these values. */
  place(px: number, py: number, x: number, y?: number): void;
  /** Lets a pointer that goes down anywhere on `surface` drag it. */
  follow(surface: Element, frame: Element): void;
  /** Values it may take, from now on. */
  limit(x: Direction, y?: Direction): void;
}

const clamp = (v: number, {lowest, highest}: Direction) => Math.max(lowest, Math.min(highest, v));
const rounded = (v: number, {step}: Direction) => Number((Math.round(v / step) * step).toPrecision(12));

export function handle(options: HandleOptions): Handle {
  let [x, y] = [0, 0];
  let [alongX, alongY] = [options.x, options.y];
  const element = h("div", {
    class: `handle ${options.class}`,
    role: "slider",
    tabindex: 0,
    "aria-label": options.label,
    "aria-roledescription": options.y ? "slider in two directions" : undefined,
    "aria-valuemin": options.x.lowest,
    "aria-valuemax": options.x.highest,
    "aria-valuenow": 0
  });

  function move(nextX: number, nextY: number): void {
    const [toX, toY] = [rounded(clamp(nextX, alongX), alongX), alongY ? rounded(clamp(nextY, alongY), alongY) : nextY];
    if (toX === x && toY === y) return;
    // The next key may come before place() does.
    [x, y] = [toX, toY];
    options.change(x, y);
  }
  element.addEventListener("keydown", event => {
    const way: Record<string, [number, number]> = {
      ArrowRight: [1, 0],
      ArrowLeft: [-1, 0],
      ArrowUp: alongY ? [0, 1] : [1, 0],
      ArrowDown: alongY ? [0, -1] : [-1, 0],
      PageUp: [10, 0],
      PageDown: [-10, 0],
      Home: [-Infinity, 0],
      End: [Infinity, 0]
    };
    const by = way[event.key];
    if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const times = event.shiftKey ? 10 : 1;
    move(x + times * by[0] * alongX.step, y + times * by[1] * (alongY?.step ?? 0));
  });
  function follow(surface: Element, frame: Element): void {
    const drag = (event: PointerEvent) => {
      const box = frame.getBoundingClientRect();
      const to = options.at(event.clientX - box.left, event.clientY - box.top);
      move(to.x, to.y);
    };
    surface.addEventListener("pointerdown", event => {
      const down = event as PointerEvent;
      if (down.button !== 0 || (down.target !== element && (down.target as Element).closest("[role=slider]"))) return;
      down.preventDefault();
      element.focus({preventScroll: true});
      surface.setPointerCapture(down.pointerId);
      drag(down);
    });
    surface.addEventListener("pointermove", event => {
      if (surface.hasPointerCapture((event as PointerEvent).pointerId)) drag(event as PointerEvent);
    });
  }
  return {
    element,
    follow,
    place(px, py, nextX, nextY = 0) {
      [x, y] = [nextX, nextY];
      element.style.transform = `translate(${px}px,${py}px)`;
      element.setAttribute("aria-valuenow", String(x));
      element.setAttribute("aria-valuetext", options.say(x, y));
    },
    limit(nextX, nextY) {
      [alongX, alongY] = [nextX, nextY];
      element.setAttribute("aria-valuemin", String(nextX.lowest));
      element.setAttribute("aria-valuemax", String(nextX.highest));
    }
  };
}

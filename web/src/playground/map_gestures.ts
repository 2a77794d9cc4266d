// What pointers do on a map: a click chooses, a drag draws a box to zoom into, with Shift it pans; the wheel and two
// fingers zoom. Places are shares of the area, from its lower left corner.
import type {View} from "./map_view";

export const zoomStep = 1.25;

export interface Place {
  x: number;
  y: number;
}

/** Of the area within the surface, in pixels. */
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Gestures {
  box(): Box;
  view(): View;
  zoom(factor: number, x: number, y: number): void;
  /** From the view that a pinch began with. */
  zoomFrom(view: View, factor: number, x: number, y: number): void;
  pan(dx: number, dy: number): void;
  look(left: number, right: number, bottom: number, top: number): void;
  choose(at: Place): void;
  hover(at: Place): void;
  /** The box that is being drawn, or none. */
  band(from?: Place, to?: Place): void;
  leave(): void;
}

export function listenTo(surface: HTMLElement, acts: Gestures): void {
  const pointers = new Map<number, {x: number; y: number}>();
  let from: {x: number; y: number; pan: boolean}|undefined;
  let pinch: {distance: number; view: View}|undefined;
  const place = (event: {clientX: number; clientY: number}) => {
    const rect = surface.getBoundingClientRect();
    return {
      x: Math.max(0, Math.min(1, (event.clientX - rect.left - acts.box().left) / acts.box().width)),
      y: Math.max(0, Math.min(1, 1 - (event.clientY - rect.top - acts.box().top) / acts.box().height))
    };
  };
  surface.addEventListener("wheel", event => {
    event.preventDefault();
    const at = place(event);
    acts.zoom(zoomStep ** Math.sign(event.deltaY), at.x, at.y);
  }, {passive: false});
  surface.addEventListener("pointerdown", event => {
    if (event.button !== 0 && event.button !== 1) return;
    const at = place(event);
    pointers.set(event.pointerId, at);
    surface.setPointerCapture(event.pointerId);
    from = {...at, pan: event.shiftKey || event.button === 1};
    if (pointers.size === 2) {
      from = undefined;
      acts.band();
      pinch = {distance: distance([...pointers.values()]), view: acts.view()};
    }
  });
  surface.addEventListener("pointermove", event => {
    const at = place(event);
    if (pointers.has(event.pointerId)) pointers.set(event.pointerId, at);
    if (pinch && pointers.size === 2) {
      const [a, b] = [...pointers.values()] as [typeof at, typeof at];
      const factor = Math.max(0.05, Math.min(20, pinch.distance / Math.max(0.02, distance([a, b]))));
      return acts.zoomFrom(pinch.view, factor, (a.x + b.x) / 2, (a.y + b.y) / 2);
    }
    if (from && pointers.size === 1) {
      if (from.pan) {
        acts.pan(from.x - at.x, from.y - at.y);
        [from.x, from.y] = [at.x, at.y];
      } else if (event.pointerType !== "touch") {
        acts.band(from, at);
      }
      return;
    }
    acts.hover(at);
  });
  const end = (event: PointerEvent) => {
    const at = place(event);
    const last = pointers.delete(event.pointerId) && pointers.size === 0;
    acts.band();
    if (from && last && event.type === "pointerup" && !from.pan) {
      const [w, t] = [Math.abs(at.x - from.x) * acts.box().width, Math.abs(at.y - from.y) * acts.box().height];
      if (w > 8 && t > 8 && event.pointerType !== "touch") {
        acts.look(Math.min(from.x, at.x), Math.max(from.x, at.x), Math.min(from.y, at.y), Math.max(from.y, at.y));
      } else if (w < 8 && t < 8) {
        acts.choose(at);
      }
    }
    if (last) [from, pinch] = [undefined, undefined];
  };
  surface.addEventListener("pointerup", end);
  surface.addEventListener("pointercancel", end);
  surface.addEventListener("pointerleave", () => acts.leave());
}

const distance = (p: Place[]) => Math.hypot(p[0]!.x - p[1]!.x, p[0]!.y - p[1]!.y);

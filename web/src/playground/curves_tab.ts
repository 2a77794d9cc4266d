// Activations as curves: value, slope and what comes of normal inputs.
import {h} from "../dom";
import type {Tab} from "./tab";

export const curvesTab: Tab = {
  id: "curves",
  title: "Curves",
  question: "What does an activation do to its input?",
  hint: "Drag along the curve. The dashed line is its slope.",
  defaults: {},
  mount(into) {
    into.append(h("p", "This tab is being written."));
    return {update: () => {}, pause: () => {}, resume: () => {}};
  }
};

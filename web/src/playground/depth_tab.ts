// Signal and gradient layer by layer, for each initializer.
import {h} from "../dom";
import type {Tab} from "./tab";

export const depthTab: Tab = {
  id: "depth",
  title: "Depth",
  question: "How far do the signal and its gradient get?",
  hint: "Choose an initializer, drag the weight scale, and watch both vanish or explode.",
  defaults: {},
  mount(into) {
    into.append(h("p", "This tab is being written."));
    return {update: () => {}, pause: () => {}, resume: () => {}};
  }
};

// A guided tour of the three stories.
import {h} from "../dom";
import type {Tab} from "./tab";

export const learnTab: Tab = {
  id: "learn",
  title: "Learn",
  question: "Do you believe the textbook?",
  hint: "Predict, then run the experiment.",
  defaults: {},
  mount(into) {
    into.append(h("p", "This tab is being written."));
    return {update: () => {}, pause: () => {}, resume: () => {}};
  }
};

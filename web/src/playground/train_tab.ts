// A network that trains.
import {h} from "../dom";
import type {Tab} from "./tab";

export const trainTab: Tab = {
  id: "train",
  title: "Train",
  question: "Does it learn?",
  hint: "Build a network, press play, and watch where units die.",
  defaults: {},
  mount(into) {
    into.append(h("p", "This tab is being written."));
    return {update: () => {}, pause: () => {}, resume: () => {}};
  }
};

// Every pixel is a network.
import {h} from "../dom";
import type {Tab} from "./tab";

export const mapTab: Tab = {
  id: "map",
  title: "Map",
  question: "Where can a deep network be trained?",
  hint: "Every pixel is a network that was trained. Click one.",
  defaults: {},
  mount(into) {
    into.append(h("p", "This tab is being written."));
    return {update: () => {}, pause: () => {}, resume: () => {}};
  }
};

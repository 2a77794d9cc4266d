// What is trained at every pixel, beside what the axes say.
import {h} from "../dom";
import {numberBox, select, type Control} from "./controls";
import type {Lists} from "./engine";
import {defaults, gaussian, sigmas} from "./map_presets";
import {detailOf, details, parseSide, settings, type View} from "./map_view";
import type {State} from "./tab";

export interface MapChoices {
  change(changes: Record<string, string>): void;
  axis(which: "x"|"y", setting: string): void;
  detail(columns: number, rows: number): void;
}

export class MapControls {
  readonly element = h("div.map-controls", {role: "group", "aria-label": "What is trained"});
  private readonly controls: Record<string, Control<string>|Control<number>> = {};
  private readonly fields: Record<string, HTMLElement> = {};
  private readonly axes: {x: Control<string>; y: Control<string>};
  private readonly detail: Control<string>;
  private state: State = defaults;

  constructor(lists: Lists, acts: MapChoices) {
    const usual = {x: parseSide(defaults["x"]!)!, y: parseSide(defaults["y"]!)!};
    const axis = (which: "x"|"y", label: string) => select({
      label,
      options: Object.keys(settings),
      text: setting => settings[setting]?.name ?? setting,
      value: usual[which].setting,
      change: setting => acts.axis(which, setting)
    });
    this.axes = {x: axis("x", "Across"), y: axis("y", "Up")};
    const choice = (key: string, label: string, options: string[]) => {
      const control = select({label, options, value: defaults[key]!, change: value => acts.change({[key]: value})});
      this.controls[key] = control;
      return (this.fields[key] = control.element);
    };
    const count = (key: string, label: string, lowest: number, highest: number, whole = true) => {
      const control = numberBox({
        label,
        lowest,
        highest,
        whole,
        value: Number(defaults[key]),
        change: value => acts.change({[key]: String(value)})
      });
      this.controls[key] = control;
      return (this.fields[key] = control.element);
    };
    const sigma = (name: "sigma_w"|"sigma_b", label: string) => {
      const control = numberBox({
        label,
        lowest: 0,
        highest: 100,
        value: sigmas(defaults["init"]!)[name],
        change: value => acts.change({init: gaussian({...sigmas(this.state["init"]!), [name]: value})})
      });
      this.controls[name] = control;
      return (this.fields[name] = control.element);
    };
    this.detail = select({
      label: "Detail",
      options: details.map(d => d.join(" × ")),
      value: "64 × 48",
      change: text => acts.detail(...(text.split(" × ").map(Number) as [number, number]))
    });
    this.element.append(
        this.axes.x.element, this.axes.y.element,
                choice("activation", "Activation", lists.activations.map(a => a.name)),
                h("div.pair", count("depth", "Depth", 1, 200), count("width", "Width", 1, 64)),
                h("div.pair", sigma("sigma_w", "σw"), sigma("sigma_b", "σb")),
                h("div.pair", choice("optimizer", "Optimizer", lists.optimizers.map(o => o.name)),
                    count("lr", "Learning rate", 1e-9, 1e9, false)),
                h("div.pair", choice("data", "Data", lists.datasets.map(d => d.name)),
                    count("samples", "Samples", 10, 2000)),
                h("div.pair", count("batch_size", "Batch", 1, 100_000), count("steps", "Steps", 1, 5000)),
                h("div.pair", choice("dtype", "Numbers", ["float32", "float64"]), count("seed", "Seed", 0, 2 ** 53 - 1)),
                this.detail.element);
  }

  show(s: State, view: View): void {
    this.state = s;
    const varies = [view.x.setting, view.y.setting];
    this.axes.x.set(view.x.setting);
    this.axes.y.set(view.y.setting);
    for (const key of ["activation", "optimizer", "data", "dtype"]) (this.controls[key] as Control<string>).set(s[key]!);
    for (const key of ["depth", "width", "lr", "samples", "batch_size", "steps", "seed"])
      (this.controls[key] as Control<number>).set(Number(s[key]));
    const own = sigmas(s["init"]!);
    for (const key of ["sigma_w", "sigma_b"] as const) (this.controls[key] as Control<number>).set(own[key]);
    for (const key of Object.keys(settings)) this.fields[key]!.hidden = varies.includes(key);
    this.detail.set(detailOf(view).join(" × "));
  }
}

// The network behind one pixel: its settings, its learning curve, and whether it ends alone where the map says.
import {commandLine, h} from "../dom";
import {number} from "../format";
import {lineChart} from "../line_chart";
import {cssColor, pixelWords} from "../map_picture";
import {sameBits} from "./command";
import {button} from "./controls";
import type {MapNetwork} from "./engine";
import type {MapRun} from "./map_run";
import {symbol, valueOf, type View} from "./map_view";
import type {Host} from "./tab";
import {most} from "./train_options";

export class NetworkCard {
  readonly element = h("section.network", {"aria-label": "The chosen network", hidden: true});
  private asked = 0;
  private shown = "";

  /** `left`: it was closed, and what one did before goes on. */
  constructor(private readonly host: Host, private readonly left: () => void) {
    this.element.addEventListener("keydown", event => event.key === "Escape" && this.close());
  }

  close(): void {
    this.host.set({pixel: ""});
    this.left();
  }

  /** `pixel` -1: none. The network is trained once more, alone. */
  async show(run: MapRun, pixel: number, view: View, width: string): Promise<void> {
    const what = JSON.stringify([run.options, pixel, run.pixel(pixel), run.plan !== undefined]);
    if (what === this.shown) return;
    this.shown = what;
    const mine = ++this.asked;
    this.element.hidden = pixel < 0;
    if (pixel < 0 || !run.plan) return;
    if (pixel >= run.size) {
      this.element.hidden = true;
      return this.host.notice(`The map has ${run.size} networks; there is no number ${pixel}.`);
    }
    this.describe(run, pixel, view, width);
    try {
      const network = await this.host.engine.mapPixel(run.options, pixel);
      if (mine === this.asked) this.describe(run, pixel, view, width, network);
    } catch (error) {
      if (mine === this.asked) this.host.notice((error as Error).message);
    }
  }

  private describe(run: MapRun, pixel: number, view: View, width: string, network?: MapNetwork): void {
    const {columns, steps, constant_loss} = run.plan!;
    const there = run.pixel(pixel);
    const place = `${symbol(view.x)} ${number(valueOf(view.x, pixel % columns), 5)}, ${symbol(view.y)} ${
        number(valueOf(view.y, Math.floor(pixel / columns)), 5)}`;
    const heading = h("h2", `The network at ${place}`);
    if (!network) return this.element.replaceChildren(heading, h("p.same", "Training it once more, alone …"));
    const fact = (name: string, value: string) => [h("dt", name), h("dd", value)];
    const same = there && Object.is(there.loss, network.loss);
    const verdict = !there ? `Alone it ends at ${number(network.loss, 6)}; the map has not come to it yet.`
        : same && network.loss === null ? "Trained alone, it breaks too."
        : same ? `Trained alone, it ends at the same loss to the last bit: ${network.loss}.`
               : `Trained alone, it ends at ${network.loss}; in the map at ${there.loss}. They should agree.`;
    // A loss that was low for a while and is not at the end is neither, which a reader of the curve wants to know.
    const bar = constant_loss / 2;
    const first = network.losses.findIndex(loss => loss < bar);
    const touched = there && !there.learned && first >= 0
        ? ` Its batch loss was below that of a net that learned from step ${number(first + 1)} (lowest ${
              number(Math.min(...network.losses))}), but not at the end, which is what counts here.`
        : "";
    const chart = lineChart({
      kicker: "Its learning curve",
      title: there ? `This network ${pixelWords(there)}.${touched}` : "Trained alone.",
      file: "map.network",
      xLabel: "step",
      yLabel: "training loss",
      logY: true,
      compact: true,
      lines: [{
        name: "loss",
        x: [...network.losses].map((_, i) => i + 1),
        y: [...network.losses].map(v => (Number.isFinite(v) && v > 0 ? v : null)),
        color: there ? cssColor({...there, learned: there.learned ? steps / 8 : 0}, steps, constant_loss) : "var(--ink)"
      }],
      mark: {y: constant_loss, text: "best constant answer"}
    });
    const state = Object.fromEntries(Object.entries(network.train).map(([key, value]) => [key.replaceAll("_", "-"), String(value)]));
    this.element.replaceChildren(heading,
        h("dl.facts", fact("Weights", network.init), fact("Hidden layers", `${network.depth} of width ${width}`),
            fact("Learning rate", number(network.lr, 6)), fact("Became", there ? pixelWords(there) : "not trained yet"),
            fact("Digest of its weights", network.digest)),
        h("p", {class: `same ${there ? (same ? "yes" : "no") : ""}`, "data-solo": String(network.loss), "data-map": String(there?.loss)}, verdict),
        chart, commandLine(sameBits(network.command)),
        h("div.map-bar", network.depth <= most.layers ? button("Open in Train", () => this.host.go("train", state)) : null,
            button("Close", () => this.close(), {class: "quiet"})));
  }
}

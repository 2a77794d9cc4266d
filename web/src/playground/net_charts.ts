// A net's numbers while it trains, as charts over its steps: loss, and what its layers do.
import {orderedColors} from "../color";
import {percent} from "../format";
import type {LayerRow, Metrics, Session} from "./engine";
import {History, LiveChart, type LiveLine} from "./live_chart";
import type {Side} from "./train_options";

/** What is kept of a moment. */
interface Moment {
  train: Metrics|null;
  test: Metrics|null;
  rows: LayerRow[];
}

const field = (row: LayerRow|undefined, key: string) => typeof row?.[key] === "number" ? row[key] as number : null;

export class NetCharts {
  readonly history = new History<Moment>();
  readonly loss: LiveChart;
  readonly gradient: LiveChart;
  readonly update: LiveChart;
  readonly units: LiveChart;
  private turn = 0;

  constructor(private readonly side: Side) {
    const chart = (title: string, more: object = {}) =>
        new LiveChart({title, file: `${side}.${title.toLowerCase().replace(/\W+/g, "_")}`, ...more});
    this.loss = chart("Loss", {height: 118});
    this.gradient = chart("Gradient of each layer (rms)", {log: true});
    this.update = chart("Size of an update / size of the weights", {log: true, band: {from: 1e-4, to: 1e-2, name: "usual"}});
    this.units = chart("Dead units", {domain: [0, 1], format: (v: number) => percent(v)});
  }

  /** How many calls of draw() bring every chart up to date. */
  static readonly round = 6;

  /** Draws one of them, the loss every second time; beside another net's, on common axes. */
  draw(session: Session, other: NetCharts|null): void {
    const turn = this.turn++ % NetCharts.round;
    if (turn % 2 === 0) return this.drawLoss(other);
    const {steps, rows} = this.history;
    const layers = session.layers.length;
    const colors = orderedColors(layers);
    const line = (layer: number, key: string, name: string, dash?: string): LiveLine =>
        ({name, color: colors[layer]!, y: rows.map(row => field(row.rows[layer], key)), ...(dash ? {dash} : {})});
    const all = Array.from({length: layers}, (_, layer) => layer);
    const layerName = (layer: number) => layer === layers - 1 ? "answer" : `layer ${layer + 1}`;
    const ofAll = (key: string) => all.map(layer => line(layer, key, layerName(layer)));
    if (turn === 1) return this.gradient.set(steps, ofAll("pre_activation_gradient_rms"), other?.gradient);
    if (turn === 3) return this.update.set(steps, ofAll("update_ratio"), other?.update);
    const hidden = all.slice(0, -1);
    const saturated =
        hidden.map(layer => line(layer, "saturated", `saturated ${layer + 1}`, "3 3")).filter(l => l.y.some(v => v));
    this.units.set(steps, [...hidden.map(layer => line(layer, "silent", `silent ${layer + 1}`)), ...saturated]);
  }

  private drawLoss(other: NetCharts|null): void {
    const {steps, rows} = this.history;
    const lines: LiveLine[] = [
      {name: "training", color: "var(--muted)", y: rows.map(row => row.train?.loss ?? null)},
      {name: "test", color: "var(--ink)", y: rows.map(row => row.test?.loss ?? null)}
    ];
    if (other) {
      lines.push({
        name: `test, ${other.side.toUpperCase()}`,
        color: "var(--accent)",
        dash: "4 3",
        x: other.history.steps,
        y: other.history.rows.map(row => row.test?.loss ?? null)
      });
    }
    this.loss.set(steps, lines, other?.loss);
  }
}

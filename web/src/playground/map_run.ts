// Trains a map's networks in workers, coarse to fine, each once, and keeps what became of them.
import type {MapPixel} from "../map_picture";
import {EngineError, type Engine, type MapBatch, type MapOptions, type MapPlan} from "./engine";

/** A worker's share at a time: long enough to be worth the message, short enough to be stopped. */
const shareOfTime = 0.25;
const [fewest, most] = [8, 64];

export interface MapWatcher {
  planned(plan: MapPlan): void;
  trained(batch: MapBatch): void;
  /** All of them are. */
  done(): void;
  failed(message: string): void;
}

export class MapRun {
  plan: MapPlan|undefined;
  /** Three numbers a pixel: loss, learned, diverged; NaN throughout where it is not trained yet. */
  private results = new Float64Array(0);
  private known = new Uint8Array(0);
  private batch = 0;
  private within = 0;
  private running = 0;
  private paused = false;
  private ended = false;
  private started = 0;
  private worked = 0;
  trainedCount = 0;

  constructor(readonly options: MapOptions, private readonly engines: Engine[], private readonly watcher: MapWatcher) {}

  async start(): Promise<void> {
    try {
      const plan = await this.engines[0]!.mapPlan(this.options);
      if (this.ended) return;
      const size = plan.columns * plan.rows;
      this.plan = plan;
      this.results = new Float64Array(3 * size).fill(NaN);
      this.known = new Uint8Array(size);
      this.watcher.planned(plan);
      this.resume();
    } catch (error) {
      this.fail(error);
    }
  }

  get size(): number { return this.known.length; }
  get finished(): boolean { return this.plan !== undefined && this.trainedCount === this.size; }
  get active(): boolean { return !this.paused && !this.ended && !this.finished; }

  pixel(i: number): MapPixel|undefined {
    if (!this.known[i]) return undefined;
    const loss = this.results[3 * i]!;
    return {loss: Number.isFinite(loss) ? loss : null, learned: this.results[3 * i + 1]!, diverged: this.results[3 * i + 2]!};
  }

  /** Networks a second, while it ran. */
  rate(): number {
    const seconds = (this.worked + (this.running ? performance.now() - this.started : 0)) / 1000;
    return seconds > 0 ? this.trainedCount / seconds : 0;
  }

  pause(): void { this.paused = true; }
  resume(): void {
    this.paused = false;
    if (!this.plan || this.ended) return;
    for (let i = this.running; i < this.engines.length; ++i) void this.work(this.engines[i]!);
  }
  end(): void { this.ended = true; }

  private next(count: number): MapBatch|undefined {
    const batch = this.plan!.batches[this.batch];
    if (!batch) return undefined;
    const share = batch.pixels.subarray(this.within, this.within + count);
    this.within += share.length;
    const edge = batch.edge;
    if (this.within >= batch.pixels.length) [this.batch, this.within] = [this.batch + 1, 0];
    return {edge, pixels: share.slice()};
  }

  private async work(engine: Engine): Promise<void> {
    if (this.running++ === 0) this.started = performance.now();
    let count = fewest;
    try {
      while (!this.paused && !this.ended) {
        const batch = this.next(count);
        if (!batch) break;
        const {pixels} = batch;
        const begin = performance.now();
        const numbers = await engine.map(this.options, pixels);
        if (this.ended) return;
        const seconds = (performance.now() - begin) / 1000;
        count = Math.max(fewest, Math.min(most, 4 * Math.round(((shareOfTime / seconds) * pixels.length) / 4)));
        pixels.forEach((pixel, i) => {
          if (this.known[pixel]) throw new EngineError(`pixel ${pixel} was trained twice`);
          this.known[pixel] = 1;
          this.results.set(numbers.subarray(3 * i, 3 * i + 3), 3 * pixel);
        });
        this.trainedCount += pixels.length;
        this.watcher.trained(batch);
      }
    } catch (error) {
      this.fail(error);
    } finally {
      if (--this.running === 0) this.worked += performance.now() - this.started;
      if (this.running === 0 && this.finished && !this.ended) this.watcher.done();
    }
  }

  private fail(error: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.watcher.failed(error instanceof Error ? error.message : String(error));
  }
}

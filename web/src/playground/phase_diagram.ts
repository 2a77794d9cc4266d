// The (sigma_w, sigma_b) plane of wide nets: where gradients vanish, where they explode, the line between, and the
// present net as a point that one drags.
import {h, svg} from "../dom";
import {number} from "../format";
import type {Phases} from "./engine";
import {handle} from "./handle";
import {Shades} from "./shades";

/** Of sigma_w and sigma_b: from, to, values. */
export const axes = {
  w: [0, 4, 81],
  b: [0, 2, 41]
} as const;

const margin = {
  left: 44,
  right: 8,
  top: 8,
  bottom: 36
};
/** chi1 at which colours are full: gradients then change by half their size a layer. */
const full = Math.log(4);

export class PhaseDiagram {
  readonly element: HTMLElement;
  private readonly frame = h("div.frame");
  private readonly point;
  private width = 0;
  private height = 0;
  private phases: Phases | undefined;
  private at: {w: number; b: number} | null = null;
  private drawn: SVGSVGElement | undefined;

  constructor(change: (sigma_w: number, sigma_b: number) => void) {
    const [w, b] = [axes.w, axes.b];
    this.point = handle({
      label: "Scales of weights and biases",
      class: "grip",
      x: {lowest: 0.02, highest: w[1], step: 0.02},
      y: {lowest: b[0], highest: b[1], step: 0.02},
      at: (px, py) =>
          ({x: ((px - margin.left) / this.roomX) * w[1], y: ((margin.top + this.roomY - py) / this.roomY) * b[1]}),
      say: (x, y) => `sigma w ${number(x)}, sigma b ${number(y)}`,
      change
    });
    this.element = h("div.surface.phase", this.frame, this.point.element);
    this.point.follow(this.element, this.element);
    new ResizeObserver(([entry]) => {
      const width = Math.floor(entry!.contentRect.width);
      if (width === this.width || width < 80) return;
      this.width = width;
      this.height = Math.round(Math.min(260, width * 0.74));
      this.draw();
    }).observe(this.frame);
  }

  get svg(): SVGSVGElement | undefined { return this.drawn; }
  private get roomX(): number { return this.width - margin.left - margin.right; }
  private get roomY(): number { return this.height - margin.top - margin.bottom; }
  private px(w: number): number { return margin.left + (w / axes.w[1]) * this.roomX; }
  private py(b: number): number { return margin.top + this.roomY * (1 - b / axes.b[1]); }

  show(phases: Phases): void {
    this.phases = phases;
    this.draw();
  }
  /** Null for an initializer whose weights have no such scale. */
  place(at: {w: number; b: number} | null): void {
    this.at = at;
    this.move();
  }

  private move(): void {
    this.point.element.hidden = !this.at;
    if (!this.at || !this.width) return;
    const {w, b} = this.at;
    this.point.place(this.px(Math.min(w, axes.w[1])), this.py(Math.min(b, axes.b[1])), w, b);
  }

  private draw(): void {
    const phases = this.phases;
    if (!phases || !this.width) return;
    const [columns, rows] = [axes.w[2], axes.b[2]];
    const [ordered, chaotic] = [new Shades(), new Shades()];
    let unbounded = "";
    const [cellX, cellY] = [this.roomX / (columns - 1), this.roomY / (rows - 1)];
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const chi = phases.chi1[r * columns + c]!;
        // Half a cell at the edges.
        const [x0, x1] = [Math.max(0, c - 0.5) * cellX, Math.min(columns - 1, c + 0.5) * cellX];
        const [y0, y1] = [Math.max(0, r - 0.5) * cellY, Math.min(rows - 1, r + 0.5) * cellY];
        const [x, y] = [margin.left + x0, margin.top + this.roomY - y1];
        const [width, height] = [x1 - x0 + 0.3, y1 - y0 + 0.3];
        if (!Number.isFinite(chi))
          unbounded +=
              `M${x.toFixed(1)} ${y.toFixed(1)}h${width.toFixed(1)}v${height.toFixed(1)}h${(-width).toFixed(1)}z`;
        else
          (chi < 1 ? ordered : chaotic).add(Math.min(1, Math.abs(Math.log(chi)) / full), x, y, width, height);
      }
    }
    const label = (x: number, y: number, text: string, more = {}) =>
        svg("text", {x, y, fill: "var(--muted)", ...more}, text);
    const floor = margin.top + this.roomY;
    const {critical} = phases;
    const inView = critical && Math.sqrt(critical.sigma_w2) <= axes.w[1] && Math.sqrt(critical.sigma_b2) <= axes.b[1];
    const ring = inView ? svg("circle", {
      cx: this.px(Math.sqrt(critical.sigma_w2)),
      cy: this.py(Math.sqrt(critical.sigma_b2)),
      r: 5.5,
      fill: "none",
      stroke: "var(--ink)",
      "stroke-width": 1.8,
      "data-mark": "critical"
    }) :
                          null;
    this.drawn =
        svg("svg", {
          width: this.width,
          height: this.height,
          viewBox: `0 0 ${this.width} ${this.height}`,
          class: "plot",
          role: "img",
          "aria-label":
              "Phase diagram: small weights are ordered, gradients vanish; large ones chaotic, gradients explode."
        },
            svg("rect",
                {x: margin.left, y: margin.top, width: this.roomX, height: this.roomY, fill: "var(--heat-middle)"}),
            ordered.drawn("var(--heat-under)", "var(--heat-middle)"),
            chaotic.drawn("var(--heat-over)", "var(--heat-middle)"), svg("path", {d: unbounded, fill: "var(--none)"}),
            svg("path", {
              d: this.contour(phases.chi1),
              fill: "none",
              stroke: "var(--ink)",
              "stroke-width": 1.6,
              "data-mark": "edge"
            }),
            ring, [0, 1, 2, 3, 4].map(w => label(this.px(w), floor + 14, number(w), {"text-anchor": "middle"})),
            [0, 0.5, 1, 1.5, 2].map(
                b => label(margin.left - 6, this.py(b), number(b), {"text-anchor": "end", dy: "0.32em"})),
            label(margin.left + this.roomX / 2, floor + 30, "σ_w, scale of the weights", {"text-anchor": "middle"}),
            svg("text", {
              transform: `translate(10 ${margin.top + this.roomY / 2}) rotate(-90)`,
              "text-anchor": "middle",
              fill: "var(--muted)"
            },
                "σ_b, of the biases")) as SVGSVGElement;
    this.frame.replaceChildren(this.drawn);
    this.move();
  }

  /** Where chi1 crosses 1: a piece of line in each cell whose corners differ. */
  private contour(chi: Float32Array): string {
    const [columns, rows] = [axes.w[2], axes.b[2]];
    const value = (c: number, r: number) => chi[r * columns + c]! - 1;
    const x = (c: number) => margin.left + (c / (columns - 1)) * this.roomX;
    const y = (r: number) => margin.top + this.roomY * (1 - r / (rows - 1));
    let d = "";
    for (let r = 0; r + 1 < rows; r++) {
      for (let c = 0; c + 1 < columns; c++) {
        const corners = [[c, r], [c + 1, r], [c + 1, r + 1], [c, r + 1]] as [number, number][];
        const crossed = corners.flatMap(([c0, r0], i) => {
          const [c1, r1] = corners[(i + 1) % 4]!;
          const [a, b] = [value(c0, r0), value(c1, r1)];
          if (!(a < 0 !== b < 0) || !Number.isFinite(a + b)) return [];
          const t = a / (a - b);
          return [`${x(c0 + t * (c1 - c0)).toFixed(1)} ${y(r0 + t * (r1 - r0)).toFixed(1)}`];
        });
        for (let i = 0; i + 1 < crossed.length; i += 2) d += `M${crossed[i]}L${crossed[i + 1]}`;
      }
    }
    return d;
  }
}

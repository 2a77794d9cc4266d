// Many small rectangles in few shades: one path a shade, so that thousands are drawn sixty times a second.
import {svg} from "../dom";

const levels = 12;

export class Shades {
  private readonly paths = Array.from({length: levels}, () => "");

  /** `share` in 0 … 1; what is less than half a shade is not drawn. */
  add(share: number, x: number, y: number, width: number, height: number): void {
    const level = Math.min(levels, Math.round(share * levels));
    if (!(level > 0)) return;
    this.paths[level - 1] +=
        `M${x.toFixed(1)} ${y.toFixed(1)}h${width.toFixed(1)}v${height.toFixed(1)}h${(-width).toFixed(1)}z`;
  }

  drawn(color: string, paper = "var(--paper)"): SVGElement[] {
    return this.paths.flatMap((d, i) => {
      const percent = Math.round((100 * (i + 1)) / levels);
      return d ? [svg("path", {d, fill: `color-mix(in oklab, ${color} ${percent}%, ${paper})`})] : [];
    });
  }
}

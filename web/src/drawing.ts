// A chart drawn by Plot, and where its numbers lie in pixels.
import {plot, type PlotOptions} from "@observablehq/plot";

export interface Drawing {
  svg: SVGSVGElement;
  x(value: number): number;
  y(value: number): number;
  /** Of a cell where the axes are ordinal. */
  cell: {width: number; height: number};
}

interface Scale {
  apply(value: number): number;
  bandwidth?: number;
}

export function drawing(options: PlotOptions): Drawing {
  const svg = plot({className: "plot", marginBottom: 38, marginRight: 14, color: {type: "identity"}, ...options});
  const scale = (name: "x" | "y") => (svg as unknown as {scale(name: string): Scale | undefined}).scale(name);
  const [x, y] = [scale("x"), scale("y")];
  return {
    svg: svg as unknown as SVGSVGElement,
    x: value => x?.apply(value) ?? 0,
    y: value => y?.apply(value) ?? 0,
    cell: {width: x?.bandwidth ?? 0, height: y?.bandwidth ?? 0}
  };
}

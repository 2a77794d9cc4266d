// One layer from near by: where its pre-activations lie on the activation's curve, and its numbers.
import {h, svg} from "../dom";
import {number, percent} from "../format";
import type {Curve, Propagation} from "./engine";

const [width, height, reach] = [280, 132, 4];
const px = (z: number) => ((z + reach) / (2 * reach)) * width;

/** The bars of u = z / rms, at the places of z. What lies beyond the picture is counted and said. */
function bars({bins, lowest, highest, counts}: Propagation["pre_activations"], layer: number,
    rms: number): {d: string; beyond: number} {
  const size = (highest - lowest) / bins;
  let [total, beyond] = [0, 0];
  for (let i = 0; i < bins; i++) total += counts[layer * bins + i]!;
  // Thin bars of a narrow histogram grow into pixels, by their sum.
  const columns = new Float64Array(width / 2);
  for (let i = 0; i < bins; i++) {
    const share = counts[layer * bins + i]! / total;
    const [a, b] = [px((lowest + i * size) * rms) / 2, px((lowest + (i + 1) * size) * rms) / 2];
    for (let c = Math.max(0, Math.floor(a)); c <= Math.min(columns.length - 1, Math.floor(b)); c++) {
      columns[c]! += (share * (Math.min(b, c + 1) - Math.max(a, c))) / (b - a);
    }
  }
  for (const share of columns) beyond += share;
  const d = Array
                .from(columns,
                    (share, c) => {
                      const tall = Math.min(height, share * 2200);
                      return tall > 0.2 ? `M${2 * c} ${height}v${(-tall).toFixed(1)}h2v${tall.toFixed(1)}z` : "";
                    })
                .join("");
  return {d, beyond: Math.max(0, 1 - beyond)};
}

export function layerCard(net: Propagation, layer: number, curve: Curve | undefined): HTMLElement[] {
  const row = net.layers[layer - 1]!;
  const rms = Math.sqrt(row.q ?? NaN);
  const drawn = Number.isFinite(rms) && rms > 0 ? bars(net.pre_activations, layer - 1, rms) : {d: "", beyond: 0};
  const shape = curve ?
      Array
          .from(curve.x,
              (x, i) => `${i ? "L" : "M"}${px(x).toFixed(1)} ${(height * 0.62 - curve.value[i]! * 26).toFixed(1)}`)
          .join("") :
      "";
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${height + 18}`,
    class: "plot",
    role: "img",
    "aria-label": `Pre-activations of layer ${layer} over the activation's curve`
  },
      svg("path", {d: drawn.d, fill: "var(--signal)", "fill-opacity": 0.75}),
      svg("path", {d: `M0 ${height}H${width}M${px(0)} 0V${height}`, stroke: "var(--faint)", fill: "none"}),
      svg("path", {d: shape, fill: "none", stroke: "var(--ink)", "stroke-width": 1.4, "stroke-opacity": 0.65}),
      [-4, -2, 0, 2, 4].map(z => svg("text", {
        x: Math.max(5, Math.min(width - 7, px(z))),
        y: height + 14,
        "text-anchor": "middle",
        fill: "var(--muted)"
      },
                                number(z))));
  const theory = (name: string, root = false, digits = 3) => {
    const v = row[`${name}_theory`];
    return v === null || v === undefined ? "" : number(root ? Math.sqrt(v) : v, digits);
  };
  const line = (name: string, measured: string, predicted: string) =>
      h("tr", h("th", {scope: "row"}, name), h("td.number", measured), h("td.number", predicted));
  return [
    h("h2", `Layer ${layer}`, h("small", ` of ${net.layers.length}`)),
    h("p.where", "Its pre-activations z, on the activation’s curve",
        drawn.beyond > 0.005 ? `; ${percent(drawn.beyond, 2)} lie outside` : ""),
    h("div", picture),
    h("table.readout",
        h("thead", h("tr", h("td"), h("th", {scope: "col"}, "measured"), h("th", {scope: "col"}, "theory"))),
        h("tbody", line("rms signal", number(rms), theory("q", true)),
            line("rms gradient", number(row.gradient_rms), theory("gradient_rms")),
            line("correlation of inputs", number(row.correlation, 4), theory("correlation", false, 4)),
            line("outputs exactly 0", percent(row.zero_fraction), percent(row.zero_fraction_theory)),
            line("units saturated", percent(row.saturated_fraction), ""),
            line("units silent", percent(row.silent_fraction), percent(row.silent_fraction_theory))))
  ];
}

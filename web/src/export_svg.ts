// A chart as a file that needs no page: plain colours, its title and its legend inside.
import {h, svg} from "./dom";
import type {Exports} from "./figure";

const pixel = document.createElement("canvas").getContext("2d", {willReadFrequently: true});

/** Any colour that a browser computes, as #rrggbb. */
function plain(color: string): string {
  if (!pixel || color === "none") return color;
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = color;
  pixel.fillRect(0, 0, 1, 1);
  const [r, g, b] = pixel.getImageData(0, 0, 1, 1).data;
  return `#${[r, g, b].map(part => part!.toString(16).padStart(2, "0")).join("")}`;
}

/** What a colour of ours is on this page, in its present theme. */
function resolved(color: string): string {
  const probe = h("span.probe", {"--swatch": color});
  document.body.append(probe);
  const result = plain(getComputedStyle(probe).color);
  probe.remove();
  return result;
}

function wrapped(text: string, letters: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line && line.length + word.length >= letters) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines;
}

export function standaloneSvg(chart: SVGSVGElement, frame: Exports): string {
  const [width, height] = [Number(chart.getAttribute("width")), Number(chart.getAttribute("height"))];
  const copy = chart.cloneNode(true) as SVGSVGElement;
  const originals = [chart, ...chart.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((element, i) => {
    const computed = getComputedStyle(originals[i]!);
    for (const name of ["fill", "stroke"]) {
      const value = element.getAttribute(name);
      if (value && /\(|currentColor/.test(value)) element.setAttribute(name, plain(computed.getPropertyValue(name)));
    }
    for (const name of ["class", "role", "aria-label", "data-mark"]) element.removeAttribute(name);
  });
  copy.querySelectorAll("style").forEach(style => style.remove());

  const [ink, muted] = [resolved("var(--ink)"), resolved("var(--muted)")];
  let y = 22;
  const bold = {"font-size": 14, "font-weight": 600, fill: ink};
  const kicker = frame.kicker ? svg("text", {x: 12, y, fill: muted}, frame.kicker) : null;
  const title = wrapped(frame.title, width / 7.6)
                    .map((text, i) => svg("text", {x: 12, y: (y += i || kicker ? 19 : 0), ...bold}, text));
  let x = 12;
  y += 24;
  const items = frame.legend();
  const keys = (items.length > 1 ? items : []).map(item => {
    const length = 42 + 7.2 * item.name.length;
    if (x + length > width) [x, y] = [12, y + 18];
    const color = resolved(item.color);
    const dashes = {dashed: "4 3", dotted: "1 3", line: null, band: null, area: null};
    const shape = item.kind === "band" || item.kind === "area"
        ? svg("rect", {y: -5, width: 16, height: 10, fill: color, "fill-opacity": item.kind === "band" ? 0.25 : 1})
        : svg("line", {x2: 16, stroke: color, "stroke-width": 2.2, "stroke-dasharray": dashes[item.kind]});
    const name = svg("text", {x: 21, dy: "0.35em", fill: ink}, item.name);
    const key = svg("g", {transform: `translate(${x},${y})`}, shape, name);
    x += length;
    return key;
  });
  const top = keys.length ? y + 14 : y - 6;
  copy.setAttribute("y", String(top));
  const size = {width, height: height + top, viewBox: `0 0 ${width} ${height + top}`};
  const whole = svg("svg", {xmlns: "http://www.w3.org/2000/svg", ...size, role: "img"},
      svg("title", frame.kicker ? `${frame.kicker}: ${frame.title}` : frame.title),
      svg("rect", {width: "100%", height: "100%", fill: resolved("var(--paper)")}),
      svg("g", {"font-family": "system-ui, sans-serif", "font-size": 12, color: muted}, kicker, title, keys, copy));
  return new XMLSerializer().serializeToString(whole);
}

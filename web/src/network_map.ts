// The report of `evengrad compare --map`: every pixel is a network.
import {svg} from "./dom";
import {figure, type Stop} from "./figure";
import {number, plural, prose} from "./format";
import {areaOf, cssColor, mapFrame, mapLegend, pixelColor, pixelWords, settingNames, type MapPixel} from "./map_picture";
import type {MapDocument} from "./model";
import type {Page} from "./page";
import {commandLine, h} from "./dom";

export function mapPage(doc: MapDocument): Page {
  const count = doc.x.values.length * doc.y.values.length;
  const varies = [doc.x.setting, doc.y.setting];
  const kept = [
    doc.activation, varies.includes("sigma_w") && varies.includes("sigma_b") ? "" : doc.init,
    varies.includes("depth") ? "" : plural(doc.depth, "layer"), `width ${doc.width}`, doc.optimizer,
    varies.includes("lr") || doc.lr === null ? "" : `rate ${number(doc.lr)}`, `batch ${doc.batch_size}`,
    doc.steps === null ? plural(doc.epochs!, "epoch") : plural(doc.steps, "step")
  ];
  return {
    title: `Every pixel is a network, on ${doc.data}`,
    question: `Which networks learn, over ${short(varies[0]!)} and ${short(varies[1]!)}?`,
    answer: prose(doc.conclusion),
    facts: [...kept.filter(Boolean), plural(count, "net")],
    lead: [
      mapLegend(doc.steps ?? lastStep(doc)), h("div.charts.wide", mapChart(doc)),
      ...(doc.fastest ? [h("p.kicker", "The network that learned first, alone"), commandLine(doc.fastest.command)] : [])
    ],
    sections: []
  };
}

const short = (setting: string) => settingNames[setting]?.split(",")[0] ?? setting;

function lastStep(doc: MapDocument): number {
  return Math.max(2, ...[doc.learned, doc.diverged].flat(2).map(step => step ?? 0));
}

function mapChart(doc: MapDocument): HTMLElement {
  const [columns, rows] = [doc.x.values.length, doc.y.values.length];
  const steps = doc.steps ?? lastStep(doc);
  const at = (c: number, r: number): MapPixel =>
      ({loss: doc.train_loss[r]![c]!, learned: doc.learned[r]![c]!, diverged: doc.diverged[r]![c]!});
  const [x, y] = [doc.x, doc.y].map(a => areaOf(a.setting, a.log, a.values)) as [ReturnType<typeof areaOf>, ReturnType<typeof areaOf>];
  const picture = document.createElement("canvas");
  [picture.width, picture.height] = [columns, rows];
  const image = new ImageData(columns, rows);
  for (let r = 0; r < rows; ++r) {
    for (let c = 0; c < columns; ++c)
      image.data.set([...pixelColor(at(c, r), steps, doc.constant_loss), 255], 4 * ((rows - 1 - r) * columns + c));
  }
  picture.getContext("2d")!.putImageData(image, 0, 0);
  return figure({
    kicker: "Training loss and time",
    title: doc.theory.length ? `Dashed: ${doc.theory.map(c => `${c.name} (${c.source})`).join("; ")}.`
                             : "What became of each network.",
    file: "map",
    legend: [],
    data: () => ({
      columns: [doc.x.setting, doc.y.setting, "train_loss", "learned", "diverged"],
      rows: doc.y.values.flatMap((v, r) => doc.x.values.map((u, c) => [u, v, at(c, r).loss, at(c, r).learned, at(c, r).diverged]))
    }),
    draw(width) {
      const side = Math.min(width, 900);
      const drawn = mapFrame(side, Math.round(side * Math.min(0.8, Math.max(0.5, rows / columns))), x, y, doc.theory);
      const [left, right, top, bottom] = [drawn.x(x.low), drawn.x(x.high), drawn.y(y.high), drawn.y(y.low)];
      drawn.svg.prepend(svg("image", {
        href: picture.toDataURL(),
        x: left,
        y: top,
        width: right - left,
        height: bottom - top,
        preserveAspectRatio: "none",
        "image-rendering": "pixelated"
      }));
      const [w, t] = [(right - left) / columns, (bottom - top) / rows];
      const stops = Array.from({length: columns * rows}, (_, i): Stop => {
        const [c, r] = [i % columns, rows - 1 - Math.floor(i / columns)];
        const pixel = at(c, r);
        return {
          x: left + c * w,
          y: bottom - (r + 1) * t,
          width: w,
          height: t,
          title: `${doc.x.setting} ${number(doc.x.values[c], 4)}, ${doc.y.setting} ${number(doc.y.values[r], 4)}`,
          entries: [{name: "", color: cssColor(pixel, steps, doc.constant_loss), text: pixelWords(pixel)}]
        };
      });
      return {svg: drawn.svg, stops, columns};
    }
  });
}

// The README's pictures from a run's results: node pictures.mjs RESULTS.json, after npm run build.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { downloaded, launch, openMenus, until } from "./test/browser.mjs";

const pictures = [
  { name: "vanishing-gradients", chart: "Gradient by layer, 20 layers" },
  { name: "dying-relu", chart: "Silent units by rate" },
  { name: "gelu-vs-relu", chart: "mnist, weights unit length" },
];

const source = process.argv[2];
if (!source) {
  console.error("usage: npm run pictures RESULTS.json (what `evengrad run all` wrote)");
  process.exit(2);
}
const results = JSON.parse(await readFile(source, "utf8"));
const folder = new URL("../docs/pictures/", import.meta.url);
await mkdir(folder, { recursive: true });
const browser = await launch();
try {
  const { page } = await browser.open({ ...results, kind: "run" }, { width: 780 });
  for (const { name, chart } of pictures) {
    await page.evaluate((id) => (location.hash = `#${id}`), name);
    const figure = page.locator(`#${name} .chart`, { has: page.getByText(chart, { exact: true }) });
    await page.locator(`#${name} .fold > summary`).first().click();
    await figure.locator("svg").first().waitFor();
    await until(page, () => !document.querySelector(".canvas:empty"));
    await openMenus(page);
    const { text } = await downloaded(page, () => figure.getByRole("button", { name: /^SVG/ }).click());
    await writeFile(new URL(`${name}.svg`, folder), `${text.replace(/="[^"]*"/g, (value) => value.replace(/(\.\d{2})\d+/g, "$1"))}\n`);
    console.log(`docs/pictures/${name}.svg: ${Math.ceil(text.length / 1000)} kB`);
  }
} finally {
  await browser.close();
}

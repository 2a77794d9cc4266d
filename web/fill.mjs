// Puts a document into the built page as the engine does: node fill.mjs DOCUMENT.json PAGE.html
import { readFile, writeFile } from "node:fs/promises";

export async function fill(document) {
  const page = await readFile(new URL("dist/report.html", import.meta.url), "utf8");
  return page.replace("{{document}}", () => JSON.stringify(document).replaceAll("<", "\\u003c"));
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const [source, target] = process.argv.slice(2);
  await writeFile(target, await fill(JSON.parse(await readFile(source, "utf8"))));
}

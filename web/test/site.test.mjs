// The site: every page is there, fits, links to pages and places that exist, and its code is the file's.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { after, before, test as anyTest } from "node:test";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { evengrad, inaccessible, launch, pictured, playground } from "./browser.mjs";

const test = (name, run) => anyTest(name, { skip: existsSync(playground) ? false : "dist/playground.html is not built" }, run);
let browser, folder;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "evengrad-site-"));
  browser = await launch();
  if (existsSync(playground)) await promisify(execFile)("node", [fileURLToPath(new URL("../site.mjs", import.meta.url)), folder]);
});
after(async () => {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
});

test("pages of text fit, are accessible, and every link of theirs leads somewhere", async () => {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".html") && !["playground.html", "report.html"].includes(file));
  assert.deepEqual(files.sort(), ["cheat-sheet.html", "faq.html", "from-scratch.html", "glossary.html", "index.html", "tutorial.html"]);
  for (const [width, scheme] of [[1280, "light"], [390, "dark"]]) {
    const { page, messages } = await browser.open(undefined, { width, height: width < 500 ? 844 : 800, scheme, file: path.join(folder, "index.html") });
    for (const file of files) {
      await page.goto(`file://${path.join(folder, file)}`);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, file);
      assert.deepEqual(await inaccessible(page), [], file);
      await pictured(page, `site-${file}-${width}-${scheme}`);
      const links = await page.locator("a").evaluateAll((all) => all.map((a) => a.getAttribute("href")));
      for (const link of links.filter((to) => !/^(https:|#)/.test(to))) assert.ok(existsSync(path.join(folder, link)), `${file}: ${link}`);
      assert.doesNotMatch(await page.locator("main").innerText(), /\{\{|undefined/, file);
    }
    assert.deepEqual(messages, []);
    await page.context().close();
  }
});

test("the playground of the site works and links back", async () => {
  const { page, messages } = await browser.open(undefined, { file: path.join(folder, "playground.html"), address: "#learn" });
  await page.getByRole("link", { name: "Glossary" }).click();
  assert.match(await page.title(), /^Glossary/);
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("the chapter shows all of the engine's file, and the cheat sheet every activation", async () => {
  const source = await readFile(path.join(folder, "from_scratch.hpp"), "utf8");
  const { page } = await browser.open(undefined, { file: path.join(folder, "from-scratch.html") });
  const shown = (await page.locator("pre").allInnerTexts()).join("\n");
  for (const line of source.split("\n").filter((l) => /^ {2,}\S/.test(l))) assert.ok(shown.includes(line.trim()), line);
  await page.goto(`file://${path.join(folder, "cheat-sheet.html")}`);
  const table = await page.locator("main").innerText();
  for (const { name } of (await evengrad("list")).activations) assert.ok(table.includes(name), name);
  await page.context().close();
});

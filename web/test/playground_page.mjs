// The playground's page for its tests: at an address, with the program beside it. Without the page they are skipped.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test as nodeTest } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const built = process.env.PLAYGROUND ?? fileURLToPath(new URL("../dist/playground.html", import.meta.url));
const text = existsSync(built) ? await readFile(built, "utf8") : "";
const skip = text ? false : "dist/playground.html is not built (cmake --preset wasm)";
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const test = (name, run) => nodeTest(name, { skip }, run);

/** The page at "#map?depth=3" and so on, in a browser of browser.mjs. */
export async function playground(browser, address, options) {
  const { page, messages } = await browser.open(null, { text, ...options });
  const url = page.url();
  await page.goto("about:blank");
  await page.goto(url + address);
  return { page, messages };
}

/** What axe-core finds serious. The page's policy lets no script be added; the debugger's evaluate is not part of it. */
export async function inaccessible(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run({ resultTypes: ["violations"] }));
  const serious = violations.filter((v) => ["serious", "critical"].includes(v.impact));
  return serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).slice(0, 3)}`);
}

/** A picture of the whole page, where SCREENSHOTS names a folder. */
export async function pictured(page, name) {
  if (!process.env.SCREENSHOTS) return;
  await mkdir(process.env.SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}.png`, fullPage: true });
}

/** What the program prints as JSON; EVENGRAD names it, else it is where the build leaves it. */
export async function evengrad(...words) {
  const program = process.env.EVENGRAD ?? fileURLToPath(new URL("../../build/release/evengrad", import.meta.url));
  const { stdout } = await promisify(execFile)(program, [...words, "--json"], { maxBuffer: 1 << 26 });
  return JSON.parse(stdout);
}

// A page with a document in headless Chromium, and what its console says.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";
import { fill } from "../fill.mjs";

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const playground = fileURLToPath(new URL("../dist/playground.html", import.meta.url));
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function launch() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });
  const folder = await mkdtemp(path.join(tmpdir(), "evengrad-web-"));
  let pages = 0;
  return {
    /** Opens a document's page, or `file`; `messages` collects everything that it logs, refuses or asks from outside. */
    async open(document, { width = 1280, height = 900, scheme = "light", motion = "reduce", text, file, address = "" } = {}) {
      file ??= path.join(folder, `${pages++}.html`);
      if (document || text) await writeFile(file, text ?? (await fill(document)));
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme: scheme,
        reducedMotion: motion,
        acceptDownloads: true,
        permissions: ["clipboard-read", "clipboard-write"],
      });
      context.setDefaultTimeout(120_000);
      const page = await context.newPage();
      const messages = [];
      page.on("console", (message) => messages.push(message.text()));
      page.on("pageerror", (error) => messages.push(String(error)));
      page.on("dialog", (dialog) => (messages.push(`dialog: ${dialog.message()}`), dialog.dismiss()));
      page.on("request", (request) => {
        if (!/^(file|data|blob):/.test(request.url())) messages.push(`request: ${request.url()}`);
      });
      await page.goto(pathToFileURL(file).href + address);
      return { page, messages };
    },
    /** The playground at an address, "#curves?z=1". */
    playground(address, options) {
      return this.open(undefined, { ...options, file: playground, address });
    },
    async close() {
      await browser.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function example(name) {
  return JSON.parse(await readFile(new URL(`documents/${name}.json`, import.meta.url), "utf8"));
}

/** Polls: the page's policy forbids what Playwright's own waiting does inside it. */
export async function until(page, condition, argument) {
  for (const end = Date.now() + 120_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 50))) {
    if (await page.evaluate(condition, argument)) return;
  }
  throw new Error(`never came true: ${condition}`);
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

/** Waits until every section has been drawn, as it is when there is time. */
export async function drawn(page) {
  await until(page, () => [...document.querySelectorAll("main > section > .body")].every((body) => body.childElementCount));
  await until(page, () => [...document.querySelectorAll(".canvas")].every((canvas) => canvas.querySelector("svg")));
}

/** Opens the menus of all charts, which give their data and files. */
export const openMenus = (page) =>
  page.evaluate(() => document.querySelectorAll(".tools-menu").forEach((menu) => (menu.open = true)));

/** A command as a shell takes it apart into words; quotes are as the page sets them. */
export const words = (command) => [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c);

/** The commands that a line stands for, with its loops and && unrolled. */
export function unrolled(line) {
  const loop = /^for (\w+) in (.*?); do (.*); done$/.exec(line);
  if (!loop) return line.split(" && ");
  const [, name, values, inner] = loop;
  return values.split(" ").flatMap((value) => unrolled(inner.replaceAll(`$${name}`, value)));
}

/** The text of a file that a click gives to the reader. */
export async function downloaded(page, click) {
  const [download] = await Promise.all([page.waitForEvent("download"), click()]);
  return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
}

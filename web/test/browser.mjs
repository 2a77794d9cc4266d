// A page with a document in headless Chromium, and what its console says.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
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

export async function launch() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });
  const folder = await mkdtemp(path.join(tmpdir(), "evengrad-web-"));
  let pages = 0;
  return {
    /** Opens a document's page; `messages` collects everything that it logs, refuses or asks from outside. */
    async open(document, { width = 1280, height = 900, scheme = "light", text } = {}) {
      const file = path.join(folder, `${pages++}.html`);
      await writeFile(file, text ?? (await fill(document)));
      const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, acceptDownloads: true });
      context.setDefaultTimeout(120_000);
      const page = await context.newPage();
      const messages = [];
      page.on("console", (message) => messages.push(message.text()));
      page.on("pageerror", (error) => messages.push(String(error)));
      page.on("dialog", (dialog) => (messages.push(`dialog: ${dialog.message()}`), dialog.dismiss()));
      page.on("request", (request) => {
        if (!/^(file|data|blob):/.test(request.url())) messages.push(`request: ${request.url()}`);
      });
      await page.goto(pathToFileURL(file).href);
      return { page, messages };
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

/** Waits until every section has been drawn, as it is when there is time. */
export async function drawn(page) {
  await until(page, () => [...document.querySelectorAll("main > section > .body")].every((body) => body.childElementCount));
  await until(page, () => [...document.querySelectorAll(".canvas")].every((canvas) => canvas.querySelector("svg")));
}

/** The text of a file that a click gives to the reader. */
export async function downloaded(page, click) {
  const [download] = await Promise.all([page.waitForEvent("download"), click()]);
  return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
}

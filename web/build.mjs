// Builds the pages into dist/: script and style inlined, both allowed by their hashes only; the report's has a hole for
// one document.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { wasmPlugin } from "./wasm_plugin.mjs";

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

async function bundle(entry) {
  const result = await build({
    entryPoints: [path.join(here, entry)],
    absWorkingDir: here,
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: "es2022",
    charset: "ascii",
    legalComments: "none",
    plugins: [wasmPlugin],
    metafile: true,
  });
  return { text: result.outputFiles[0].text.trim(), sources: Object.keys(result.metafile.inputs) };
}

/** The style element that Plot puts into each chart; its text is part of the page's policy. */
async function plotStyle() {
  const source = path.join(path.dirname(createRequire(import.meta.url).resolve("@observablehq/plot")), "plot.js");
  const found = /append\("style"\)\.text\(\s*`([^`]*)`/.exec(await readFile(source, "utf8"));
  if (!found) throw new Error("build: no style found in Plot's plot.js: look at how this version styles its charts");
  return found[1].replaceAll("${className}", "plot");
}

/** The licenses of the packages inside the page, which ask to be kept with every copy. */
async function licenses(sources) {
  const packages = new Set(sources.flatMap((file) => /(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []));
  const texts = new Map();
  for (const folder of [...packages].sort()) {
    const [file] = (await readdir(path.resolve(here, folder))).filter((name) => /^licen[sc]e/i.test(name));
    const text = await readFile(path.resolve(here, folder, file), "utf8");
    const rest = text.replace(/^Copyright.*$/gm, "").replace(/\s+/g, " ").trim();
    const holders = text.match(/^Copyright.*$/gm) ?? [];
    texts.set(rest, [...(texts.get(rest) ?? []), `${folder.replace(/.*node_modules\//, "")}: ${holders.join("; ")}`]);
  }
  const all = [...texts].map(([text, names]) => `${names.join("\n")}\n${text}`).join("\n\n");
  return all.replaceAll("--", "- -");
}

async function page({ name, script: entry, worker: workerEntry, style: sheet, template, keep = [] }) {
  const { text: script, sources } = await bundle(entry);
  const { text: worker } = workerEntry ? await bundle(workerEntry) : { text: "" };
  const { text: style } = await bundle(sheet);
  for (const text of [script, worker, style]) {
    if (/<\/(script|style)|<!--/i.test(text)) throw new Error(`build: the bundle of ${name} would end its own element`);
  }
  // A worker is started from the page's own text by one policy of trusted types, and may compile its WebAssembly.
  const policy = [
    "default-src 'none'",
    `script-src ${hash(script)}${worker ? " 'wasm-unsafe-eval'" : ""}`,
    ...(worker ? ["worker-src blob:", "trusted-types evengrad-worker"] : []),
    `style-src ${hash(style)} ${hash(await plotStyle())}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
  ].join("; ");
  const parts = { policy, style, script, worker, licenses: await licenses(sources) };
  const text = await readFile(path.join(here, template), "utf8");
  const filled = text.replace(/\{\{(\w+)\}\}/g, (hole, part) => (keep.includes(part) ? hole : parts[part]));
  for (const part of keep) {
    if (filled.split(`{{${part}}}`).length !== 2) throw new Error(`build: ${name} must hold {{${part}}} exactly once`);
  }
  await mkdir(path.join(here, "dist"), { recursive: true });
  await writeFile(path.join(here, "dist", name), filled);
  console.log(`dist/${name}: ${Math.round(filled.length / 1000)} kB`);
}

await page({ name: "report.html", script: "src/report.ts", style: "src/style.css", template: "src/report.html", keep: ["document"] });

// The engine is compiled apart (the preset `wasm`); without it there is no playground.
if (existsSync(path.join(here, "dist/engine.wasm"))) {
  await page({
    name: "playground.html",
    script: "src/playground/main.ts",
    worker: "src/playground/worker.ts",
    style: "src/playground/playground.css",
    template: "src/playground/playground.html",
  });
} else {
  console.log("dist/engine.wasm is not there, so no playground.html (cmake --preset wasm)");
}

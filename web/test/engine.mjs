// The engine of the playground outside a browser, and the program beside which it is held.
import { build } from "esbuild";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { wasmPlugin } from "../wasm_plugin.mjs";

/** A TypeScript file as a module. */
export async function bundled(file) {
  const folder = await mkdtemp(path.join(tmpdir(), "evengrad-engine-"));
  const outfile = path.join(folder, "module.mjs");
  const entry = fileURLToPath(new URL(file, import.meta.url));
  await build({ entryPoints: [entry], outfile, bundle: true, format: "esm", target: "es2022", plugins: [wasmPlugin] });
  const module = await import(pathToFileURL(outfile).href);
  await rm(folder, { recursive: true });
  return module;
}

export async function startEngine() {
  const { startWasm } = await bundled("../src/playground/wasm.ts");
  const wasm = await startWasm();
  return (method, options = {}) => wasm.call(method, options).result;
}

/** The document that `evengrad ... --json` prints; EVENGRAD names the program. */
export async function evengrad(...words) {
  const { stdout } = await promisify(execFile)(process.env.EVENGRAD, [...words, "--json"], { maxBuffer: 1 << 26 });
  return JSON.parse(stdout);
}

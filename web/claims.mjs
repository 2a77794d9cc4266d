// The claims of a run for the playground's Learn tab: node claims.mjs ../runs/quick/results.json, the document that
// `evengrad run all --profile quick --out runs/quick` writes. Every word and number is the run's own.
import { readFile, writeFile } from "node:fs/promises";

const [file] = process.argv.slice(2);
if (!file) {
  console.error("usage: node claims.mjs RESULTS.json");
  process.exit(2);
}
const { kind, command, seed, seconds, provenance, experiments } = JSON.parse(await readFile(file, "utf8"));
if (kind !== "run") throw new Error(`${file}: expected the document of evengrad run, got ${kind}`);

// Eight digits are more than a page shows.
const shorter = (key, value) => (typeof value === "number" ? Number(value.toPrecision(8)) : value);
const kept = experiments
  .map(({ name, title, claims }) => ({ name, title, claims }))
  .filter(({ claims }) => claims.length > 0);
const made = { version: provenance.version, commit: provenance.commit, cpu: provenance.cpu };
const target = new URL("src/playground/claims.json", import.meta.url);
await writeFile(target, JSON.stringify({ command, seed, seconds, provenance: made, experiments: kept }, shorter) + "\n");
console.log(`${kept.flatMap((e) => e.claims).length} claims of ${kept.length} experiments`);

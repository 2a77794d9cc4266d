// Loads the WebAssembly that is part of this script and calls it: JSON in; JSON out, with arrays beside it.

export interface Result {
  result: unknown;
  buffers: ArrayBuffer[];
}
export interface Wasm {
  call(method: string, options: object): Result;
}

export async function startWasm(): Promise<Wasm> {
  throw new Error("the engine is not part of this build");
}

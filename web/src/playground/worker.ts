// The worker's side of the engine: one question after the other, arrays handed over without a copy.
import {startWasm} from "./wasm";
import type {Answer, Question} from "./engine";

const port = self as unknown as {postMessage(answer: Answer, transfer: Transferable[]): void};
const engine = startWasm();

self.addEventListener("message", async ({data: {id, method, options}}: MessageEvent<Question>) => {
  try {
    const {result, buffers} = (await engine).call(method, options);
    port.postMessage({id, result}, buffers);
  } catch (error) {
    const {message, at} = error as {message?: string; at?: number};
    port.postMessage({id, error: {message: message ?? String(error), at}}, []);
  }
});

// The engine itself: WebAssembly that is part of this script. JSON goes in; JSON comes out, with arrays beside it.
import compressed from "../../dist/engine.wasm";

export interface Result {
  result: unknown;
  buffers: ArrayBuffer[];
}
export interface Wasm {
  /** Throws {message, at?}. */
  call(method: string, options: object): Result;
}

interface Exports extends WebAssembly.Exports {
  memory: WebAssembly.Memory;
  _initialize(): void;
  evengrad_question(bytes: number): number;
  evengrad_ask(): number;
  evengrad_answer(): number;
}

const views = {f32: Float32Array, f64: Float64Array, i32: Int32Array, u8: Uint8Array};
type Placed = [type: keyof typeof views, address: number, count: number];

export async function startWasm(): Promise<Wasm> {
  const bytes = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const module = await WebAssembly.compile(await new Response(bytes).arrayBuffer());
  const {exports} = await WebAssembly.instantiate(module, surroundings(module, () => engine.memory.buffer));
  const engine = exports as Exports;
  engine._initialize();
  let broken: string|undefined;

  /** What stands in the engine's memory, as arrays of their own. */
  function revive(text: string): Result {
    const buffers: ArrayBuffer[] = [];
    const result = JSON.parse(text, (_, value: unknown) => {
      const place = (value as {$array?: Placed}|null)?.$array;
      if (!place) return value;
      const [type, address, count] = place;
      const size = count * views[type].BYTES_PER_ELEMENT;
      const buffer = engine.memory.buffer.slice(address, address + size) as ArrayBuffer;
      buffers.push(buffer);
      return new views[type](buffer);
    });
    return {result, buffers};
  }

  return {
    call(method, options) {
      if (broken) throw {message: broken};
      const asked = new TextEncoder().encode(JSON.stringify({method, options}, plainArrays));
      let answer: {result?: unknown; error?: object}, buffers: ArrayBuffer[];
      try {
        const at = engine.evengrad_question(asked.length);
        new Uint8Array(engine.memory.buffer, at, asked.length).set(asked);
        const size = engine.evengrad_ask();
        const text = new Uint8Array(engine.memory.buffer, engine.evengrad_answer(), size);
        ({result: answer, buffers} = revive(new TextDecoder().decode(text)) as {result: object, buffers: ArrayBuffer[]});
      } catch (error) {
        // What WebAssembly itself cannot go on from: memory that is not there, a stack that is full.
        broken = `the engine stopped: ${error instanceof Error ? error.message : String(error)}`;
        throw {message: broken};
      }
      if (answer.error) throw answer.error;
      return {result: answer.result, buffers};
    },
  };
}

function plainArrays(_: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) ? Array.from(value as Int32Array) : value;
}

/** The little that the engine asks of a system (WASI): a clock, and a place for what it says before it stops. */
function surroundings(module: WebAssembly.Module, memory: () => ArrayBufferLike): WebAssembly.Imports {
  const refused = 52;  // ENOSYS
  const known: Record<string, (...values: never[]) => number> = {
    clock_time_get(_id: number, _precision: bigint, at: number): number {
      new DataView(memory()).setBigUint64(at, BigInt(Math.round(performance.now() * 1e6)), true);
      return 0;
    },
    fd_write(_file: number, parts: number, count: number, written: number): number {
      const view = new DataView(memory());
      let text = "", total = 0;
      for (let i = 0; i < count; ++i) {
        const at = view.getUint32(parts + 8 * i, true), size = view.getUint32(parts + 8 * i + 4, true);
        text += new TextDecoder().decode(new Uint8Array(memory(), at, size));
        total += size;
      }
      view.setUint32(written, total, true);
      console.error(text);
      return 0;
    },
    environ_sizes_get(count: number, size: number): number {
      new DataView(memory()).setUint32(count, 0, true);
      new DataView(memory()).setUint32(size, 0, true);
      return 0;
    },
    environ_get: () => 0,
    proc_exit(status: number): never {
      throw new Error(`exit ${status}`);
    },
    emscripten_notify_memory_growth: () => 0,
  };
  const imports: WebAssembly.Imports = {};
  for (const {module: from, name} of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = known[name] ?? (() => refused);
  }
  return imports;
}

// wasm_plugin.mjs puts the file into the script, compressed by gzip.
declare module "*.wasm" {
  const compressed: Uint8Array<ArrayBuffer>;
  export default compressed;
}

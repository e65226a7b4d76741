/**
 * What @litertjs/core asks of @litertjs/wasm-utils: a WebAssembly module from its loader script, and
 * around it an object of LiteRT's. Here for a worker, and with modules that stand gzipped on the
 * server, as many static hosts don't compress them.
 */
export async function createWasmLib(LiteRt, loader) {
  const script = new URL(loader, self.location.href).href;
  self.importScripts(script);
  let reject;
  const failure = new Promise((_, refuse) => (reject = refuse));
  const options = {
    // Threads are workers that load this script.
    mainScriptUrlOrBlob: script,
    // What it tells of itself at each start is no error.
    printErr: (line) => /^(INFO|WARNING|VERBOSE):/.test(line) || console.error(line),
    locateFile: (name) => new URL(name, script).href,
    instantiateWasm(imports, done) {
      instantiate(script.replace(/\.js$/, ".wasm.gz"), imports).then(({ instance, module }) => done(instance, module), reject);
      return {};
    },
  };
  return new LiteRt(await Promise.race([self.ModuleFactory(options), failure]));
}

async function instantiate(url, imports) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  // Some hosts unpack what ends in .gz on the way.
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const stream = new Blob([bytes]).stream();
  const body = isPacked ? stream.pipeThrough(new DecompressionStream("gzip")) : stream;
  return WebAssembly.instantiateStreaming(new Response(body, { headers: { "Content-Type": "application/wasm" } }), imports);
}

/** From bytes to the core. Nothing happens at import: no request, no compilation, no top-level await. */
import type { CoreClass } from './core.js'
import { driverOf, type Wasm } from './driver.js'
import type { Code } from './errors.js'

type Source = BufferSource | WebAssembly.Module

/** Makes the function that brings the core, from wasm that `bring` fetches or unpacks. */
export function makeLoader(
  instantiate: (module: WebAssembly.Module) => Wasm,
): (bring: () => Promise<Source>) => Promise<CoreClass | Code> {
  // Set once the wasm is there; a failure is not remembered, so the next client may try again.
  let ready: CoreClass | undefined
  return async (bring) => {
    if (ready) return ready
    if (!webAssemblyWorks()) return 'wasm_blocked'
    try {
      const source = await bring()
      const module = source instanceof WebAssembly.Module ? source : await WebAssembly.compile(source)
      // Clients that load at the same time share the first instance.
      ready ??= driverOf(instantiate(module))
      return ready
    } catch {
      return 'wasm_failed'
    }
  }
}

/** Compiles the smallest module there is: fails under a CSP without 'wasm-unsafe-eval', and where there is no wasm. */
function webAssemblyWorks(): boolean {
  try {
    return !!new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))
  } catch {
    return false
  }
}

/** Unpacks inlined bytes: base64 of zlib data. Plain base64 would be a third larger after the server's compression. */
export async function inflate(text: string): Promise<ArrayBuffer> {
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
  const stream = new Response(bytes).body as ReadableStream<Uint8Array<ArrayBuffer>>
  return new Response(stream.pipeThrough(new DecompressionStream('deflate'))).arrayBuffer()
}

/** The wasm: compiled, as bytes, as a response, or an address to fetch it from (string or URL). */
export type WasmSource = WebAssembly.Module | BufferSource | Response | string | URL

/** Takes the wasm in whatever form a bundler or a page has it. */
export async function readWasm(
  wasm: WasmSource | Promise<WasmSource> | (() => WasmSource | Promise<WasmSource>),
): Promise<Source> {
  const given = await (typeof wasm === 'function' ? wasm() : wasm)
  const source =
    typeof given === 'string' || given instanceof URL ? await fetch(given, { credentials: 'same-origin' }) : given
  if (!(source instanceof Response)) return source
  if (!source.ok) throw new Error('no wasm')
  return source.arrayBuffer()
}

/**
 * The client without the wasm: for libraries, for runtimes that take only precompiled modules, and to spare the bytes
 * that inlining costs. The wasm is the package's `nymtrail/nymtrail.wasm`.
 *
 * @packageDocumentation
 */
import { type CreateTrail, createClient } from './create.js'
import { makeLoader, readWasm, type WasmSource } from './load.js'
import { instantiate } from './wasm.js'

export type { Code } from './errors.js'
export type { WasmSource } from './load.js'
export type * from './types.js'

/** What this entry adds to the options of `createTrail()`. */
export interface SlimOptions {
  /**
   * Where the wasm is. A function is called only once consent is given; anything else is used as it is, and an address
   * is fetched only then.
   */
  wasm: WasmSource | Promise<WasmSource> | (() => WasmSource | Promise<WasmSource>)
}

const load = /* @__PURE__ */ makeLoader(instantiate)
const create: CreateTrail<SlimOptions> = /* @__PURE__ */ createClient(({ wasm }) => load(() => readWasm(wasm)))

/**
 * `createTrail()` as in `nymtrail`, with the wasm from the caller. If it cannot be loaded, the client is inert
 * (`wasm_failed`).
 *
 * @example
 * ```ts
 * import { createTrail } from 'nymtrail/slim'
 * import wasm from 'nymtrail/nymtrail.wasm?url' // Vite; with webpack: new URL('nymtrail/nymtrail.wasm', import.meta.url)
 *
 * const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', wasm })
 * ```
 */
export const createTrail: CreateTrail<SlimOptions> = (options) => {
  // A download that fails before it is needed is no news to the page.
  if (options?.wasm instanceof Promise) options.wasm.catch(() => {})
  return create(options)
}

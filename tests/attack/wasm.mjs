// The built wasm and parts of the client's sources, in Node: what an attacker can run a million times.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { dist, root } from '../e2e/paths.mjs'

/** A module of js/, bundled. */
export async function source(name) {
  const entryPoints = [join(root, 'js', name)]
  const { outputFiles } = await build({ entryPoints, bundle: true, format: 'esm', write: false })
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`)
}

export const wasmFile = join(dist, 'nymtrail.wasm')
const { instantiate } = await source('wasm.ts')
const module = new WebAssembly.Module(readFileSync(wasmFile))

/** The memory from the first byte on that is not 0: below is stack that nothing has ever reached. */
function written({ buffer }) {
  const first = new BigUint64Array(buffer).findIndex((word) => word !== 0n)
  return Buffer.from(buffer, 8 * Math.max(first, 0))
}

/**
 * An instance of its own: what `instantiate` gives, and its memory.
 * @param called - Called with its memory after each call into it, before anything else can happen.
 */
export function openWasm(called) {
  const { Instance } = WebAssembly
  let memory
  WebAssembly.Instance = class extends Instance {
    get exports() {
      const own = super.exports
      memory = own.memory
      const call = (...values) => {
        const answer = own.call(...values)
        called?.(written(memory))
        return answer
      }
      return { ...own, call }
    }
  }
  try {
    return { ...instantiate(module), memory: () => Buffer.from(memory.buffer) }
  } finally {
    WebAssembly.Instance = Instance
  }
}

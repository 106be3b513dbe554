/** Calls into the wasm: texts and numbers in, a text out. Its other side is src/bindings/abi.rs. */
import type { Checker, Engine, Wasm } from './driver.js'

/** Methods, by number: `Session::call` in src/bindings.rs. */
const METHODS = [
  'create',
  'capture',
  'identify',
  'epochs',
  'reset',
  'feed',
  'stats',
  'chain',
  'rows',
  'verdict',
  'expect',
] as const

/** What the wasm exports. A line is an address. */
interface Exports extends WebAssembly.Exports {
  memory: WebAssembly.Memory
  open(): number
  room(line: number, bytes: number): number
  call(line: number, method: number, ...numbers: number[]): number
  length(line: number): number
  close(line: number): void
}

type Method = (...args: (string | number)[]) => string

/** Opens sessions of a compiled wasm, whose methods are numbered in this order. Throws if it is of another version. */
export function connect<Name extends string>(
  module: WebAssembly.Module,
  names: readonly Name[],
): () => Record<Name, Method> {
  const memory = (at: number, bytes: number) => new Uint8Array(wasm.memory.buffer, at, bytes)
  const random = (at: number, bytes: number) => void crypto.getRandomValues(memory(at, bytes))
  const wasm = new WebAssembly.Instance(module, { page: { random } }).exports as Exports
  const forgotten = new FinalizationRegistry(wasm.close)
  const encoder = new TextEncoder()
  const decoder = new TextDecoder()

  // No arrow: it is called with `new` as well.
  return function open() {
    const line = wasm.open()
    let cut = false
    const methods = names.map((name, method): [string, Method] => [
      name,
      (...args) => {
        // A script that the browser ended halfway has left texts behind; a method that is none takes them away.
        if (cut) wasm.call(line, names.length)
        cut = true
        const numbers: number[] = []
        for (const arg of args)
          if (typeof arg === 'string') {
            const text = encoder.encode(arg)
            memory(wasm.room(line, text.length), text.length).set(text)
          } else numbers.push(arg)
        const answer = decoder.decode(memory(wasm.call(line, method, ...numbers), wasm.length(line)))
        cut = false
        return answer
      },
    ])
    const session = Object.fromEntries(methods) as Record<Name, Method>
    forgotten.register(session, line)
    return session
  }
}

/** Makes the engine and the verifier out of the compiled wasm. Throws if it is of another version. */
export function instantiate(module: WebAssembly.Module): Wasm {
  const open = connect(module, METHODS)
  return {
    Core: {
      create(config) {
        const session = open()
        return session.create(config) ? undefined : (session as unknown as Engine)
      },
    },
    // A constructor may return an object of its own.
    Checker: open as unknown as new () => Checker,
  }
}

/** Calls into the verifier's wasm. Its other side is verify/src/abi.rs. */
import { type VerifyCode, VerifyError } from './types.js'

/** What the wasm exports. A line is an address. */
interface Exports extends WebAssembly.Exports {
  memory: WebAssembly.Memory
  open(anyOrder: number): number
  room(line: number, bytes: number): number
  feed(line: number, bytes: number): number
  finish(line: number): number
  prove(line: number, bytes: number, keys: number): number
  length(line: number): number
}

/** How much is handed over at once: below it the calls begin to count, above it the processor's cache is left. */
const PIECE = 256 * 1024

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** One verification. Its memory is its own, and goes with it. */
export class Session {
  readonly #wasm: Exports
  readonly #line: number

  constructor(module: WebAssembly.Module, anyOrder: boolean) {
    this.#wasm = new WebAssembly.Instance(module).exports as Exports
    this.#line = this.#wasm.open(anyOrder ? 1 : 0)
  }

  #room(bytes: number): Uint8Array {
    const at = this.#wasm.room(this.#line, bytes)
    return new Uint8Array(this.#wasm.memory.buffer, at, bytes)
  }

  /** Takes bytes or text, piece by piece; a generator, so that a page may go on in between. */
  *feed(input: Uint8Array | string): Generator<void> {
    for (let at = 0; at < input.length; ) {
      if (typeof input === 'string') {
        const piece = input.slice(at, at + PIECE)
        const { read, written } = encoder.encodeInto(
          // Half a character at the end waits for its other half.
          /[\ud800-\udbff]$/.test(piece) && at + PIECE < input.length ? piece.slice(0, -1) : piece,
          this.#room(3 * PIECE),
        )
        at += read
        this.#answer(this.#wasm.feed(this.#line, written))
      } else {
        const piece = input.subarray(at, at + PIECE)
        this.#room(piece.length).set(piece)
        at += piece.length
        this.#answer(this.#wasm.feed(this.#line, piece.length))
      }
      yield
    }
  }

  /** The verdict. */
  finish(): unknown {
    return this.#answer(this.#wasm.finish(this.#line))
  }

  /** What a proof shows. */
  prove(proof: Uint8Array, keys: string[]): unknown {
    const lines = encoder.encode(keys.join('\n'))
    const room = this.#room(proof.length + lines.length)
    room.set(proof)
    room.set(lines, proof.length)
    return this.#answer(this.#wasm.prove(this.#line, proof.length, lines.length))
  }

  #answer(at: number): unknown {
    if (at === 0) return undefined
    const bytes = new Uint8Array(this.#wasm.memory.buffer, at, this.#wasm.length(this.#line))
    const answer = JSON.parse(decoder.decode(bytes))
    if (answer.error) throw new VerifyError(answer.error.code as VerifyCode, answer.error.line)
    return answer
  }
}

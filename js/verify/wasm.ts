/** Calls into the verifier's wasm. Its other side is verify/src/abi.rs. */
import { type VerifyCode, VerifyError } from './types.js'

/** What the wasm exports. A line is an address. */
interface Exports extends WebAssembly.Exports {
  memory: WebAssembly.Memory
  open(anyOrder: number): number
  room(line: number, bytes: number): number
  tell(line: number, what: number, bytes: number): number
  begin(line: number): void
  feed(line: number, bytes: number): number
  end(line: number): number
  finish(line: number, answers: number): number
  prove(line: number, bytes: number, keys: number): number
  length(line: number): number
}

/** What can be told beside the rows; the numbers are those of verify/src/abi.rs. */
export const TOLD = { key: 0, receipts: 1, opening: 2, size: 3 } as const

/** A signature over P-256 that the wasm leaves to the platform. Bytes are in hex, the signature is DER. */
interface Ask {
  key: string
  message: string
  signature: string
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

  /** Takes what is known beside the rows, before these. */
  tell(what: keyof typeof TOLD, input: string | Uint8Array): void {
    const bytes = typeof input === 'string' ? encoder.encode(input) : input
    this.#room(bytes.length).set(bytes)
    this.#answer(this.#wasm.tell(this.#line, TOLD[what], bytes.length))
  }

  /** Says that all was told. */
  begin(): void {
    this.#wasm.begin(this.#line)
  }

  /** The verdict. */
  async finish(): Promise<unknown> {
    const asks = (this.#answer(this.#wasm.end(this.#line)) ?? []) as Ask[]
    const answers = await Promise.all(asks.map(isGood))
    this.#room(answers.length).set(answers.map(Number))
    return this.#answer(this.#wasm.finish(this.#line, answers.length))
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

const bytesOf = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/**
 * Whether WebCrypto says so. A page that is not secure has none, and without it no verdict is reached.
 */
async function isGood({ key, message, signature }: Ask): Promise<boolean> {
  const { subtle } = globalThis.crypto
  if (!subtle) throw new VerifyError('no_crypto')
  const fixed = fixedOf(bytesOf(signature))
  if (!fixed) return false
  try {
    const imported = await subtle.importKey('raw', bytesOf(key), ECDSA, false, ['verify'])
    return await subtle.verify(ECDSA, imported, fixed, encoder.encode(message))
  } catch {
    return false // the point is not on the curve
  }
}

/**
 * Both numbers of a signature with 32 bytes each, as WebCrypto has them, from DER: RFC 3279, 2.2.3. Undefined for what is no DER,
 * so that there is one way only to write a signature.
 */
function fixedOf(der: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  const fixed = new Uint8Array(64)
  const [tag, length] = der
  if (tag !== 0x30 || length !== der.length - 2) return
  let at = 2
  for (const end of [32, 64]) {
    const size = der[at + 1] ?? 0
    const digits = der.subarray(at + 2, at + 2 + size)
    const [first = 0x80, second = 0x80] = digits
    const isShortest = first < 0x80 && (first > 0 || size === 1 || second >= 0x80)
    if (der[at] !== 2 || digits.length !== size || !isShortest) return
    const number = first === 0 ? digits.subarray(1) : digits
    if (number.length > 32) return
    fixed.set(number, end - number.length)
    at += 2 + size
  }
  return at === der.length ? fixed : undefined
}

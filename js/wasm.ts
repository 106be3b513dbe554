/**
 * The way into the wasm: strings in, a string out. Its other side is src/bindings.rs, which says what the calls are.
 * By hand, because what wasm-bindgen generates costs more than it does here; see there.
 */

/** Calls one instance of the wasm: kind, number, texts. Throws only what the wasm throws when it traps. */
export type Instance = (kind: number, number: number, ...texts: string[]) => string

/** What src/bindings.rs exports. */
interface Exports {
  memory: WebAssembly.Memory
  room(bytes: number): number
  call(kind: number, number: number, now: number): number
  answer(): number
}

/** Ends a text: a byte that UTF-8 never has, so that no text can pass for two. */
const END = 0xff

/** Makes an instance, whose memory is its own: one client, or one checker. */
export function instantiate(module: WebAssembly.Module): Instance {
  const bytes = (at: number, length: number) => new Uint8Array(exports.memory.buffer, at, length)
  const page = { random: (at: number, length: number) => void crypto.getRandomValues(bytes(at, length)) }
  const exports = new WebAssembly.Instance(module, { page }).exports as unknown as Exports
  const encoder = new TextEncoder()
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return (kind, number, ...texts) => {
    const encoded = texts.map((text) => encoder.encode(text))
    const length = encoded.reduce((sum, text) => sum + text.length + 1, 0)
    const room = bytes(exports.room(length), length).fill(END)
    let at = 0
    for (const text of encoded) {
      room.set(text, at)
      at += text.length + 1
    }
    const answered = exports.call(kind, number, Date.now())
    return decoder.decode(bytes(exports.answer(), answered))
  }
}

/** The wasm of key servers' clients: blinds identifiers, checks answers. Its other side is oprf/src/session.rs. */
import inlined from '../../build/oprf/inlined.js'
import { inflate } from '../load.js'
import { connect } from '../wasm.js'

/** Methods, by number: `Session::call` in oprf/src/session.rs. */
const METHODS = ['create', 'ask', 'take', 'withdraw'] as const

/** Questions under way. An answer that begins with `!` is a word for what is wrong. */
export type Session = Record<(typeof METHODS)[number], (...texts: string[]) => string>

let open: Promise<() => Session> | undefined

/** A session for a deployment. Rejects where the wasm can't be compiled; that is not remembered. */
export async function openSession(deployment: string): Promise<Session> {
  open ??= inflate(inlined)
    .then((bytes) => WebAssembly.compile(bytes))
    .then((module) => connect(module, METHODS))
  try {
    const session = (await open)()
    session.create(deployment)
    return session
  } catch (reason) {
    open = undefined
    throw reason
  }
}

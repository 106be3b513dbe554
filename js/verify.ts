/**
 * The verifier, for browsers and Node: the same code as `nymtrail verify`, compiled to WebAssembly, with the same words for
 * the same damage. It sends nothing anywhere.
 *
 * @packageDocumentation
 */
import inlined from '../build/verify/inlined.js'
import { inflate } from './load.js'
import { type ProofReport, type Report, VerifyError } from './verify/types.js'
import { Session } from './verify/wasm.js'

export type {
  ChainReport,
  CheckpointReport,
  ContinuityReport,
  DamageClass,
  ErasureReport,
  Level,
  ProofReport,
  Report,
  Verdict,
  VerifyCode,
} from './verify/types.js'
export { VerifyError } from './verify/types.js'

/** Rows as NDJSON: as a whole, or in chunks that may end anywhere. */
export type Rows =
  | string
  | Uint8Array
  | ArrayBuffer
  | Blob
  | ReadableStream<Uint8Array | string>
  | AsyncIterable<Uint8Array | string>

/** How to verify. */
export interface VerifyOptions {
  /** The collector's public keys, as `nymtrail keys show` prints them, from a source you trust. */
  keys?: string | string[]
  /**
   * Checkpoints that were kept elsewhere, signed by the collector (receipts) or by devices: notes, or JSON a line, as `--receipts`
   * takes them. The rows are compared with them, and each erased row with the operator's log of erasures, if that is among the
   * rows and signed.
   */
  receipts?: string | Uint8Array
  /** Openings of continuity, each the JSON that `--opening` takes. */
  openings?: string | string[]
  /**
   * How many rows a chain is known to have, from a receipt or an earlier look: fewer means that its tail was cut off. A number
   * for the only chain there is, or one for each id.
   */
  expectSize?: number | Record<string, number>
  /**
   * How many bytes of a stream are kept in case its rows turn out not to be sorted, so that it has to be read again. Default:
   * 256 MiB. A function as input needs none of that.
   */
  keep?: number
  /** Stops the verification: it rejects with the signal's reason. */
  signal?: AbortSignal
}

const KEEP = 256 * 1024 * 1024
/** How long a page is kept waiting at a time, in ms: above 50 a browser calls it a long task. */
const PATIENCE = 40

let module: Promise<WebAssembly.Module> | undefined

/** Compiles the wasm once; a failure is not remembered. */
async function compiled(): Promise<WebAssembly.Module> {
  module ??= inflate(inlined).then((bytes) => WebAssembly.compile(bytes))
  try {
    return await module
  } catch {
    module = undefined
    throw new VerifyError('wasm_failed')
  }
}

/**
 * Checks rows: that each chain begins with its first row, and each row follows from the one before. Rows that are sorted by
 * chain and seq, as `nymtrail export` writes them, are checked as they come and never held. If they are not, they are read a
 * second time and held, so a stream that is longer than `keep` must be passed as a function that opens it.
 *
 * @throws {@link VerifyError} if no verdict can be reached: that is never a pass.
 * @example
 * ```ts
 * import { verify } from 'nymtrail/verify'
 *
 * const report = await verify(() => fetch('/export.ndjson').then(({ body }) => body!))
 * if (report.verdict !== 'holds') console.table(report.chains.filter(({ verdict }) => verdict !== 'holds'))
 * ```
 */
export async function verify(input: Rows | (() => Rows | Promise<Rows>), options: VerifyOptions = {}): Promise<Report> {
  const wasm = await compiled()
  const kept = new Kept(options.keep ?? KEEP)
  const open = async () => (typeof input === 'function' ? await input() : input)
  const first = await open()
  let report: Report
  try {
    const isOnce = typeof input !== 'function' && typeof first === 'object' && Symbol.asyncIterator in first
    report = await check(begun(wasm, false, options), isOnce ? kept.while(chunksOf(first)) : chunksOf(first), options)
  } catch (error) {
    if (!(error instanceof VerifyError) || error.code !== 'unsorted') throw error
    if (kept.isOver) throw error
    report = await check(begun(wasm, true, options), kept.chunks ? kept.again() : chunksOf(await open()), options)
  }
  return report
}

/**
 * Checks the proof that a row is in a chain that the collector signed: a file of `nymtrail prove`.
 *
 * @param proof - The file.
 * @param vkeys - The collector's public keys, as `nymtrail keys show` prints them, from a source you trust.
 * @throws {@link VerifyError} if it is no proof, or a key is none.
 * @example
 * ```ts
 * const { verdict, row } = await verifyProof(await file.text(), ['shop/collector+1a2b3c4d+BA...'])
 * ```
 */
export async function verifyProof(proof: string | Uint8Array, vkeys: string | string[]): Promise<ProofReport> {
  const bytes = typeof proof === 'string' ? new TextEncoder().encode(proof) : proof
  const keys = typeof vkeys === 'string' ? [vkeys] : vkeys
  return new Session(await compiled(), false).prove(bytes, keys) as ProofReport
}

/** A session that knows what there is beside the rows. */
function begun(wasm: WebAssembly.Module, anyOrder: boolean, options: VerifyOptions): Session {
  const { keys = [], receipts, openings = [], expectSize } = options
  const session = new Session(wasm, anyOrder)
  for (const key of [keys].flat()) session.tell('key', key)
  if (receipts !== undefined) session.tell('receipts', receipts)
  for (const opening of [openings].flat()) session.tell('opening', opening)
  if (typeof expectSize === 'number') session.tell('size', `${expectSize}`)
  else for (const [chain, size] of Object.entries(expectSize ?? {})) session.tell('size', `${chain}=${size}`)
  session.begin()
  return session
}

type Chunks = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>

async function check(session: Session, chunks: Chunks, { signal }: VerifyOptions): Promise<Report> {
  let since = performance.now()
  signal?.throwIfAborted()
  for await (const chunk of chunks)
    for (const _ of session.feed(chunk))
      if (performance.now() - since > PATIENCE) {
        await new Promise((resolve) => setTimeout(resolve))
        signal?.throwIfAborted()
        since = performance.now()
      }
  return (await session.finish()) as Report
}

/** The input as chunks. Browsers without iterable streams are read through a reader. */
function chunksOf(input: Rows): Chunks {
  if (typeof input === 'string' || input instanceof Uint8Array) return [input]
  if (input instanceof ArrayBuffer) return [new Uint8Array(input)]
  const stream = input instanceof Blob ? input.stream() : input
  return Symbol.asyncIterator in stream ? stream : read(stream as ReadableStream<Uint8Array | string>)
}

async function* read(stream: ReadableStream<Uint8Array | string>): AsyncGenerator<Uint8Array | string> {
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel()
  }
}

/** What was read of an input that can be read only once. */
class Kept {
  readonly #most: number
  #rest: AsyncIterator<Uint8Array | string> | undefined
  chunks: (Uint8Array | string)[] | undefined
  #size = 0
  isOver = false

  constructor(most: number) {
    this.#most = most
  }

  /** Passes chunks on and keeps them. */
  while(chunks: Chunks): Chunks {
    const source = chunks as AsyncIterable<Uint8Array | string>
    const rest = source[Symbol.asyncIterator]()
    this.#rest = rest
    this.chunks = []
    // Without a `return`, so that the source stays open when the first reading breaks off.
    const next = async (): Promise<IteratorResult<Uint8Array | string>> => {
      const { done, value } = await rest.next()
      if (done) return { done, value: undefined }
      this.#size += value.length
      this.isOver ||= this.#size > this.#most
      if (this.isOver) this.chunks = []
      // A source may use its buffer again.
      else this.chunks?.push(typeof value === 'string' ? value : value.slice())
      return { done: false, value }
    }
    return { [Symbol.asyncIterator]: () => ({ next }) }
  }

  /** What was kept, and then what follows. */
  async *again(): AsyncGenerator<Uint8Array | string> {
    yield* this.chunks ?? []
    const rest = this.#rest
    if (rest) yield* { [Symbol.asyncIterator]: () => rest }
  }
}

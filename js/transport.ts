/** From rows to a request and from its answer to outcomes. Which rows go when is the core's affair. */
import { unveiled } from './browser/store.js'
import type { Code } from './errors.js'
import { page } from './page.js'
import type {
  Activity,
  Batch,
  EncodedRequest,
  Endpoint,
  EndpointResponse,
  ErasureRequest,
  Settlement,
} from './types.js'

/** What the browser grants all keepalive requests of a page together: 64 KiB; we stop short of it, as others share it. */
const KEEPALIVE_BYTES = 60_000
/** Browsers refuse the tenth keepalive request in flight. */
const KEEPALIVE_REQUESTS = 9
/** After this many ms a request counts as failed. */
const TIMEOUT = 30_000
/**
 * A request without an answer counts as failed this many ms later. When a page is about to go, Firefox breaks its
 * requests off some 20 ms before it says so: that is no failure of the endpoint, and what is left goes with the page.
 */
const DOUBT = 200
/** Below this many bytes compression gains less than it costs. */
const GZIP_FROM = 1024

/**
 * What became of rows: one letter for each of them, or for all, as in src/core/answer.rs; status 0: no answer, and `o`
 * that this device has no network.
 */
interface Result {
  status: number
  events: string
  after?: number
  receipt?: string | undefined
  conflict?: readonly string[] | undefined
}

export interface Transport {
  /** {@link Host.deliver}: resolves to a {@link Result} as JSON and never rejects. */
  deliver(rows: string[], meta: string, exit: boolean, checkpoints?: string[]): Promise<string>
  /** Asks the service to erase chains, once, each in a request of its own. Resolves to how many it says it has erased. */
  erase(chains: ErasureRequest[]): Promise<number>
  /** Ends what is in flight. */
  stop(): void
}

export function makeTransport(
  endpoint: Endpoint,
  emit: (activity: Activity) => void,
  warn: (code: Code) => void,
): Transport {
  const inFlight = new Set<AbortController>()
  const alone = endpoint.limits.perRequest === 'event'

  async function deliver(rows: string[], meta: string, exit: boolean, checkpoints?: string[]): Promise<Result> {
    // Rows of a time when the endpoint was another one.
    if (!endpoint.pepper) rows = rows.map(unveiled)
    const { deployment, epoch, chain, sent_at: sentAt, age_ms: ageMs } = JSON.parse(meta)
    const post = (part: readonly string[], more?: Partial<Batch>) =>
      send({ deployment, epoch, chain, rows: part, sentAt, ageMs, ...more }, exit)
    if (!alone || rows.length < 2) return post(rows, checkpoints?.length ? { checkpoints } : {})
    let result: Result = { status: 0, events: '' }
    let events = ''
    // While the page leaves, only what is begun at once is sent at all; otherwise one at a time, until one fails.
    const begun = exit ? rows.map((row) => post([row])) : []
    for (let at = 0; at < rows.length; at++) {
      result = await (begun[at] ?? post(rows.slice(at, at + 1)))
      events += result.events.replace('s', 'd')
      if (/[ro]/.test(result.events) && !exit) break
    }
    return { ...result, events: events.padEnd(rows.length, result.events) }
  }

  async function send(batch: Batch, exit: boolean): Promise<Result> {
    const { rows } = batch
    const { limits } = endpoint
    let request: EncodedRequest
    let bytes: number
    try {
      const encoded = endpoint.encode(batch)
      // Nothing of it is for this service.
      if (encoded === null) return { status: 204, events: 'a' }
      request = encoded
      bytes = bytesOf(request)
    } catch {
      warn('endpoint_failed')
      return failed
    }
    const over = (limit: number | undefined, size: number) => limit !== undefined && size > limit
    if (
      over(limits.events, rows.length) ||
      over(limits.bytes, bytes) ||
      rows.some((row) => over(limits.eventBytes, row.length))
    )
      return { status: 413, events: 's' }
    const response = await (exit ? lastWord(request, bytes) : exchange(request, bytes, false))
    if (response) return settled(response, batch)
    // Without a network nothing is known of the endpoint. Node 20 has no navigator.
    return globalThis.navigator?.onLine === false ? { ...failed, events: 'o' } : failed
  }

  /**
   * Sends while the page is leaving: keepalive within the page's budget. What is over it waits in the store for the next
   * visit: a beacon would name the page's full address in `Referer` and carry cookies, and neither can be switched off.
   */
  async function lastWord(request: EncodedRequest, bytes: number): Promise<EndpointResponse | undefined> {
    const budget = page()
    if (!mayOutlive(bytes)) return
    budget.requests++
    budget.bytes += bytes
    try {
      return await exchange(request, bytes, true)
    } finally {
      budget.requests--
      budget.bytes -= bytes
    }
  }

  function mayOutlive(bytes: number): boolean {
    const budget = page()
    return endpoint.keepalive && budget.requests < KEEPALIVE_REQUESTS && budget.bytes + bytes <= KEEPALIVE_BYTES
  }

  async function erase(chain: ErasureRequest): Promise<number> {
    // An endpoint that throws has not asked.
    const request = endpoint.erase?.(chain) as EncodedRequest
    const bytes = bytesOf(request)
    // Perhaps the page is about to be closed. What cannot outlive it goes all the same.
    const response = await (mayOutlive(bytes) ? lastWord(request, bytes) : exchange(request, bytes, false))
    return +/^2/.test(`${response?.status}`)
  }

  /** One request and its answer; undefined when there was none. */
  async function exchange(
    request: EncodedRequest,
    bytes: number,
    exit: boolean,
  ): Promise<EndpointResponse | undefined> {
    const { url, method = 'POST', body } = request
    const packed = endpoint.gzip && !exit && bytes > GZIP_FROM ? await gzip(body) : undefined
    const headers = { ...request.headers, ...(packed && { 'content-encoding': 'gzip' }) }
    emit({ type: 'request', url, bytes, body, exit })
    const abort = new AbortController()
    inFlight.add(abort)
    const timer = setTimeout(() => abort.abort(), TIMEOUT)
    let answer: EndpointResponse | undefined
    try {
      const response = await fetch(url, {
        method,
        headers,
        body: (packed ?? body) as BodyInit,
        keepalive: exit,
        signal: abort.signal,
        // No cookie may join two epochs, and no address of a page may leave in a header.
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        cache: 'no-store',
      })
      // Read to the end in any case: an unread body keeps the browser's keepalive budget taken.
      const text = await response.text().catch(() => '')
      answer = { status: response.status, headers: response.headers, text }
    } catch {
      // No answer: told by status 0.
      if (!exit && !abort.signal.aborted) await new Promise((resolve) => setTimeout(resolve, DOUBT))
    } finally {
      clearTimeout(timer)
      inFlight.delete(abort)
    }
    emit({ type: 'response', status: answer?.status ?? 0, text: answer?.text ?? '' })
    return answer
  }

  function settled(response: EndpointResponse, batch: Batch): Result {
    const { status } = response
    let events = ''
    let told: Partial<Exclude<Settlement, string>> = {}
    try {
      const settlement = endpoint.settle(response, batch)
      events = letters(settlement)
      if (typeof settlement === 'object') told = settlement
    } catch {
      // Told below.
    }
    if (!/^([ardf]+|s)$/.test(events) || (events.length > 1 && events.length !== batch.rows.length)) {
      warn('endpoint_failed')
      return { ...failed, status }
    }
    if (events === 'r' && status >= 400 && status < 500 && ![408, 425, 429].includes(status)) warn('endpoint_refused')
    const { receipt, conflict } = told
    const after = wait(told.afterMs) ?? retryAfter(response.headers)
    return { status, events, ...(after !== undefined && { after }), receipt, conflict }
  }

  return {
    deliver: (...batch) =>
      deliver(...batch)
        .catch(() => failed)
        .then(JSON.stringify as (result: Result) => string),
    erase: async (chains) => {
      const answers = await Promise.all(chains.map((chain) => erase(chain).catch(() => 0)))
      return answers.reduce((sum, answer) => sum + answer, 0)
    },
    stop() {
      for (const abort of inFlight) abort.abort()
    },
  }
}

const bytesOf = ({ body }: EncodedRequest): number =>
  typeof body === 'string' ? new TextEncoder().encode(body).length : body.length

/** No answer, or none that can be used: try again later. */
const failed: Result = { status: 0, events: 'r' }

/** The body compressed; undefined where the browser cannot. */
async function gzip(body: string | Uint8Array): Promise<Blob | undefined> {
  try {
    const stream = new Response(body as BodyInit).body as ReadableStream<Uint8Array<ArrayBuffer>>
    return await new Response(stream.pipeThrough(new CompressionStream('gzip'))).blob()
  } catch {
    return
  }
}

const LETTERS: Record<string, string> = { ack: 'a', retry: 'r', drop: 'd', fork: 'f', split: 's' }

/** A settlement as letters; a question mark for what is no outcome. */
function letters(settlement: Settlement): string {
  const events = typeof settlement === 'object' ? settlement.events : settlement
  return (typeof events === 'string' ? [events] : events).map((outcome) => LETTERS[outcome] ?? '?').join('')
}

/**
 * A wait as the core takes it, in whole ms. NaN, Infinity and what lies behind us are no wait; nor is 0, or a service
 * that says so each time would be asked without end.
 */
const wait = (ms = 0): number | undefined =>
  ms > 0 && ms < Infinity ? Math.min(Math.ceil(ms), Number.MAX_SAFE_INTEGER) : undefined

/** `Retry-After`, seconds or a date, in ms from now; a date is measured by the server's clock if that is known. */
function retryAfter(headers: Headers): number | undefined {
  const value = headers.get('retry-after') ?? ''
  const now = Date.parse(headers.get('date') ?? '') || Date.now()
  return wait(/^\d+$/.test(value.trim()) ? 1000 * Number(value) : Date.parse(value) - now)
}

import { isEvent, readEvent } from '../endpoints/lib/event.js'
import type { Batch, EncodedRequest, Endpoint, EndpointResponse, Outcome, Settlement } from '../types.js'
import { partWith, readParts } from './contents.js'
import { SAMPLE_NAMES, sampleBatch } from './samples.js'

/** One case: a sentence, and a function that rejects with an `Error` when it does not hold. */
export interface ConformanceCase {
  readonly name: string
  readonly run: () => Promise<void>
}

/** An answer of the service, as its documentation has it, and what it means. */
export interface AnswerSample {
  /** What it is, for the name of its case. */
  name: string
  /** The answer; `text` may be an object, which becomes JSON. A function makes it from the batch. */
  response: Answer | ((batch: Batch) => Answer)
  /** The batch it answers. Default: six rows, the first of which opens the chain; one row if they go one by one. */
  batch?: Batch
  /** What becomes of the rows: one word for all, or one for each, and `afterMs` if it is to be read. */
  expected: Settlement
}

/** An answer: status 200, no headers and no text unless said otherwise. */
export interface Answer {
  status?: number
  headers?: Record<string, string>
  text?: string | object
}

/** What {@link endpointConformance} cannot know of a service. */
export interface ConformanceOptions {
  /**
   * What a request carries of each row.
   * - `columns` (default): every column under whatever name, so that the chain can be verified from the service.
   * - `id`: of each event `chain:seq`, or its UUID, so that the service can tell it by that.
   * - `nothing`: neither, as the service has no place for it.
   */
  carries?: 'columns' | 'id' | 'nothing'
  /**
   * What shows that events were taken.
   * - `status` (default): `success`, with an empty text; also for a service that always answers so.
   * - `answer`: the text; one that cannot be read acknowledges nothing. Then `samples` has to have one that does.
   */
  acknowledgedBy?: 'status' | 'answer'
  /** Statuses of success. Default 200, 202 and 204. */
  success?: readonly number[]
  /**
   * Statuses that mean something else than the rule says, and what. The rule: 408, 425, 429 and 5xx are `retry`; 3xx and
   * other 4xx `retry` or `split`, so that one bad event costs only itself.
   */
  statuses?: Readonly<Record<number, Outcome | 'split'>>
  /** Answers of the service. */
  samples?: readonly AnswerSample[]
  /** Headers that are to be new in each request, such as an id of it. */
  varies?: readonly string[]
  /** The address is on the page's own origin, so that no header needs a preflight. Default: if it is relative. */
  sameOrigin?: boolean
  /** Reads a body that is neither JSON, lines of JSON, a form, tab-separated, nor base64 of one of them. */
  read?: (request: EncodedRequest) => unknown
}

/** Where the page is for which requests are made. */
const PAGE = 'https://page.example/a/'
/** Statuses that say nothing about the events. Where no answer came at all, the client asks no endpoint. */
const LATER = [408, 425, 429, 500, 502, 503, 504]
/** Statuses by which a request was refused. */
const REFUSED = [301, 302, 304, 400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 451]
/** What stands in the place of an answer when a proxy, a portal or a failing service has written it. */
const UNREADABLE = ['', '<!doctype html><title>502 Bad gateway</title>', '{"results":[{"sta', 'null', '[]']
/** Further answers, which say nothing that every service would understand. */
const VAGUE = [
  ...UNREADABLE,
  '"ok"',
  '{}',
  '0',
  '1',
  'true',
  'ok',
  '{"error":null}',
  '{"errors":[]}',
  '{"results":[{}]}',
  '[null]',
]
/** Headers that a page cannot set. */
const FORBIDDEN =
  /^(accept-encoding|connection|content-length|cookie|date|host|origin|referer|te|via|proxy-.*|sec-.*)$/i
/** Rows that the largest sample has, without the one that opens the chain. */
const MOST = 100

/** Says what does not hold. */
function fail(message: string): never {
  throw new Error(message)
}

/** A value for a message, not too long. */
const show = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

/**
 * What every endpoint has to keep to, as cases for any test runner: that its requests can be sent and are the same each
 * time, carry every row, and fit its limits; and that no answer acknowledges or drops what it should not. A `settle`
 * that throws counts as `retry` here, as in the client.
 *
 * @param make - Makes the endpoint; it is called several times.
 * @param options - What cannot be known of the service.
 * @example
 * ```ts
 * import { test } from 'vitest' // or node:test; Jest has it as a global
 *
 * for (const { name, run } of endpointConformance(() => mine('https://in.example'))) test(name, run)
 * ```
 */
export function endpointConformance(make: () => Endpoint, options: ConformanceOptions = {}): ConformanceCase[] {
  const { samples = [], acknowledgedBy = 'status' } = options
  const cases: Record<string, () => void> = {
    'says what it is, and what it takes': () => checkEndpoint(make()),
    'makes requests that a browser sends': () => each(make, checkRequest),
    'makes the same request of the same batch': () => each(make, (_, batch) => checkSame(make, batch, options)),
    'puts no undefined, NaN or [object Object] into a request': () =>
      each(make, (request) => checkWords(request, options)),
    'carries every row, whatever batch it is in': () => checkRows(make(), options),
    'takes what its limits allow': () => checkLimits(make(), options),
    'is sent while the page leaves only if that needs no preflight': () =>
      each(make, (request) => checkKeepalive(make(), request, options)),
    'keeps events when the service is not there, or wants them later': () => checkLater(make(), options),
    'keeps or splits what was too large, or refused': () => checkRefused(make(), options),
    'acknowledges by success': () => checkSuccess(make(), options),
  }
  for (const sample of samples) cases[`reads the answer: ${sample.name}`] = () => checkSample(make(), sample)
  if (acknowledgedBy === 'answer') {
    cases['has a sample of an answer that acknowledges'] = () => {
      if (!samples.some(({ expected }) => outcomesIn(expected).includes('ack')))
        fail("with acknowledgedBy: 'answer', samples needs an answer of which an event is expected to be acknowledged")
    }
  }
  // No parameter: Jest would wait for a callback to be called.
  return Object.entries(cases).map(([name, check]) => ({ name, run: async () => check() }))
}

// ---- Requests ------------------------------------------------------------------------------------------------------

/** A batch in the portions that this endpoint takes at most. */
function portions(endpoint: Endpoint, batch: Batch): Batch[] {
  const { events = batch.rows.length, perRequest } = endpoint.limits
  const size = perRequest === 'event' ? 1 : Math.max(1, Math.floor(events) || 1)
  const starts = batch.rows.map((_, at) => at).filter((at) => at % size === 0)
  return starts.map((at) => ({ ...batch, rows: batch.rows.slice(at, at + size) }))
}

function encode(endpoint: Endpoint, batch: Batch): EncodedRequest | null {
  try {
    return endpoint.encode(batch)
  } catch (error) {
    return fail(`encode() threw: ${error}`)
  }
}

/** Looks at the request of every sample. */
function each(make: () => Endpoint, check: (request: EncodedRequest, batch: Batch) => void) {
  let some = false
  for (const name of SAMPLE_NAMES)
    for (const batch of portions(make(), sampleBatch(name))) {
      try {
        const request = encode(make(), batch)
        some ||= request !== null
        if (request !== null) check(request, batch)
      } catch (error) {
        fail(`of the sample ${name}: ${(error as Error).message}`)
      }
    }
  if (!some) fail('encode() gave null for everything, so nothing would ever be sent')
}

function checkEndpoint(endpoint: Endpoint) {
  const { name, limits, keepalive, browserSafe, gzip } = endpoint
  if (typeof name !== 'string' || !name) fail('name has to be a text')
  if (typeof keepalive !== 'boolean') fail('keepalive has to be true or false')
  if (typeof browserSafe !== 'boolean') fail('browserSafe has to be true or false')
  if (gzip !== undefined && typeof gzip !== 'boolean') fail('gzip has to be true or false')
  if (!limits) fail('limits is missing; {} means none')
  for (const key of ['events', 'bytes', 'eventBytes'] as const) {
    const limit = limits[key]
    if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) fail(`limits.${key} is ${limit}`)
  }
  const { bytes, eventBytes, perRequest } = limits
  if (bytes && eventBytes && eventBytes > bytes) fail('limits.eventBytes is more than limits.bytes')
  if (![undefined, 'batch', 'event'].includes(perRequest)) fail(`limits.perRequest is ${perRequest}`)
}

function checkRequest({ url, method = 'POST', headers = {}, body }: EncodedRequest) {
  if (typeof url !== 'string') fail(`url has to be a text: ${show(url)}`)
  const { protocol, username, password } = urlOf(url)
  if (!/^https?:$/.test(protocol)) fail(`url is no address on the web: ${url}`)
  if (username || password) fail('url has a user or a password in it, which fetch() refuses')
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) fail(`body is neither text nor bytes: ${show(body)}`)
  if (/^(get|head)$/i.test(method)) fail(`fetch() refuses a body with ${method}`)
  if (!/^[A-Z]+$/.test(method)) fail(`method has to be in capitals: ${method}`)
  for (const [header, value] of Object.entries(headers)) {
    if (typeof value !== 'string') fail(`the header ${header} is no text: ${show(value)}`)
    if (FORBIDDEN.test(header)) fail(`a page cannot set the header ${header}`)
    try {
      new Headers([[header, value]])
    } catch {
      fail(`fetch() refuses the header ${header}: ${value}`)
    }
  }
}

function urlOf(url: string): URL {
  try {
    return new URL(url, PAGE)
  } catch {
    return fail(`url is no address: ${show(url)}`)
  }
}

const textOf = ({ body }: EncodedRequest): string => (typeof body === 'string' ? body : new TextDecoder().decode(body))

/** All of a request, to compare. */
function flat({ url, method = 'POST', headers = {}, body }: EncodedRequest, varies: readonly string[]): string {
  const fixed = Object.entries(headers).filter(([header]) => !varies.includes(header))
  return JSON.stringify([url, method, fixed.sort(), typeof body === 'string' ? body : [...body]])
}

function checkSame(make: () => Endpoint, given: Batch, { varies = [] }: ConformanceOptions) {
  // Whoever writes into a batch, which is the client's, fails here.
  const batch = Object.freeze({ ...given, rows: Object.freeze([...given.rows]) })
  const endpoint = make()
  const [first, ...others] = [endpoint, endpoint, make()].map((each) => encode(each, batch))
  for (const other of others)
    if (first && other && flat(first, varies) !== flat(other, varies))
      fail('the second request of the same batch is another one')
}

/** What stands in a text where a value was missing. */
const MISSING = /\bundefined\b|\bNaN\b|\[object \w+\]/

function checkWords(request: EncodedRequest, { read }: ConformanceOptions) {
  const texts = [request.url, textOf(request), ...Object.values(request.headers ?? {})]
  for (const text of [...texts, ...readParts(read?.(request) ?? textOf(request)).values])
    if (MISSING.test(text)) fail(`there is ${MISSING.exec(text)?.[0]} in: ${show(text)}`)
}

// ---- Rows ----------------------------------------------------------------------------------------------------------

function checkRows(endpoint: Endpoint, options: ConformanceOptions) {
  for (const name of SAMPLE_NAMES) {
    const whole = sampleBatch(name)
    // A row alone and at another time, as when the rest was taken before.
    const alone = whole.rows.map((row) => ({ ...whole, rows: [row], sentAt: whole.sentAt + 60_000 }))
    for (const batch of [...portions(endpoint, whole), ...alone]) checkCarried(endpoint, batch, name, options)
  }
}

function checkCarried(
  endpoint: Endpoint,
  batch: Batch,
  name: string,
  { carries = 'columns', read }: ConformanceOptions,
) {
  if (carries === 'nothing' || isOver(endpoint, batch)) return
  const rows = batch.rows.map(readEvent)
  const wanted = carries === 'columns' ? rows : rows.filter(isEvent)
  const request = encode(endpoint, batch)
  if (!wanted.length) return
  if (!request) return fail(`of the sample ${name}: encode() gave null for rows with seq ${seqs(wanted)}`)
  const all = readParts(read?.(request) ?? textOf(request))
  for (const { row, id, uuid, columns } of wanted) {
    const where = `of the sample ${name}: of the row with seq ${row.seq}`
    if (carries === 'id') {
      if (!all.values.has(id) && !all.values.has(uuid)) fail(`${where}, neither ${id} nor ${uuid} is in the body`)
      continue
    }
    const values = Object.entries(columns).map(([column, value]) => [column.slice(3), String(value)] as const)
    for (const [column, value] of values)
      if (!all.values.has(value)) fail(`${where}, ${column} is not in the body: ${value}`)
    // All rows of a batch are of one chain, so that may be said once; it is the link of the first row, too.
    const own = values.filter(([column]) => column !== 'chain').map(([, value]) => value)
    const place = partWith(all, own)
    const others = rows.filter(({ row: other }) => other.seq !== row.seq && other.link !== other.chain)
    if (others.some(({ row: other }) => place?.values.has(other.link)))
      fail(`${where}, the columns are not together, or those of other rows are among them`)
  }
}

const seqs = (rows: readonly { row: { seq: number } }[]) => rows.map(({ row }) => row.seq).join(', ')

const bytesOf = (request: EncodedRequest): number =>
  typeof request.body === 'string' ? new TextEncoder().encode(request.body).length : request.body.length

/** Whether the client would not send it: it halves such a batch, and drops such an event. */
function isOver(endpoint: Endpoint, batch: Batch): boolean {
  const { bytes = Infinity, eventBytes = Infinity } = endpoint.limits
  const request = encode(endpoint, batch)
  return batch.rows.some((row) => row.length > eventBytes) || (!!request && bytesOf(request) > bytes)
}

function checkLimits(endpoint: Endpoint, options: ConformanceOptions) {
  const many = sampleBatch('many')
  const events = many.rows.slice(1)
  const one = { ...many, rows: events.slice(-1) }
  if (isOver(endpoint, one)) fail('not even one small event is within limits')
  const { perRequest, events: most = MOST } = endpoint.limits
  if (perRequest === 'event') return
  const full = { ...many, rows: events.slice(0, Math.min(most, MOST)) }
  const [request, small] = [encode(endpoint, full), encode(endpoint, one)]
  if (!request || !small) return fail('encode() gave null for events')
  // One that did not shrink would be halved until every event of it was dropped.
  if (full.rows.length > 1 && bytesOf(small) >= bytesOf(request))
    fail('a request of one event is as large as one of many')
  checkCarried(endpoint, full, 'many', options)
}

// ---- Keepalive -----------------------------------------------------------------------------------------------------

/** Content types that need no preflight (Fetch standard, CORS-safelisted request-header). */
const SIMPLE = /^\s*(text\/plain|application\/x-www-form-urlencoded|multipart\/form-data)\s*(;|$)/i

function checkKeepalive(endpoint: Endpoint, request: EncodedRequest, { sameOrigin }: ConformanceOptions) {
  const { url, method = 'POST', headers = {} } = request
  if (!endpoint.keepalive || (sameOrigin ?? urlOf(url).origin === new URL(PAGE).origin)) return
  if (method !== 'POST') fail(`keepalive is true, but ${method} needs a preflight`)
  for (const [header, value] of Object.entries(headers)) {
    const simple = /^content-type$/i.test(header)
      ? SIMPLE.test(value)
      : /^(accept|accept-language|content-language)$/i.test(header)
    if (!simple) fail(`keepalive is true, but ${header}: ${value} needs a preflight`)
  }
}

// ---- Answers -------------------------------------------------------------------------------------------------------

const outcomesIn = (settlement: Settlement): readonly string[] => {
  const events = typeof settlement === 'object' ? settlement.events : settlement
  return typeof events === 'string' ? [events] : Array.isArray(events) ? events : []
}

/** What the client makes of an answer: one word for all, or one for each row; anything else fails. */
function settle(endpoint: Endpoint, response: EndpointResponse, batch: Batch, strict = false) {
  const answer = `of status ${response.status} and the text ${show(response.text) || '(empty)'}`
  let settlement: Settlement
  try {
    settlement = endpoint.settle(response, batch)
  } catch (error) {
    if (strict) fail(`${answer}: settle() threw: ${error}`)
    return { answer, outcomes: ['retry'], afterMs: undefined }
  }
  const known = ['ack', 'retry', 'drop', 'fork', 'split']
  const outcomes = settlement ? outcomesIn(settlement) : []
  const listed = typeof settlement === 'object' && Array.isArray(settlement.events)
  if (!outcomes.length || outcomes.some((outcome) => !known.includes(outcome)))
    fail(`${answer}: settle() gave what is no outcome: ${show(settlement)}`)
  if (listed && outcomes.includes('split')) fail(`${answer}: split is for the whole batch, not for one row of it`)
  if (listed && outcomes.length !== batch.rows.length)
    fail(`${answer}: settle() gave ${outcomes.length} outcomes for ${batch.rows.length} rows`)
  const afterMs = typeof settlement === 'object' ? settlement.afterMs : undefined
  if (afterMs !== undefined && !(afterMs >= 0 && afterMs < Infinity)) fail(`${answer}: afterMs is ${afterMs}`)
  return { answer, outcomes, afterMs }
}

/** Batches of several rows and of one, as this endpoint gets them. */
function batches(endpoint: Endpoint): Batch[] {
  const whole = sampleBatch()
  const rows = whole.rows.slice(1, 2)
  return [portions(endpoint, { ...whole, rows: whole.rows.slice(1) })[0] as Batch, { ...whole, rows }]
}

/** What may become of the rows: what the rule says, or what the options say of this status. */
function expectOf(options: ConformanceOptions, status: number, text: string, rule: readonly string[]) {
  const named = options.statuses?.[status]
  return named === undefined ? rule : text ? [named, ...rule] : [named]
}

/** Looks at what becomes of batches with these statuses and texts; `rule` says it by the number of rows. */
function checkAnswers(
  endpoint: Endpoint,
  options: ConformanceOptions,
  statuses: readonly number[],
  texts: readonly string[],
  rule: (rows: number, text: string) => readonly string[],
) {
  for (const batch of batches(endpoint))
    for (const status of statuses)
      for (const text of texts) {
        const { outcomes, answer } = settle(endpoint, { status, headers: new Headers(), text }, batch)
        const { length } = batch.rows
        const right = expectOf(options, status, text, rule(length, text))
        if (outcomes.some((outcome) => !right.includes(outcome)))
          fail(`${answer}: ${show(outcomes)} for ${length} rows, where ${right.join(' or ')} is right`)
      }
}

const checkLater = (endpoint: Endpoint, options: ConformanceOptions) =>
  checkAnswers(endpoint, options, LATER, VAGUE, () => ['retry'])

const checkRefused = (endpoint: Endpoint, options: ConformanceOptions) =>
  checkAnswers(endpoint, options, REFUSED, VAGUE, (rows) =>
    rows > 1 ? ['split', 'retry'] : ['split', 'retry', 'drop'],
  )

function checkSuccess(endpoint: Endpoint, options: ConformanceOptions) {
  const { success = [200, 202, 204], acknowledgedBy = 'status' } = options
  // Some rows may have to wait for a request of their own, such as those of another user.
  const right = acknowledgedBy === 'answer' ? ['retry'] : ['ack', 'retry']
  checkAnswers(endpoint, options, success, UNREADABLE, () => right)
  if (acknowledgedBy === 'answer') return
  for (const batch of batches(endpoint))
    for (const status of success) {
      const { outcomes, answer } = settle(endpoint, { status, headers: new Headers(), text: '' }, batch)
      if (!outcomes.includes('ack')) fail(`${answer}: ${show(outcomes)}, where ack is right`)
    }
}

function checkSample(endpoint: Endpoint, { response, batch, expected }: AnswerSample) {
  const given = batch ?? (portions(endpoint, sampleBatch()).at(-1) as Batch)
  const { status = 200, headers, text = '' } = typeof response === 'function' ? response(given) : response
  const body = typeof text === 'string' ? text : JSON.stringify(text)
  const found = settle(endpoint, { status, headers: new Headers(headers), text: body }, given, true)
  const spread = (outcomes: readonly string[]) =>
    outcomes.length === 1 ? given.rows.map(() => outcomes[0]) : [...outcomes]
  const [is, should] = [spread(found.outcomes), spread(outcomesIn(expected))]
  if (is.join() !== should.join()) fail(`${found.answer}: ${show(is)}, where ${show(should)} is right`)
  const after = typeof expected === 'object' ? expected.afterMs : undefined
  if (after !== undefined && found.afterMs !== after) fail(`${found.answer}: afterMs is ${found.afterMs}, not ${after}`)
}

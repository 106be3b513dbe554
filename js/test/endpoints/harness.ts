/**
 * What the tests of endpoints share: real rows, the way they are sent, and a server that plays a vendor's.
 * The rows are made, and checked, with Node's SHA-256 and FORMAT alone, not with the code they test.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import type { Columns } from '../../endpoints/lib/event.ts'
import { makeTransport } from '../../transport.ts'
import type { Activity, Endpoint, Row } from '../../types.ts'

const sha256 = (...parts: (string | Uint8Array)[]): string => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
const commitment = (salt: string, body: string) => sha256(`b1|${salt}|${body}`)
const linkOf = (seq: number, t: number, prev: string, bc: string) =>
  sha256(new Uint8Array([0]), `e1|${seq}|${t}|${prev}|${bc}`)

/** Sorted, without white space, in ASCII: as a body is. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, part) =>
    part && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  ).replace(/[^ -~]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

export const T0 = 1_790_000_000_000
export const DEVICE = 'vQ5DTnbm0Qmmb5anLHChkw'
export const VISIT = '_YLjt52v6HF-5F2H0kvWxg'
export const USER = 'p1.0kjgA_5tMJc05lhIFTSs9Q'
export const GROUP = 'p1.q2xEd6Jfhk1bK8mQ0Zc0Ug'

/** Bodies of one lane: what opens it, a page view, a sign-in, purchases, a group. */
export const BODIES: readonly object[] = [
  { x: 'open', v: 1, dep: 'shop', ep: 20781 },
  {
    k: 'page',
    d: DEVICE,
    s: VISIT,
    c: { url: 'https://shop.example/order/:id?utm_source=mail', ref: 'https://news.example' },
  },
  { k: 'identify', d: DEVICE, s: VISIT, u: USER, p: { plan: 'pro' } },
  {
    k: 'track',
    n: 'checkout',
    d: DEVICE,
    s: VISIT,
    u: USER,
    p: { items: 3, price: 19.5, gift: true, note: 'für “dich”', tags: ['a', 'b'], nested: { a: 1 }, none: null },
  },
  { k: 'group', d: DEVICE, s: VISIT, u: USER, g: GROUP, p: { seats: 12 } },
  { k: 'track', n: 'sign out', d: DEVICE, s: VISIT, u: USER, g: GROUP },
]

/** The lines of one chain with these bodies; `start` tells chains apart. */
export function chainOf(bodies: readonly object[] = BODIES, start = 'one'): string[] {
  let prev = sha256('g1|', sha256(start), '|', '0'.repeat(64))
  const gprev = prev
  let chain = ''
  return bodies.map((body, seq) => {
    const t = T0 + 10 * seq
    const salt = sha256(`${start} ${seq}`).slice(0, 32)
    const text = canonical(body)
    prev = linkOf(seq, t, prev, commitment(salt, text))
    chain ||= prev
    return canonical({ body: text, chain, link: prev, salt, seq, t, ...(seq === 0 && { gprev }) })
  })
}

/** So many tracked events in one chain, after the row that opens it. */
export const manyRows = (count: number, start?: string): string[] =>
  chainOf(
    [
      BODIES[0] as object,
      ...Array.from({ length: count }, (_, at) => ({ k: 'track', n: 'view', d: DEVICE, s: VISIT, p: { at } })),
    ],
    start,
  )

/**
 * Checks one chain from columns as they came back from a vendor, in any order, numbers perhaps as strings. Throws at the
 * first row that does not follow.
 */
export function verifyColumns(found: readonly Columns[]) {
  let prev = ''
  const rows = [...found].sort((a, b) => Number(a.nt_seq) - Number(b.nt_seq))
  rows.forEach((row, at) => {
    const seq = Number(row.nt_seq)
    if (seq !== at) throw new Error(`row ${at} is missing`)
    const bc = row.nt_bc ?? commitment(row.nt_salt as string, row.nt_body as string)
    const link = linkOf(seq, Number(row.nt_t), at === 0 ? (row.nt_gprev as string) : prev, bc)
    if (link !== row.nt_link) throw new Error(`row ${at} has another link`)
    prev = link
  })
  if (rows.length && rows[0]?.nt_link !== rows[0]?.nt_chain) throw new Error('another chain')
}

const COLUMNS = ['chain', 'seq', 't', 'link', 'salt', 'body', 'gprev', 'bc']

/**
 * The columns in a vendor's export, wherever they are: named `nt_…` or as they are, in an object or as attributes of
 * OTLP. A body in pieces is joined.
 */
export function columnsIn(value: unknown): Columns[] {
  if (typeof value !== 'object' || value === null) return []
  const attributes = Array.isArray(value) && value.every((part) => typeof part === 'object' && part && 'key' in part)
  const entries: [string, unknown][] = attributes
    ? value.map(({ key, value }) => [key, Object.values(value)[0]])
    : Object.entries(value)
  const plain = 'chain' in value && 'link' in value
  const own: Record<string, unknown> = {}
  for (const [key, part] of entries) {
    const name = plain && COLUMNS.includes(key) ? `nt_${key}` : key
    if (name.startsWith('nt_') && part !== null) own[name] = Array.isArray(part) ? part.join('') : part
  }
  if (own.nt_link === undefined) return Object.values(value).flatMap(columnsIn)
  const numbered = Object.keys(own).filter((name) => /^nt_body_\d+$/.test(name))
  if (numbered.length)
    own.nt_body = numbered
      .sort((a, b) => Number(a.slice(8)) - Number(b.slice(8)))
      .map((name) => own[name])
      .join('')
  return [own as unknown as Columns]
}

/** One batch through the client's own transport: the outcome, a letter a row or one for all, and what was shown. */
export async function deliver(endpoint: Endpoint, rows: readonly string[], exit = false) {
  const seen: Activity[] = []
  const warnings: string[] = []
  const { deliver } = makeTransport(
    endpoint,
    (activity) => seen.push(activity),
    (code) => warnings.push(code),
  )
  const { chain } = JSON.parse(rows[0] as string) as Row
  const meta = JSON.stringify({ deployment: 'shop', epoch: 20781, chain, sent_at: T0 + 5000, age_ms: 40 })
  const outcome = JSON.parse(await deliver([...rows], meta, exit)) as { status: number; events: string; after?: number }
  return { ...outcome, seen, warnings }
}

/**
 * Sends rows as the core would: splits what is refused as a whole, tries again at once what is to be tried again, up to
 * ten times each. Gives the seqs by what became of them.
 */
export async function sendAll(endpoint: Endpoint, rows: readonly string[]) {
  const fates: Record<'acknowledged' | 'dropped' | 'left', number[]> = { acknowledged: [], dropped: [], left: [] }
  const seqs = (lines: readonly string[]) => lines.map((line) => (JSON.parse(line) as Row).seq)
  async function send(part: readonly string[], tries: number): Promise<void> {
    if (!part.length) return
    if (!tries) return void fates.left.push(...seqs(part))
    const { events } = await deliver(endpoint, part)
    if (events === 's') {
      if (part.length === 1) return void fates.dropped.push(...seqs(part))
      const half = Math.ceil(part.length / 2)
      await send(part.slice(0, half), tries)
      return send(part.slice(half), tries)
    }
    const letters = events.length === 1 ? events.repeat(part.length) : events
    const by = (wanted: string) => part.filter((_, at) => wanted.includes(letters[at] as string))
    fates.acknowledged.push(...seqs(by('a')))
    fates.dropped.push(...seqs(by('df')))
    return send(by('r'), tries - 1)
  }
  await send(rows, 10)
  return fates
}

/** A request as a double gets it; a gzipped body is unpacked. */
export interface Received {
  method: string
  path: string
  query: URLSearchParams
  headers: IncomingHttpHeaders
  body: string
  bytes: Uint8Array
}

/** What a double answers. */
export interface Reply {
  status?: number
  headers?: Record<string, string>
  body?: string | object
}

/** A server on this machine that answers as `reply` says and keeps what it got. `faults` are answered first, once each. */
export async function openDouble(reply: (request: Received) => Reply) {
  const requests: Received[] = []
  const faults: Reply[] = []
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk) => chunks.push(chunk))
    incoming.on('end', () => {
      const sent = Buffer.concat(chunks)
      const bytes = incoming.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent
      const url = new URL(incoming.url as string, 'http://double')
      const { method = '', headers } = incoming
      const request = { method, path: url.pathname, query: url.searchParams, headers, body: bytes.toString(), bytes }
      requests.push(request)
      const { status = 200, headers: more = {}, body = '' } = faults.shift() ?? reply(request)
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      outgoing.writeHead(status, { ...(typeof body === 'object' && { 'content-type': 'application/json' }), ...more })
      outgoing.end(text)
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    faults,
    close: () => new Promise((done) => server.close(done)),
  }
}

/** Whether a request with these headers needs no CORS preflight (Fetch standard, CORS-safelisted request-header). */
export function isCorsSimple({
  method = 'POST',
  headers = {},
}: {
  method?: string
  headers?: Record<string, string>
}): boolean {
  const simple = ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']
  return (
    ['GET', 'HEAD', 'POST'].includes(method) &&
    Object.entries(headers).every(
      ([name, value]) =>
        ['accept', 'accept-language', 'content-language'].includes(name.toLowerCase()) ||
        (name.toLowerCase() === 'content-type' &&
          simple.includes((value.split(';')[0] as string).trim().toLowerCase())),
    )
  )
}

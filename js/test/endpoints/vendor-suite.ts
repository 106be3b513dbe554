/**
 * What every endpoint of a vendor of product analytics must do, run against a double of the vendor: PostHog, Segment,
 * RudderStack, Jitsu, Amplitude, Mixpanel. The pages in docs/endpoints are held to what the code sends.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Columns } from '../../endpoints/lib/event.ts'
import { readOptions } from '../../options.ts'
import type { EncodedRequest, Endpoint, Row } from '../../types.ts'
import {
  BODIES,
  chainOf,
  DEVICE,
  deliver,
  isCorsSimple,
  manyRows,
  type openDouble,
  sendAll,
  T0,
  USER,
  VISIT,
  verifyColumns,
} from './harness.ts'

/** A double, and what its export holds. */
export type Double<E> = Awaited<ReturnType<typeof openDouble>> & { exported(): E[] }

/** What is special about a vendor, whose export has elements of type `E`. */
export interface Vendor<E> {
  open(): Promise<Double<E>>
  /** The endpoint with a key that is good. */
  endpoint(url: string): Endpoint
  /** The same with a key that the vendor refuses; `undefined` where it refuses none. */
  wrongKey?: (url: string) => Endpoint
  /** The warning for a wrong key; default `endpoint_refused`, which a 4xx status brings. */
  wrongKeyWarns?: string
  /** What the vendor has as the id of one event, by which it drops doubles. */
  idOf(exported: E): string
  /** `false`: doubles stay, and are told by their ids. Default `true`. */
  deduplicates?: boolean
  /** A body that the vendor does not take; `undefined` where it says that it takes all. */
  poison?: object
  /** A body over the vendor's limit for one event, or for one request. */
  giant: object
  /** Rows that are over the limit of a request together. */
  tooMany(): string[]
  /** It needs a secret, so the client takes it only with `proxied: true`. */
  needsProxy?: true
  /** It was asked to keep the sender's address. */
  keepsAddress?: true
  /** Answers that are no acknowledgement, whatever their status; beside those that are none anywhere. */
  broken?: { status?: number; body: string | object }[]
}

/** The columns of everything in an export, wherever they are; a body that travelled in pieces is joined. */
export function columnsIn(value: unknown): Columns[] {
  if (typeof value !== 'object' || value === null) return []
  if (!('nt_link' in value)) return Object.values(value).flatMap(columnsIn)
  const own = Object.entries(value).filter(([name]) => name.startsWith('nt_'))
  return [Object.fromEntries(own.map(([name, part]) => [name, Array.isArray(part) ? part.join('') : part])) as never]
}

/** The chain with its row at this place erased. */
export function erase(lines: readonly string[], at: number): string[] {
  return lines.map((line, place) => {
    const { body, salt, ...row }: Row = JSON.parse(line)
    if (place !== at) return line
    return JSON.stringify({ ...row, bc: createHash('sha256').update(`b1|${salt}|${body}`).digest('hex') })
  })
}

export const track = (name: string, p: object = {}): object => ({
  k: 'track',
  n: name,
  d: DEVICE,
  s: VISIT,
  u: USER,
  p,
})

/** A chain with these bodies after the row that opens it and one event. */
export const chainWith = (...bodies: object[]): string[] => chainOf([BODIES[0] as object, track('before'), ...bodies])

/** One request in the form the documentation shows it. */
export function exampleOf(endpoint: Endpoint, at = 3): string {
  const row = chainOf()[at] as string
  const { chain } = JSON.parse(row) as Row
  const request = endpoint.encode({
    deployment: 'shop',
    epoch: 20781,
    chain,
    rows: [row],
    sentAt: T0 + 5000,
    ageMs: 40,
  })
  const {
    url,
    headers = { 'content-type': 'text/plain;charset=UTF-8' },
    body,
  } = request as { body: string } & NonNullable<typeof request>
  const text = body.startsWith('data=') ? body.slice(5) : body
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`)
  const shown = JSON.stringify(JSON.parse(text === body ? body : decodeURIComponent(text)), null, 2)
  return `POST ${url}\n${head.join('')}\n${text === body ? '' : 'data='}${shown}\n`
}

export const documented = (name: string): string =>
  readFileSync(new URL(`../../../docs/endpoints/${name}.md`, import.meta.url), 'utf8')

export function vendorSuite<E>(name: string, vendor: Vendor<E>): void {
  let double: Double<E>
  let endpoint: Endpoint
  beforeEach(async () => {
    double = await vendor.open()
    endpoint = vendor.endpoint(double.url)
  })
  afterEach(() => double.close())

  const arrived = () => columnsIn(double.exported())
  const seqs = () =>
    arrived()
      .map(({ nt_seq }) => Number(nt_seq))
      .sort((a, b) => a - b)

  test(`${name}: everything arrives once, and the chain verifies from the export`, async () => {
    const rows = erase(chainOf(), 5)
    expect(await sendAll(endpoint, rows)).toEqual({ acknowledged: [0, 1, 2, 3, 4, 5], dropped: [], left: [] })
    expect(seqs()).toEqual([0, 1, 2, 3, 4, 5])
    verifyColumns(arrived())
    expect(arrived().some(({ nt_bc }) => nt_bc)).toBe(true)
    expect(new Set(double.exported().map(vendor.idOf)).size).toBe(6)
  })

  test(`${name}: a body of any length arrives whole`, async () => {
    const rows = chainWith(...[100, 250, 900, 1100, 3000].map((size) => track('long', sentences(size))))
    expect((await sendAll(endpoint, rows)).dropped).toEqual([])
    expect(seqs()).toEqual([0, 1, 2, 3, 4, 5, 6])
    verifyColumns(arrived())
  })

  test(`${name}: the same request again brings the same ids${vendor.deduplicates === false ? '' : ', and nothing new'}`, async () => {
    const rows = chainOf()
    await sendAll(endpoint, rows)
    const first = double.exported().map(vendor.idOf).sort()
    await sendAll(endpoint, rows)
    const both = double.exported().map(vendor.idOf).sort()
    expect(first.length).toBe(6)
    expect(both).toEqual(vendor.deduplicates === false ? [...first, ...first].sort() : first)
  })

  const { poison } = vendor
  if (poison)
    test(`${name}: an event it does not take costs itself and not its batch`, async () => {
      const rows = chainWith(track('a'), poison, track('b'), track('c'))
      expect(await sendAll(endpoint, rows)).toEqual({
        acknowledged: expect.arrayContaining([0, 1, 2, 4, 5]),
        dropped: [3],
        left: [],
      })
      expect(seqs()).toEqual([0, 1, 2, 4, 5])
    })

  test(`${name}: too large a batch is split, and one giant event is dropped`, async () => {
    // Some limits are of megabytes.
    const rows = vendor.tooMany()
    const { acknowledged, dropped, left } = await sendAll(endpoint, rows)
    expect([acknowledged.length, dropped, left]).toEqual([rows.length, [], []])
    expect(seqs()).toEqual(rows.map((_, at) => at))
    const giant = chainWith(track('a'), vendor.giant, track('b'))
    expect((await sendAll(endpoint, giant)).dropped).toEqual([3])
  }, 30_000)

  test(`${name}: what is no acknowledgement is tried again`, async () => {
    const rows = manyRows(3)
    double.faults.push({ status: 429, headers: { 'retry-after': '7' }, body: 'slow down' })
    const { events, after } = await deliver(endpoint, rows.slice(0, 1))
    expect([events, after]).toEqual(['r', 7000])
    const none = [
      { status: 500, body: 'oops' },
      { status: 503, body: '' },
      { status: 200, body: '' },
      { status: 200, body: '<html><body>Sign in to this network</body></html>' },
      { status: 200, body: '{"status":' },
      { status: 200, body: 'null' },
      { status: 202, body: '{}' },
      { status: 204, body: '' },
      { status: 403, body: 'forbidden' },
      ...(vendor.broken ?? []),
    ]
    for (const answer of none) {
      // Those that send each event by itself stop at the first.
      double.faults.push(answer)
      const { events } = await deliver(endpoint, rows)
      expect([answer, events]).toEqual([answer, expect.stringMatching(/^r+$/)])
      double.faults.length = 0
    }
    expect(arrived()).toEqual([])
    expect((await sendAll(endpoint, rows)).acknowledged).toEqual([0, 1, 2, 3])
    verifyColumns(arrived())
  })

  const { wrongKey } = vendor
  if (wrongKey)
    test(`${name}: with a wrong key all events stay, and the console says so`, async () => {
      const { events, warnings } = await deliver(wrongKey(double.url), chainOf())
      expect(events).toMatch(/^r+$/)
      expect(warnings).toEqual([vendor.wrongKeyWarns ?? 'endpoint_refused'])
      expect(arrived()).toEqual([])
    })

  test(`${name}: what it says of keepalive, of secrets and of its name is so`, async () => {
    const rows = chainOf().slice(3, 4)
    const batch = { deployment: 'shop', epoch: null, chain: '', rows, sentAt: T0, ageMs: 0 }
    const request = endpoint.encode(batch)
    expect(endpoint.keepalive).toBe(isCorsSimple(request ?? {}))
    const options = { deployment: 'shop', consent: 'granted', endpoint } as const
    const refused = { code: 'endpoint_needs_proxy', option: 'endpoint' }
    expect(readOptions(options)).toMatchObject(vendor.needsProxy ? refused : { endpoint })
    expect(readOptions({ ...options, proxied: true })).toMatchObject({ endpoint })
    expect(endpoint.name).toBe(name.split(' ')[0])
    const exit = await deliver(endpoint, chainOf(), true)
    expect(exit.events).toMatch(endpoint.keepalive ? /^a+$/ : /^r+$/)
    expect(arrived().length).toBe(endpoint.keepalive ? 6 : 0)
  })

  test(`${name}: every script and sign arrives as it was`, async () => {
    const p = {
      rtl: 'שלום',
      smile: '👩‍👩‍👧',
      zero: 'a\u0000b',
      line: 'a\u2028b',
      quote: '"\\"',
      ключ: 'ñ',
      html: '</script>&=%',
    }
    const rows = chainWith(track('naïve 日本', p))
    expect((await sendAll(endpoint, rows)).acknowledged).toEqual([0, 1, 2])
    verifyColumns(arrived())
    expect(find(double.exported(), 'quote')).toMatchObject(p)
    expect(JSON.stringify(double.exported())).toContain('naïve 日本')
  })

  test(`${name}: requests of two epochs share nothing that could join them`, () => {
    const ids = (rows: string[]) => {
      // One by one, as some send no more than one.
      const one = (row: string) => ({ deployment: 'shop', epoch: 1, chain: '', rows: [row], sentAt: T0, ageMs: 0 })
      return new Set(rows.flatMap((row) => [...idsIn(endpoint.encode(one(row)))]))
    }
    const day = ids(chainOf())
    const renewed = JSON.stringify(BODIES).replace(/"(p1\.)?[\w-]{22}"/g, (id) => id.replace(/..."$/, 'new"'))
    const next = ids(chainOf(JSON.parse(renewed), 'two'))
    expect([...day].filter((id) => next.has(id))).toEqual([])
    // What it would find: each row's salt and link, the chain, device, visit, user, group, and the event's id.
    expect(day.size).toBeGreaterThan(20)
  })

  test(`${name}: no request has a cookie or a referrer, and no address is kept`, async () => {
    await sendAll(endpoint, chainOf())
    for (const { headers } of double.requests) {
      expect(headers.cookie).toBeUndefined()
      expect(headers.referer).toBeUndefined()
    }
    // The address that every double takes for the sender's.
    expect(JSON.stringify(double.exported()).includes('203.0.113.7')).toBe(vendor.keepsAddress ?? false)
  })
}

/** Words in the texts of a request that are long enough to be an id of somebody. */
function idsIn(request: EncodedRequest | null): Set<string> {
  const words = new Set<string>()
  const look = (value: unknown): void => {
    if (typeof value === 'string') for (const [word] of value.matchAll(/[\w-]{22,}/g)) words.add(word)
    if (typeof value === 'object' && value !== null) Object.values(value).forEach(look)
  }
  const { headers, url } = request as EncodedRequest
  const body = String(request?.body)
  look([headers, url, JSON.parse(body.startsWith('data=') ? decodeURIComponent(body.slice(5)) : body)])
  return words
}

/** The object anywhere in it that has this key. */
function find(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  if (key in value) return value
  for (const part of Object.values(value)) {
    const found = find(part, key)
    if (found) return found
  }
  return undefined
}

/** Properties of so many characters in all, none of them long. */
const sentences = (size: number) =>
  Object.fromEntries(Array.from({ length: Math.ceil(size / 50) }, (_, at) => [`line${at}`, 'x'.repeat(42)]))

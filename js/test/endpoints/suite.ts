/**
 * What must hold of every endpoint for another service, whatever its wire format, against a strict double of the service:
 * everything arrives and the chain is verified from what the service hands out again; a bad event costs itself; nothing
 * but an answer that is understood acknowledges anything. A table says how the services differ.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isEvent, readEvent } from '../../endpoints/lib/event.ts'
import { readOptions } from '../../options.ts'
import type { EncodedRequest, Endpoint, Row } from '../../types.ts'
import {
  BODIES,
  chainOf,
  columnsIn,
  deliver,
  isCorsSimple,
  manyRows,
  type openDouble,
  type Reply,
  sendAll,
  T0,
  verifyColumns,
} from './harness.ts'
import { requestOn, shown } from './page.ts'
import { batchOf, chainWith, erased, longRows, track } from './rows.ts'

/** A double of a service. */
export type Double<E> = Awaited<ReturnType<typeof openDouble>> & {
  /** What the service keeps, in the order of arrival, as its users get it back. */
  exported(): E[]
}

/** What is particular to an endpoint, the export of whose service has elements of type `E`. */
export interface Subject<E> {
  /** Its double. `refuse` says of which links it finds fault with the event; `bytes` is the largest request. */
  open(options: { refuse: (link: string) => boolean; bytes?: number }): Promise<Double<E>>
  /** The endpoint, with a key or site that is good. */
  endpoint(url: string): Endpoint
  /** Where rows do not travel: the link of the row that a record is of. */
  linkOf?: (record: E) => string
  /** The id of a record, by which the service or its users know doubles. */
  idOf?: (record: E) => string
  /** The service keeps an event that comes twice twice. */
  keepsDoubles?: true
  /** Properties are kept as they are, under their own names. */
  keepsProps?: true
  /** It was asked to keep the sender's address. */
  keepsAddress?: true
  /** The body of an event that the service finds fault with by itself; default: `refuse` says which. */
  poison?: object
  /**
   * What a bad event comes to. `told` (default): it is dropped, the others are acknowledged; `counted`: one is dropped,
   * though perhaps another; `unseen`: the service acknowledges what it throws away; `none`: only alone is it told.
   */
  poisoned?: 'told' | 'counted' | 'unseen' | 'none'
  /** The largest request that the double takes in the test of sizes; default: the service's own limit. */
  bytes?: number
  /** Rows over the limit of a request together; `undefined` if there is no limit. */
  tooMany: (() => string[]) | undefined
  /** The body of an event over a limit by itself; `undefined` where values are cut, so that none is. */
  giant: object | undefined
  /** Whether an answer of 2xx without the service's own words means that it took everything. Default: none does. */
  acks?: (reply: Reply) => boolean
  /** More answers that leave everything where it is, to a request of so many rows. */
  retried?: (rows: number) => readonly Reply[]
  /** More answers that say that a batch cannot be taken as a whole. */
  refused?: readonly Reply[]
  /** With a key or site that the service does not know; what becomes of events then, and what the console says. */
  mistaken?: { endpoint(url: string): Endpoint; events?: string; warns?: string[] }
  /** It needs a secret, so the client takes it only with `proxied: true`. */
  needsProxy?: true
  /** A batch makes the same request at any time. */
  timeless?: true
  /** Headers that differ in each request. */
  random?: readonly string[]
  /** What requests of two epochs may share: ids of the site. */
  shared?: readonly string[]
  /** What the endpoint's page shows: a request of the endpoint, of these rows (default: one event). */
  page?: { endpoint: Endpoint; rows?: string[] }
}

/** Answers that leave everything where it is, at any service that has no other word for them. */
const LATER: readonly Reply[] = [
  ...[401, 403, 404, 405, 408, 425, 429, 500, 502, 503, 504].map((status) => ({ status })),
  { status: 500, body: 'oops' },
  { status: 503, body: '<html>busy</html>' },
  { status: 403, body: 'forbidden' },
]
/** Answers of 2xx from something else, or without a word. */
const HOLLOW: readonly Reply[] = [
  { status: 200, body: '' },
  { status: 200, body: '<!doctype html><title>Sign in to this network</title>' },
  { status: 200, body: '{"status":' },
  { status: 200, body: 'null' },
  { status: 201, body: '{"ok":true}' },
  { status: 202, body: '{}' },
  { status: 204, body: '' },
]

export function suite<E>(name: string, subject: Subject<E>, as = name): void {
  const { linkOf, idOf, keepsDoubles = false, poisoned = 'told', tooMany, giant, mistaken, refused = [] } = subject
  const whole = !linkOf

  describe(as, () => {
    const bad = new Set<string>()
    const refuse = (link: string) => bad.has(link)
    let double: Double<E>
    let endpoint: Endpoint
    beforeEach(async () => {
      bad.clear()
      double = await subject.open({ refuse })
      endpoint = subject.endpoint(double.url)
    })
    afterEach(() => double.close())

    const columns = () => columnsIn(double.exported())
    const kept = () => (linkOf ? double.exported().map(linkOf) : columns().map(({ nt_link }) => nt_link))
    const rowOf = (line: string): Row => JSON.parse(line)
    /** The links of those rows that go to the service. */
    const links = (rows: readonly string[]) =>
      rows.filter((line) => whole || isEvent(readEvent(line))).map((line) => rowOf(line).link)
    const seqs = (rows: readonly string[]) => rows.map((line) => rowOf(line).seq)
    const ascending = (numbers: number[]) => [...numbers].sort((a, b) => a - b)

    test('everything arrives once, and is what was sent', async () => {
      const rows = chainOf()
      rows[2] = erased(rows[2] as string)
      const { acknowledged, ...others } = await sendAll(endpoint, rows)
      expect([ascending(acknowledged), others]).toEqual([seqs(rows), { dropped: [], left: [] }])
      expect(kept()).toEqual(links(rows))
      if (idOf) expect(new Set(double.exported().map(idOf)).size).toBe(links(rows).length)
      if (!whole) return
      verifyColumns(columns())
      // To the character, also what is not ASCII.
      expect(columns().map(({ nt_body }) => nt_body)).toEqual(rows.map((line) => rowOf(line).body))
      expect(columns().map(({ nt_bc }) => nt_bc)).toEqual(rows.map((line) => (rowOf(line) as { bc?: string }).bc))
    })

    test('many rows in several batches', async () => {
      const rows = manyRows(60)
      for (const from of [0, 25, 50])
        expect(await sendAll(endpoint, rows.slice(from, from + 25))).toMatchObject({ dropped: [], left: [] })
      expect(kept()).toEqual(links(rows))
      if (whole) verifyColumns(columns())
    })

    test(`the same request twice: ${keepsDoubles ? 'two' : 'one'} of each`, async () => {
      const rows = chainOf()
      await sendAll(endpoint, rows)
      const ids = idOf && double.exported().map(idOf)
      await sendAll(endpoint, rows)
      expect(kept().sort()).toEqual([...links(rows), ...(keepsDoubles ? links(rows) : [])].sort())
      // What came twice is the same to the letter, so that DISTINCT is enough.
      expect(new Set(double.exported().map((record) => JSON.stringify(record))).size).toBe(links(rows).length)
      if (idOf) expect(new Set(double.exported().map(idOf))).toEqual(new Set(ids))
    })

    if (poisoned !== 'none')
      test('a poisoned event costs itself and not its batch', async () => {
        const plain = (count: number) => Array.from({ length: count }, (_, at) => track('view', { at }))
        const rows = chainWith(...plain(16), subject.poison ?? track('poison'), ...plain(22))
        const place = 18
        const { link } = rowOf(rows[place] as string)
        bad.add(link)
        const { acknowledged, dropped, left } = await sendAll(endpoint, rows)
        const lost = poisoned === 'told' ? [place] : poisoned === 'counted' ? [expect.any(Number)] : []
        expect([dropped, left]).toEqual([lost, []])
        expect(ascending(acknowledged)).toEqual(seqs(rows).filter((seq) => !dropped.includes(seq)))
        // Where nothing tells which it was, the others may come more than once.
        const found = keepsDoubles ? [...new Set(kept())] : kept()
        expect(found.sort()).toEqual(
          links(rows)
            .filter((each) => each !== link)
            .sort(),
        )
        if (!whole) return
        const unique = new Map(columns().map((row) => [row.nt_link, row]))
        expect(() => verifyColumns([...unique.values()])).toThrow(`row ${place} is missing`)
      })

    test('too large a batch is split, and one giant event is dropped', async () => {
      const { bytes } = subject
      const small = await subject.open({ refuse, ...(bytes && { bytes }) })
      const at = subject.endpoint(small.url)
      const found = () =>
        linkOf ? small.exported().map(linkOf) : columnsIn(small.exported()).map((row) => row.nt_link)
      const rows = tooMany?.() ?? longRows(90, 200)
      const { acknowledged, dropped, left } = await sendAll(at, rows)
      expect([acknowledged.length, dropped, left]).toEqual([rows.length, [], []])
      expect(found().sort()).toEqual(links(rows).sort())
      if (tooMany) expect(small.requests.length).toBeGreaterThan(1)
      if (giant) {
        const among = chainOf([BODIES[0] as object, track('before'), track('a'), giant, track('b')], 'giant')
        expect(await sendAll(at, among)).toMatchObject({ dropped: [3], left: [] })
        expect(found()).not.toContain(rowOf(among[3] as string).link)
        expect(found().sort()).toEqual([...links(rows), ...links(among.filter((_, place) => place !== 3))].sort())
      }
      await small.close()
    }, 30_000)

    test('what is no acknowledgement is tried again, when it was told to', async () => {
      const rows = manyRows(3)
      double.faults.push({ status: 429, headers: { 'retry-after': '7' }, body: 'slow down' })
      const { events, after } = await deliver(endpoint, rows.slice(1, 2))
      expect([events, after]).toEqual(['r', 7000])
      const later = LATER.filter(({ status }) => !refused.some((reply) => reply.status === status && !reply.body))
      const hollow = HOLLOW.filter((answer) => !subject.acks?.(answer))
      for (const part of [rows.slice(1, 2), rows.slice(1)]) {
        for (const answer of [...later, ...hollow, ...(subject.retried?.(part.length) ?? [])]) {
          double.faults.push(answer)
          const { events } = await deliver(endpoint, part)
          // Those that send each event by itself stop at the first.
          expect([answer, events]).toEqual([answer, expect.stringMatching(/^r+$/)])
        }
      }
      for (const answer of HOLLOW.filter((answer) => !hollow.includes(answer))) {
        double.faults.push(answer)
        expect([answer, (await deliver(endpoint, rows.slice(1, 2))).events]).toEqual([answer, 'a'])
      }
      expect(kept()).toEqual([])
      expect(await sendAll(endpoint, rows)).toMatchObject({ dropped: [], left: [] })
      expect(kept()).toEqual(links(rows))
    })

    test('a batch that is refused as a whole is halved', async () => {
      for (const answer of [{ status: 413 }, { status: 400 }, ...refused]) {
        double.faults.push(answer)
        const { events } = await deliver(endpoint, manyRows(1).slice(1))
        expect([answer, events]).toEqual([answer, 's'])
      }
      expect(kept()).toEqual([])
    })

    if (mistaken)
      test('with a key or site that the service does not know', async () => {
        const { events, warnings } = await deliver(mistaken.endpoint(double.url), manyRows(3).slice(1))
        expect([events.replace(/^(.)\1+$/, '$1'), kept()]).toEqual([mistaken.events ?? 'r', []])
        expect(warnings).toEqual(mistaken.warns ?? ['endpoint_refused'])
      })

    test('what it says of leaving pages, of secrets and of its name is so', async () => {
      const example = subject.endpoint('https://in.example')
      const request = example.encode(batchOf(chainOf().slice(3, 4))) as EncodedRequest
      expect(example.keepalive).toBe(isCorsSimple(request))
      expect(subject.endpoint('//in.example').keepalive).toBe(isCorsSimple(request))
      expect(subject.endpoint('/in').keepalive).toBe(true)
      const options = { deployment: 'shop', consent: 'granted', endpoint } as const
      const needed = { code: 'endpoint_needs_proxy', option: 'endpoint' }
      expect(readOptions(options)).toMatchObject(subject.needsProxy ? needed : { endpoint })
      expect(readOptions({ ...options, proxied: true })).toMatchObject({ endpoint })
      expect(endpoint.name).toBe(name)
      const rows = manyRows(3)
      expect((await deliver(endpoint, rows, true)).events).toMatch(endpoint.keepalive ? /^a+$/ : /^r+$/)
      expect(kept()).toEqual(endpoint.keepalive ? links(rows) : [])
    })

    test('the same rows make the same request', () => {
      const rows = endpoint.limits.perRequest ? chainOf().slice(3, 4) : chainOf()
      const made = (more: object) => {
        const { headers, ...request } = endpoint.encode(batchOf(rows, more)) as EncodedRequest
        const same = Object.entries(headers ?? {}).filter(([name]) => !subject.random?.includes(name))
        return { ...request, headers: Object.fromEntries(same) }
      }
      expect(made({})).toEqual(made({}))
      if (subject.timeless) expect(made({ sentAt: T0 + 9_999_999, ageMs: 7 })).toEqual(made({}))
    })

    test('every script and sign arrives as it was', async () => {
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
      expect(kept()).toEqual(links(rows))
      if (whole) verifyColumns(columns())
      if (!subject.keepsProps) return
      expect(find(double.exported(), 'quote')).toMatchObject(p)
      expect(JSON.stringify(double.exported())).toContain('naïve 日本')
    })

    test('requests of two epochs share nothing that could join them', () => {
      const day = idsIn(endpoint, chainOf())
      const renewed = JSON.stringify(BODIES).replace(/"(p1\.)?[\w-]{22}"/g, (id) => id.replace(/..."$/, 'new"'))
      const next = idsIn(endpoint, chainOf(JSON.parse(renewed), 'two'))
      expect([...day].filter((id) => next.has(id))).toEqual(subject.shared ?? [])
      // What it would find: each row's salt and link, the chain, device, visit, user, group; else the links at least.
      expect(day.size).toBeGreaterThan(whole ? 16 : 4)
    })

    test('no request has a cookie or a referrer, and no address is kept', async () => {
      await sendAll(endpoint, chainOf())
      expect(double.requests.length).toBeGreaterThan(0)
      for (const { headers } of double.requests) {
        expect(headers.cookie).toBeUndefined()
        expect(headers.referer).toBeUndefined()
      }
      // The address that doubles of services which keep one take for the sender's.
      expect(JSON.stringify(double.exported()).includes('203.0.113.7')).toBe(subject.keepsAddress ?? false)
    })

    if (whole)
      test('a body of any length arrives whole', async () => {
        const rows = chainWith(...[100, 250, 900, 1100, 3000].map((size) => track('long', sentences(size))))
        expect((await sendAll(endpoint, rows)).dropped).toEqual([])
        expect(kept()).toEqual(links(rows))
        verifyColumns(columns())
      })
    else
      test('a batch without an event needs no request', async () => {
        const [open, page] = chainOf() as [string, string]
        expect(await deliver(endpoint, [open, erased(page)])).toMatchObject({
          events: expect.stringMatching(/^a+$/),
          warnings: [],
        })
        expect(double.requests).toEqual([])
      })

    const { page } = subject
    if (page)
      test('the page shows what is sent', () => {
        const request = page.endpoint.encode(batchOf(page.rows ?? chainOf().slice(3, 4))) as EncodedRequest
        expect(requestOn(name)).toBe(shown(request))
      })
  })
}

/** Words in the requests of these rows, one by one, that are long enough to be an id of somebody. */
function idsIn(endpoint: Endpoint, rows: readonly string[]): Set<string> {
  const words = new Set<string>()
  const look = (value: unknown): void => {
    if (typeof value === 'string') for (const [word] of value.matchAll(/[\w-]{22,}/g)) words.add(word)
    if (typeof value === 'object' && value !== null) Object.values(value).forEach(look)
  }
  for (const row of rows) {
    const { headers, url, body } = endpoint.encode(batchOf([row])) ?? {}
    // A form, one JSON document, or a line for each.
    const text = String(body ?? '""').replace(/^data=/, '')
    const lines = (text.startsWith('%') ? decodeURIComponent(text) : text).trim().split('\n')
    look([headers, url, lines.map((line) => JSON.parse(line))])
  }
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

/** What must hold of every endpoint for another service; a table says how the services differ. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Columns, isEvent, readEvent } from '../../endpoints/lib/event.ts'
import { readOptions } from '../../options.ts'
import type { Batch, EncodedRequest, Endpoint, Row } from '../../types.ts'
import {
  BODIES,
  chainOf,
  deliver,
  isCorsSimple,
  manyRows,
  type openDouble,
  type Reply,
  sendAll,
  T0,
  verifyColumns,
} from './harness.ts'

/** A double that keeps what the service would, told by the links of the rows. */
export type Double = Awaited<ReturnType<typeof openDouble>> & {
  /** The link of each record that was kept, in the order of arrival. */
  kept: string[]
  /** The columns of each record, as the service's own export has them; none where it has no room for them. */
  columns(): Columns[]
  /** Links of events that the service finds fault with, as it would with one of the wrong shape. */
  poison: Set<string>
}

export interface Subject {
  open(): Promise<Double>
  endpoint(url: string): Endpoint
  /** With a site or key that the service does not know, and what becomes of events then. */
  mistaken?: { endpoint(url: string): Endpoint; events: string }
  /** Whether the rows travel whole, so that the chain can be verified; else only the events do. */
  whole: boolean
  /** Whether the service knows a record that it has already. */
  dedupes: boolean
  /**
   * What a bad event comes to: `told`: it is dropped, the others are acknowledged; `counted`: one is dropped, though
   * perhaps another; `unseen`: the service acknowledges what it throws away.
   */
  poisoned: 'told' | 'counted' | 'unseen'
  /** A row too large for the service by so many bytes of properties; absent: values are cut, so none is. */
  giant?: number
  /** Answers that look like success and are not the service's. */
  broken: Reply[]
}

export const batchOf = (rows: readonly string[]): Batch => {
  const { chain } = JSON.parse(rows[0] as string) as Row
  return { deployment: 'shop', epoch: 20781, chain, rows, sentAt: T0 + 5000, ageMs: 40 }
}

/** The row as it is once its body was erased. */
export function erased(line: string): string {
  const { body, salt, ...rest } = JSON.parse(line) as Row
  return JSON.stringify({ ...rest, bc: createHash('sha256').update(`b1|${salt}|${body}`).digest('hex') })
}

/** A request as a page of the documentation shows it. */
export function written({ url, method = 'POST', headers = {}, body }: EncodedRequest): string {
  const head = [`${method} ${url}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)]
  const text = String(body)
  const pretty = /^[[{][^\n]*$/.test(text) ? JSON.stringify(JSON.parse(text), null, 2) : text.trimEnd()
  return `${head.join('\n')}\n\n${pretty}`
}

/** The example request of a page: its first block in the language `http`. */
export const exampleOf = (name: string): string | undefined =>
  /```http\n([\s\S]*?)\n```/.exec(
    readFileSync(new URL(`../../../docs/endpoints/${name}.md`, import.meta.url), 'utf8'),
  )?.[1]

export function webSuite(name: string, subject: Subject) {
  describe(name, () => {
    let double: Double
    let endpoint: Endpoint
    beforeEach(async () => {
      double = await subject.open()
      endpoint = subject.endpoint(double.url)
    })
    afterEach(() => double.close())

    const travels = (rows: readonly string[]) => rows.filter((line) => subject.whole || isEvent(readEvent(line)))
    const links = (rows: readonly string[]) => travels(rows).map((line) => (JSON.parse(line) as Row).link)
    const seqs = (rows: readonly string[]) => rows.map((line) => (JSON.parse(line) as Row).seq)

    test('everything arrives once and is acknowledged, and what arrives is what was sent', async () => {
      const rows = [...chainOf()]
      rows[2] = erased(rows[2] as string)
      expect(await sendAll(endpoint, rows)).toEqual({ acknowledged: seqs(rows), dropped: [], left: [] })
      expect(double.kept).toEqual(links(rows))
      if (!subject.whole) return
      verifyColumns(double.columns())
      expect(double.columns().map((row) => row.nt_link)).toEqual(links(rows))
    })

    test('the same request twice', async () => {
      const rows = chainOf()
      await sendAll(endpoint, rows)
      await sendAll(endpoint, rows)
      expect([...double.kept].sort()).toEqual([...links(rows), ...(subject.dedupes ? [] : links(rows))].sort())
    })

    test('a poisoned event costs itself and not its batch', async () => {
      const rows = manyRows(12)
      const { link } = JSON.parse(rows[7] as string) as Row
      double.poison.add(link)
      const { acknowledged, dropped, left } = await sendAll(endpoint, rows)
      const lost = subject.poisoned === 'told' ? [7] : subject.poisoned === 'counted' ? [expect.any(Number)] : []
      expect([dropped, left]).toEqual([lost, []])
      expect(acknowledged.sort((a, b) => a - b)).toEqual(seqs(rows).filter((seq) => !dropped.includes(seq)))
      expect(double.kept.sort()).toEqual(
        links(rows)
          .filter((each) => each !== link)
          .sort(),
      )
    })

    test('a batch over the limits is split, and one giant event is dropped', async () => {
      const rows = chainOf([
        ...BODIES,
        ...Array.from({ length: 90 }, (_, at) => ({ k: 'track', n: 'view', p: { at, pad: 'x'.repeat(200) } })),
        ...(subject.giant ? [{ k: 'track', n: 'giant', p: { pad: 'x'.repeat(subject.giant) } }] : []),
        { k: 'track', n: 'last' },
      ])
      const giant = subject.giant ? [rows.length - 2] : []
      const fates = await sendAll(endpoint, rows)
      expect([fates.dropped, fates.left]).toEqual([giant, []])
      expect(fates.acknowledged).toHaveLength(rows.length - giant.length)
      expect([...double.kept].sort()).toEqual(links(rows.filter((_, at) => !giant.includes(at))).sort())
    })

    test('429, 500 and an answer that is not understood acknowledge nothing', async () => {
      const rows = manyRows(3)
      double.faults.push({ status: 429, headers: { 'retry-after': '7' } })
      expect(await deliver(endpoint, rows.slice(1, 2))).toMatchObject({ events: 'r', after: 7000 })
      for (const fault of [{ status: 500 }, { status: 503, body: '<html>busy</html>' }, ...subject.broken]) {
        double.faults.push(fault)
        expect((await deliver(endpoint, rows.slice(1, 2))).events, JSON.stringify(fault)).toMatch(/^r+$/)
      }
      expect(double.kept).toEqual([])
      expect(await sendAll(endpoint, rows)).toMatchObject({ dropped: [], left: [] })
      expect(double.kept).toEqual(links(rows))
    })

    const { mistaken } = subject
    if (mistaken)
      test('a site that the service does not know', async () => {
        const { events, warnings } = await deliver(mistaken.endpoint(double.url), manyRows(3).slice(1))
        expect([events.replace(/^(.)\1+$/, '$1'), double.kept]).toEqual([mistaken.events, []])
        expect(warnings).not.toContain('endpoint_failed')
      })

    test('the same rows make the same request', () => {
      const batch = batchOf(chainOf())
      expect(endpoint.encode(batch)).toEqual(subject.endpoint(double.url).encode(batch))
    })

    test('what it says of leaving pages is true, and a secret does not reach the page', () => {
      const request = endpoint.encode(batchOf(chainOf().slice(1, 2))) as EncodedRequest
      expect(endpoint.keepalive).toBe(isCorsSimple(request))
      const options = { deployment: 'shop', endpoint } as const
      const refused = { code: 'endpoint_needs_proxy' }
      if (endpoint.browserSafe) expect(readOptions(options)).not.toMatchObject(refused)
      else {
        expect(readOptions(options)).toMatchObject(refused)
        expect(readOptions({ ...options, proxied: true })).not.toMatchObject(refused)
      }
    })

    if (!subject.whole)
      test('a batch without an event needs no request', async () => {
        const [open, page] = chainOf() as [string, string]
        expect(await deliver(endpoint, [open, erased(page)])).toMatchObject({
          events: expect.stringMatching(/^a+$/),
          warnings: [],
        })
        expect(double.requests).toEqual([])
      })
  })
}

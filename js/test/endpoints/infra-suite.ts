/**
 * What every endpoint of a back end for free properties must do, whatever its wire format: all rows arrive, those that
 * hold the chain together too, the chain is verified from what the service hands out again, and nothing but an answer
 * that is understood acknowledges anything.
 */
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import type { Columns } from '../../endpoints/lib/event.ts'
import type { EncodedRequest, Endpoint, Row } from '../../types.ts'
import {
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
import { batchOf, erased, exampleRows, longRows } from './infra-rows.ts'

type Server = Awaited<ReturnType<typeof openDouble>>

/** A strict double of a service. */
export interface Service extends Server {
  /** The columns of all rows it keeps, as its users get them back. */
  exported(): Columns[]
}

/** What is particular to one endpoint. */
export interface Particulars {
  /** What the double plays, where there are several. */
  as?: string
  /** The endpoint as a page has it. */
  endpoint(url: string): Endpoint
  /** Its double. `refuse` says which rows it cannot take, by their body; `bytes` is the largest request. */
  open(options: { refuse?: (body: string) => boolean; bytes?: number }): Promise<Service>
  /** The service keeps one of two events that are the same. */
  deduplicates: boolean
  /** Answers that leave everything where it is. */
  retried: readonly Reply[]
  /** Answers that say that a batch cannot be taken as a whole. */
  refused: readonly Reply[]
}

/** JSON for people: what fits a line stands on one. */
function pretty(value: unknown, indent = ''): string {
  const line = JSON.stringify(value)
  if (indent.length + line.length <= 118 || !value || typeof value !== 'object') return line
  const inner = `${indent}  `
  const parts = Array.isArray(value)
    ? value.map((part) => inner + pretty(part, inner))
    : Object.entries(value).map(([key, part]) => `${inner}${JSON.stringify(key)}: ${pretty(part, inner)}`)
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  return `${open}\n${parts.join(',\n')}\n${indent}${close}`
}

/** A request as the pages of docs/endpoints show it. */
export function shown({ url, method = 'POST', headers = {}, body }: EncodedRequest): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`)
  let text = String(body).trimEnd()
  try {
    text = pretty(JSON.parse(text))
  } catch {
    // More than one line of JSON: shown as it is.
  }
  return `${method} ${url}\n${lines.join('')}\n${text}\n`
}

const seqsOf = (rows: readonly string[]) => rows.map((line) => (JSON.parse(line) as Row).seq)
const unique = (found: readonly Columns[]) => [...new Map(found.map((row) => [Number(row.nt_seq), row])).values()]

export function infraSuite(name: string, { as = name, endpoint, open, deduplicates, retried, refused }: Particulars) {
  const opened: Service[] = []
  const start: Particulars['open'] = async (options) => {
    const service = await open(options)
    opened.push(service)
    return service
  }
  afterEach(async () => {
    for (const service of opened.splice(0)) await service.close()
  })

  describe(as, () => {
    test('takes every row once, and the chain is verified from the export', async () => {
      const service = await start({})
      const rows = chainOf()
      rows[2] = erased(rows[2] as string)
      expect(await deliver(endpoint(service.url), rows)).toMatchObject({
        events: expect.stringMatching(/^a+$/),
        warnings: [],
      })
      const found = service.exported()
      expect(found).toHaveLength(rows.length)
      verifyColumns(found)
      // To the character, also what is not ASCII.
      expect(found.map(({ nt_body }) => nt_body)).toEqual(rows.map((line) => JSON.parse(line).body))
      expect(JSON.parse(found[3]?.nt_body as string).p.note).toBe('für “dich”')
    })

    test('takes many rows in batches, and says the same on each try', async () => {
      const service = await start({})
      const rows = manyRows(60)
      for (const from of [0, 25, 50])
        expect((await deliver(endpoint(service.url), rows.slice(from, from + 25))).events).toMatch(/^a+$/)
      expect(service.exported()).toHaveLength(61)
      verifyColumns(service.exported())
      const { encode } = endpoint(service.url)
      expect(encode(batchOf(rows, { sentAt: T0 + 9_999_999, ageMs: 7 }))).toEqual(encode(batchOf(rows)))
    })

    test(`the same request twice: ${deduplicates ? 'one' : 'two'} of each row`, async () => {
      const service = await start({})
      const rows = chainOf()
      for (let time = 0; time < 2; time++) expect((await deliver(endpoint(service.url), rows)).events).toMatch(/^a+$/)
      expect(service.exported()).toHaveLength(rows.length * (deduplicates ? 1 : 2))
      // What came twice is the same, so that DISTINCT is enough.
      expect(new Set(service.exported().map((row) => JSON.stringify(row))).size).toBe(rows.length)
      verifyColumns(unique(service.exported()))
    })

    test('one poisoned event costs itself', async () => {
      const service = await start({ refuse: (body) => body.includes('"at":17') })
      const rows = manyRows(40)
      const poison = 18
      const fates = await sendAll(endpoint(service.url), rows)
      expect(fates.dropped).toEqual([poison])
      expect(fates.left).toEqual([])
      expect(fates.acknowledged.sort((a, b) => a - b)).toEqual(seqsOf(rows).filter((seq) => seq !== poison))
      const found = unique(service.exported())
      expect(found).toHaveLength(rows.length - 1)
      if (deduplicates) expect(service.exported()).toHaveLength(rows.length - 1)
      expect(() => verifyColumns(found)).toThrow(`row ${poison} is missing`)
    })

    test('a batch that is too large is halved, and one giant event dropped', async () => {
      const service = await start({ bytes: 20_000 })
      const rows = longRows(30, 1000)
      rows.push(...longRows(1, 30_000, 'two').slice(1))
      const fates = await sendAll(endpoint(service.url), rows)
      expect(fates).toMatchObject({ dropped: [1], left: [] })
      expect(fates.acknowledged).toHaveLength(31)
      const chain = JSON.parse(rows[0] as string).chain
      verifyColumns(unique(service.exported().filter(({ nt_chain }) => nt_chain === chain)))
    })

    test('429 and Retry-After are obeyed, and the events arrive afterwards', async () => {
      const service = await start({})
      service.faults.push({ status: 429, headers: { 'retry-after': '120' } })
      const rows = chainOf()
      expect(await deliver(endpoint(service.url), rows)).toMatchObject({ events: 'r', after: 120_000 })
      expect(service.exported()).toEqual([])
      expect((await deliver(endpoint(service.url), rows)).events).toMatch(/^a+$/)
      verifyColumns(service.exported())
    })

    test('what is not understood, or is no fault of the events, leaves them where they are', async () => {
      const service = await start({})
      const statuses = [429, 502, 503, 504, 401, 403, 404, 405].map((status) => ({ status }))
      for (const fault of [...statuses, ...retried]) {
        service.faults.push(fault)
        const { events } = await deliver(endpoint(service.url), chainOf())
        expect([fault, events]).toEqual([fault, 'r'])
      }
      expect(service.exported()).toEqual([])
    })

    test('a batch that is refused as a whole is halved', async () => {
      const service = await start({})
      for (const fault of [{ status: 413 }, { status: 400 }, ...refused]) {
        service.faults.push(fault)
        expect((await deliver(endpoint(service.url), chainOf())).events).toBe('s')
      }
      expect(service.exported()).toEqual([])
    })

    test('goes while the page leaves only if that needs no preflight', () => {
      const request = endpoint('https://in.example').encode(batchOf(chainOf())) as EncodedRequest
      expect(endpoint('https://in.example').keepalive).toBe(isCorsSimple(request))
      expect(endpoint('//in.example').keepalive).toBe(isCorsSimple(request))
      expect(endpoint('/in').keepalive).toBe(true)
    })

    test('the request on its page is the one it makes', () => {
      const page = readFileSync(new URL(`../../../docs/endpoints/${name}.md`, import.meta.url), 'utf8')
      const request = endpoint(`https://${name}.example`).encode(batchOf(exampleRows())) as EncodedRequest
      const block = /```http\n([\s\S]*?)```/.exec(page)?.[1]
      expect(block).toBe(shown(request))
    })
  })
}

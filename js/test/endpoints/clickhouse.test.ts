import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { clickhouse } from '../../endpoints/clickhouse.ts'
import type { EncodedRequest } from '../../types.ts'
import { exception, openClickhouse } from './doubles/clickhouse.ts'
import { chainOf, columnsIn, deliver, manyRows, verifyColumns } from './harness.ts'
import { batchOf, exampleRows, longRows, track } from './rows.ts'
import { suite } from './suite.ts'

suite('clickhouse', {
  open: ({ refuse, ...more }) => openClickhouse({ ...more, refuse: ({ link }) => refuse(link) }),
  endpoint: (url) => clickhouse(url),
  bytes: 20_000,
  tooMany: () => longRows(30, 1000),
  giant: track('giant', { text: 'x'.repeat(30_000) }),
  acks: ({ status, body }) => status === 200 && body === '',
  retried: () => [
    // The status is sent before an exception is known, then it stands in the body.
    { status: 200, body: 'Code: 241. DB::Exception: Memory limit exceeded' },
    { status: 200, headers: { 'x-clickhouse-exception-code': '252' } },
    { status: 200, body: 'Ok.' },
    // What is wrong with the server, the table or the user, with the header and without.
    ...[16, 60, 62, 81, 115, 159, 201, 202, 210, 241, 242, 252, 497, 516].flatMap((code) => [
      exception(code, 'x'),
      exception(code, 'x', false),
    ]),
  ],
  refused: [6, 25, 26, 27, 33, 53, 69, 72, 117, 131, 321, 349, 469].flatMap((code) => [
    exception(code, 'x'),
    exception(code, 'x', false),
    // Old servers say 500 whatever it is.
    { ...exception(code, 'x'), status: 500 },
  ]),
  needsProxy: true,
  // The name of a setting.
  shared: ['insert_deduplication_token'],
  timeless: true,
  page: { endpoint: clickhouse('https://clickhouse.example'), rows: exampleRows() },
})

const request = (endpoint = clickhouse('https://in.example')) => endpoint.encode(batchOf(chainOf())) as EncodedRequest
const parameters = (endpoint: ReturnType<typeof clickhouse>) => new URL(request(endpoint).url).searchParams

test('the rows go as they are, and the address says where', () => {
  const { url, body, headers } = request()
  expect(body).toBe(`${chainOf().join('\n')}\n`)
  expect(headers).toBeUndefined()
  expect(Object.fromEntries(new URL(url).searchParams)).toEqual({
    query: 'INSERT INTO `events` (chain, seq, t, link, salt, body, gprev, bc) FORMAT JSONEachRow',
    async_insert: '1',
    wait_for_async_insert: '1',
    insert_deduplication_token: expect.stringMatching(/^[\da-f]{64}-[\da-f]{64}-6-\d+$/),
  })
  // A space as %20, which every version reads.
  expect(url).not.toContain('+')
})

test('names are quoted, settings added', () => {
  const found = parameters(
    clickhouse('https://in.example/?user=web', {
      table: 'a`b\\',
      database: 'shop',
      asyncInsert: false,
      settings: { insert_quorum: 2 },
    }),
  )
  expect(found.get('query')).toContain('INSERT INTO `shop`.`a\\`b\\\\` (')
  expect([found.get('user'), found.get('insert_quorum'), found.has('async_insert')]).toEqual(['web', '2', false])
})

test('one token for the same rows, another for any others', () => {
  const token = (rows: string[]) =>
    new URL((clickhouse('https://in.example').encode(batchOf(rows)) as EncodedRequest).url).searchParams.get(
      'insert_deduplication_token',
    )
  const rows = manyRows(9)
  const other = [...rows.slice(0, 4), manyRows(9, 'two')[4] as string, ...rows.slice(5)]
  const lists = [rows, rows.slice(1), rows.slice(0, 9), rows.filter((_, at) => at !== 3), other]
  expect(new Set(lists.map(token)).size).toBe(lists.length)
  expect(token([...rows])).toBe(token(rows))
})

test('a batch whose answer was lost is there once', async () => {
  const service = await openClickhouse()
  const endpoint = clickhouse(service.url)
  expect((await deliver(endpoint, chainOf())).events).toBe('a')
  expect((await deliver(endpoint, chainOf())).events).toBe('a')
  expect((await deliver(endpoint, chainOf().slice(0, 2))).events).toBe('a')
  // Other rows together are another batch: duplicates that DISTINCT removes.
  expect(service.stored).toHaveLength(8)
  await service.close()
})

test('a table of the other database is not found, and nothing lost', async () => {
  const service = await openClickhouse({ table: '`web`.`trail`' })
  const wrong = await deliver(clickhouse(service.url), chainOf())
  expect(wrong).toMatchObject({ status: 404, events: 'r', warnings: ['endpoint_refused'] })
  await deliver(clickhouse(service.url, { table: 'trail', database: 'web' }), chainOf())
  verifyColumns(columnsIn(service.exported()))
  await service.close()
})

test('needs a proxy, and has no place for a password', () => {
  const endpoint = clickhouse('https://in.example')
  expect([endpoint.browserSafe, endpoint.keepalive, clickhouse('/in', { gzip: true }).keepalive]).toEqual([
    false,
    true,
    true,
  ])
})

test('the table of the page has the columns that sql/ verifies', () => {
  const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
  const page = /CREATE TABLE events \(([\s\S]*?)\n\) ENGINE/.exec(read('docs/endpoints/clickhouse.md'))?.[1] ?? ''
  const mine = page.split('\n').flatMap((line) => /^ {2}(?!CONSTRAINT)(\w+) (?!.*MATERIALIZED)/.exec(line)?.[1] ?? [])
  const wanted = /CREATE TABLE events\((.*)\);/.exec(read('sql/README.md'))?.[1]?.split(', ') ?? []
  expect(mine.sort()).toEqual(wanted.map((column) => column.split(' ')[0]).sort())
  expect(mine.length).toBe(8)
})

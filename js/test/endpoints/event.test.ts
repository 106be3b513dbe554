import { expect, test } from 'vitest'
import { isEvent, readEvent, uuidOf } from '../../endpoints/lib/event.ts'
import type { Endpoint } from '../../types.ts'
import { chainOf, DEVICE, deliver, manyRows, openDouble, T0, USER, VISIT, verifyColumns } from './harness.ts'

test('the rows of the tests are what FORMAT says, and a change of any is found', () => {
  const columns = chainOf().map((line) => readEvent(line).columns)
  verifyColumns([...columns].reverse())
  const changed = columns.map((row) => ({ ...row }))
  Object.assign(changed[3] as object, { nt_body: `${columns[3]?.nt_body} ` })
  expect(() => verifyColumns(changed)).toThrow('row 3')
  expect(() => verifyColumns(columns.filter((_, at) => at !== 2))).toThrow('row 2')
})

test('a row is taken apart', () => {
  const [open, page, , checkout] = chainOf().map(readEvent)
  expect([open?.kind, open?.name, open && isEvent(open)]).toEqual(['open', 'nymtrail_open', false])
  expect(page).toMatchObject({
    kind: 'page',
    name: 'page',
    device: DEVICE,
    visit: VISIT,
    url: 'https://shop.example/order/:id?utm_source=mail',
    referrer: 'https://news.example',
  })
  expect(page).not.toHaveProperty('user')
  expect(checkout).toMatchObject({ kind: 'track', name: 'checkout', user: USER, props: { note: 'für “dich”' } })
  expect(checkout?.id).toBe(`${checkout?.row.chain}:3`)
  const { body, salt, ...rest } = JSON.parse(checkout?.line as string)
  expect(body && salt).toBeTruthy()
  expect(readEvent(JSON.stringify({ ...rest, bc: 'c' }))).toMatchObject({ kind: 'erased', name: 'nymtrail_erased' })
  const close = readEvent(JSON.stringify({ ...rest, salt, body: '{"nx":"00","x":"close"}' }))
  expect([close.kind, close.name, isEvent(close)]).toEqual(['close', 'nymtrail_close', false])
})

test('no property passes for a column', () => {
  const columns = { nt_chain: 'x', nt_seq: 1 }
  const p = { ...columns, nt_other: 1, note: 'nt_', ant_: 2, list: [columns, { deep: { nt_body: '', nt: 3 } }] }
  const [row] = chainOf([{ k: 'track', n: 'nt_', p }])
  const { props, name, columns: own } = readEvent(row as string)
  expect(props).toEqual({ note: 'nt_', ant_: 2, list: [{}, { deep: { nt: 3 } }] })
  expect(name).toBe('nt_')
  // In the row all is as it was.
  expect(JSON.parse(own.nt_body as string).p).toEqual(p)
})

test('a UUID is of version 7, holds the time, and is unlike that of every other row', () => {
  const rows = [...manyRows(2000), ...manyRows(2000, 'two')].map((line) => readEvent(line))
  for (const { uuid, row } of rows) {
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(Number.parseInt(uuid.replace('-', '').slice(0, 12), 16)).toBe(row.t)
  }
  expect(new Set(rows.map(({ uuid }) => uuid)).size).toBe(rows.length)
  expect(uuidOf({ chain: 'f'.repeat(64), seq: 2 ** 32 - 1, t: T0 })).toMatch(/-ffff[0-9a-f]{8}$/)
})

const mine = (url: string, more: Partial<Endpoint>): Endpoint => ({
  name: 'mine',
  limits: {},
  keepalive: true,
  browserSafe: true,
  encode: ({ rows }) => ({ url, body: rows.join('\n') }),
  settle: () => 'ack',
  ...more,
})

test('a batch that holds nothing for the service is settled without a request', async () => {
  const double = await openDouble(() => ({}))
  expect(await deliver(mine(double.url, { encode: () => null }), chainOf())).toMatchObject({
    events: 'a',
    warnings: [],
  })
  expect(double.requests).toEqual([])
  await double.close()
})

test('a large body is compressed where the service takes it, but not while the page leaves', async () => {
  const double = await openDouble(() => ({}))
  const rows = manyRows(20)
  await deliver(mine(double.url, { gzip: true }), rows)
  await deliver(mine(double.url, { gzip: true }), rows, true)
  await deliver(mine(double.url, { gzip: true }), rows.slice(0, 1))
  await deliver(mine(double.url, {}), rows)
  expect(double.requests.map(({ headers }) => headers['content-encoding'])).toEqual(['gzip', ...Array(3)])
  expect(double.requests[0]?.body).toBe(rows.join('\n'))
  await double.close()
})

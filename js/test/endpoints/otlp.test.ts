import { expect, test } from 'vitest'
import { otlp } from '../../endpoints/otlp.ts'
import type { EncodedRequest } from '../../types.ts'
import { attributesOf, type LogRecord, openOtlp } from './doubles/otlp.ts'
import { chainOf, columnsIn, deliver, GROUP, manyRows, sendAll, T0, USER, VISIT, verifyColumns } from './harness.ts'
import { batchOf, exampleRows, longRows, track } from './rows.ts'
import { suite } from './suite.ts'

suite('otlp', {
  open: ({ refuse, ...more }) =>
    openOtlp({ ...more, refuse: (record) => refuse(String(attributesOf(record).nt_link)) }),
  endpoint: (url) => otlp(url),
  idOf: (record) => String(attributesOf(record)['log.record.uid']),
  keepsDoubles: true,
  bytes: 20_000,
  tooMany: () => longRows(30, 1000),
  giant: track('giant', { text: 'x'.repeat(30_000) }),
  // A message without fields, or none at all.
  acks: ({ body }) => body === '' || body === '{}' || body === '{"ok":true}',
  retried: () => [
    { status: 415 },
    { status: 200, body: '{"partialSucc' },
    { status: 200, body: '"ok"' },
    { status: 200, body: '{"partialSuccess":{"rejectedLogRecords":"some"}}' },
    { status: 200, body: '{"partialSuccess":{"rejectedLogRecords":-1}}' },
  ],
  // The specification lets no other status be tried again.
  refused: [{ status: 500 }, { status: 422 }, { status: 431 }],
  timeless: true,
  page: { endpoint: otlp('https://otlp.example'), rows: exampleRows() },
})

const batch = () => batchOf(chainOf())
const records = (endpoint = otlp('https://otel.example')): LogRecord[] =>
  JSON.parse((endpoint.encode(batch()) as EncodedRequest).body as string).resourceLogs[0].scopeLogs[0].logRecords

test('a row is a log record', () => {
  const [open, page, identify, checkout, group] = records()
  expect(open).toMatchObject({ eventName: 'nymtrail_open', timeUnixNano: `${T0}000000` })
  expect(page).toMatchObject({ eventName: 'page', timeUnixNano: `${T0 + 10}000000`, severityNumber: 9 })
  expect(attributesOf(page as LogRecord)).toMatchObject({
    'nymtrail.kind': 'page',
    'url.full': 'https://shop.example/order/:id?utm_source=mail',
    'nymtrail.referrer': 'https://news.example',
  })
  expect(attributesOf(identify as LogRecord)).toMatchObject({ plan: 'pro', 'enduser.pseudo.id': USER })
  expect(checkout).toMatchObject({ eventName: 'checkout', body: { stringValue: 'checkout' } })
  expect(attributesOf(group as LogRecord)).toMatchObject({ 'nymtrail.group': GROUP, 'session.id': VISIT })
})

test('properties keep their types', () => {
  const typed = Object.fromEntries(records()[3]?.attributes.map(({ key, value }) => [key, value]) ?? [])
  expect(typed).toMatchObject({
    items: { intValue: '3' },
    price: { doubleValue: 19.5 },
    gift: { boolValue: true },
    note: { stringValue: 'für “dich”' },
    tags: { arrayValue: { values: [{ stringValue: 'a' }, { stringValue: 'b' }] } },
    nested: { kvlistValue: { values: [{ key: 'a', value: { intValue: '1' } }] } },
    nt_seq: { intValue: '3' },
    nt_t: { intValue: `${T0 + 30}` },
  })
  expect(typed).not.toHaveProperty('none')
})

test('a property cannot take the place of a column, or stand twice', async () => {
  const service = await openOtlp()
  const rows = chainOf([
    { x: 'open' },
    { k: 'track', n: 'odd', p: { nt_bc: 'x', nt_seq: 7, 'url.full': 'mine', '': 1, list: [null, {}] } },
  ])
  expect((await deliver(otlp(service.url), rows)).events).toBe('a')
  expect(attributesOf(service.stored[1] as LogRecord)).toMatchObject({ nt_seq: '1', 'url.full': 'mine' })
  verifyColumns(columnsIn(service.exported()))
  await service.close()
})

test('the resource names the deployment, or what the site says', async () => {
  const service = await openOtlp()
  await deliver(otlp(`${service.url}/v1/logs/`), chainOf())
  await deliver(otlp(service.url, { resource: { 'service.name': 'web', 'deployment.number': 7 } }), chainOf())
  expect(service.resources).toEqual([
    { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
    {
      attributes: [
        { key: 'service.name', value: { stringValue: 'web' } },
        { key: 'deployment.number', value: { intValue: '7' } },
      ],
    },
  ])
  await service.close()
})

test('an answer without a word, or with a warning, is a success', async () => {
  const service = await openOtlp()
  const warning = { partialSuccess: { errorMessage: 'slow down', rejectedLogRecords: '0' } }
  for (const fault of [{ status: 204 }, { body: '' }, { body: '{}' }, { body: warning }]) {
    service.faults.push(fault)
    expect((await deliver(otlp(service.url), chainOf())).events).toBe('a')
  }
  await service.close()
})

test('rejected records are found, without sending again what all were rejected', async () => {
  const rejecting = await openOtlp({ refuse: () => true })
  expect(await sendAll(otlp(rejecting.url), manyRows(7))).toMatchObject({ acknowledged: [], left: [] })
  expect(rejecting.requests).toHaveLength(1)
  await rejecting.close()
  const service = await openOtlp({ refuse: (record) => attributesOf(record).at === '0' })
  const rows = manyRows(15)
  expect(await sendAll(otlp(service.url), rows)).toMatchObject({ dropped: [1], left: [] })
  // What came more than once has one uid.
  const uids = service.stored.map((record) => attributesOf(record)['log.record.uid'])
  expect(uids.length).toBeGreaterThan(rows.length - 1)
  expect(new Set(uids).size).toBe(rows.length - 1)
  await service.close()
})

test('compresses if the receiver is said to allow it', async () => {
  const service = await openOtlp()
  await deliver(otlp(service.url), manyRows(20))
  await deliver(otlp(service.url, { gzip: true }), manyRows(20))
  expect(service.requests.map(({ headers }) => headers['content-encoding'])).toEqual([undefined, 'gzip'])
  expect(service.stored).toHaveLength(42)
  await service.close()
})

test('a header that holds a secret is refused in a page', () => {
  expect(otlp('https://otel.example', { headers: { 'x-scope-orgid': 'shop' } }).browserSafe).toBe(true)
  for (const name of ['Authorization', 'DD-API-KEY', 'x-auth-token', 'Cookie'])
    expect(otlp('https://otel.example', { headers: { [name]: 'x' } }).browserSafe).toBe(false)
})

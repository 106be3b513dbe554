import { afterEach, beforeEach, expect, test } from 'vitest'
import { readEvent } from '../../endpoints/lib/event.ts'
import { snowplow } from '../../endpoints/snowplow.ts'
import type { EncodedRequest } from '../../types.ts'
import { faults } from './doubles/json-schema.ts'
import { enrich, openSnowplow, registry } from './doubles/snowplow.ts'
import {
  BODIES,
  chainOf,
  columnsIn,
  DEVICE,
  deliver,
  GROUP,
  manyRows,
  sendAll,
  T0,
  USER,
  verifyColumns,
} from './harness.ts'
import { batchOf, longRows, track } from './rows.ts'
import { suite } from './suite.ts'

suite('snowplow', {
  open: openSnowplow,
  endpoint: (url) => snowplow({ url }),
  mistaken: { endpoint: (url) => snowplow({ url: `${url}/elsewhere` }) },
  idOf: ({ event_id }) => String(event_id),
  poisoned: 'unseen',
  tooMany: () => longRows(60, 12_000),
  giant: track('giant', { text: 'x'.repeat(1_000_000) }),
  keepsProps: true,
  retried: () => [{ body: 'OK' }, { body: { ok: true } }],
  page: { endpoint: snowplow({ url: 'https://sp.example' }) },
})

let double: Awaited<ReturnType<typeof openSnowplow>>
beforeEach(async () => {
  double = await openSnowplow()
})
afterEach(() => double.close())

test('page views, self-describing events and people are what Snowplow knows', async () => {
  await sendAll(snowplow({ url: `${double.url}/`, appId: 'web-shop' }), chainOf())
  expect(double.failed).toEqual([])
  const [open, page, , checkout, group] = [...double.good.values()]
  expect(page?.item).toMatchObject({
    e: 'pv',
    aid: 'web-shop',
    url: 'https://shop.example/order/:id?utm_source=mail',
    refr: 'https://news.example',
    duid: DEVICE,
    sid: 'fd82e3b7-9daf-e871-7ee4-5d87d24bd6c6',
    dtm: `${T0 + 10}`,
    stm: `${T0 + 5000}`,
  })
  expect(page?.item).not.toHaveProperty('page')
  expect(page?.entities[1]?.data).toEqual({ kind: 'page', name: 'page', props: {} })
  expect(open?.event?.data).toEqual({ kind: 'open', name: 'nymtrail_open', props: {} })
  expect(checkout?.item).toMatchObject({ e: 'ue', uid: USER })
  expect(checkout?.event?.data).toMatchObject({ kind: 'track', name: 'checkout', props: { note: 'für “dich”' } })
  expect(group?.event?.data).toMatchObject({ kind: 'group', group: GROUP, props: { seats: 12 } })
})

test('an event of a schema of one’s own has its properties as data', async () => {
  const schema = 'iglu:com.acme/checkout/jsonschema/1-0-0'
  registry.set(schema, { type: 'object', properties: { items: { type: 'integer' } }, required: ['items'] })
  await sendAll(snowplow({ url: double.url, schemas: { checkout: schema } }), chainOf())
  const checkout = [...double.good.values()].find(({ event }) => event?.schema === schema)
  expect(checkout?.event?.data).toEqual(readEvent(chainOf()[3] as string).props)
  // What does not fit one's own schema is a failed event; the collector does not say so.
  registry.set(schema, { type: 'object', required: ['total'] })
  expect(
    await deliver(snowplow({ url: double.url, schemas: { checkout: schema } }), chainOf([BODIES[3] as object], 'b')),
  ).toMatchObject({ events: 'a' })
  expect(double.failed).toHaveLength(1)
  registry.delete(schema)
})

test('a name out of Object’s prototype is no schema', async () => {
  await sendAll(snowplow({ url: double.url }), chainOf([...BODIES, { k: 'track', n: 'constructor' }]))
  expect([double.failed, double.good.size]).toEqual([[], 7])
})

test('the address may have the path already, and the collector is asked to forget the IP address', async () => {
  const url = `${double.url}/com.snowplowanalytics.snowplow/tp2`
  await deliver(snowplow({ url }), manyRows(1))
  await deliver(snowplow({ url, withoutAddress: false }), manyRows(1))
  expect(double.requests.map(({ headers }) => headers['sp-anonymous'])).toEqual(['*', undefined])
  expect(double.failed).toEqual([])
  verifyColumns(columnsIn(double.exported()))
})

test('a largest possible event fits', async () => {
  const rows = chainOf([
    {
      k: 'track',
      n: 'x'.repeat(128),
      p: Object.fromEntries([...Array(60)].map((_, at) => [`"${at}"`, '\\"'.repeat(60)])),
    },
  ])
  expect(readEvent(rows[0] as string).columns.nt_body?.length).toBeGreaterThan(14_000)
  expect(await sendAll(snowplow({ url: double.url }), rows)).toMatchObject({ acknowledged: [0] })
  expect(double.failed).toEqual([])
})

test('the double finds what the pipeline would', () => {
  const { body } = snowplow({ url: '/sp' }).encode(batchOf(chainOf().slice(3, 4))) as EncodedRequest
  const [item] = JSON.parse(body as string).data
  enrich(item)
  const bad: [object, string][] = [
    [{ dtm: T0 }, 'not a string'],
    [{ more: '1' }, 'additional'],
    [{ sid: DEVICE }, 'UUID'],
    [{ tv: '' }, 'tv is missing'],
    [{ co: item.co.replace('"nt_seq":3', '"nt_seq":"3"') }, 'ValidationError: $.nt_seq: type'],
    [{ co: item.co.replace('com.nymtrail', 'com.other') }, 'ResolutionError'],
    [{ ue_pr: item.ue_pr.replace('"kind":"track"', '"kind":"other"') }, 'ValidationError: $.kind: enum'],
  ]
  for (const [change, reason] of bad) expect(() => enrich({ ...item, ...change }), reason).toThrow(reason)
  expect(() => faults({}, { oneOf: [] } as object)).toThrow('oneOf')
})

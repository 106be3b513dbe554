import { expect, test } from 'vitest'
import { segment } from '../../endpoints/segment.ts'
import { openSegment } from './doubles/segment.ts'
import { chainOf, DEVICE, deliver, GROUP, manyRows, sendAll, USER, VISIT } from './harness.ts'
import { chainWith, track } from './rows.ts'
import { suite } from './suite.ts'

const key = 'segment-key'
/** Under the limit as a row, over it as a message. */
const large = track('large', { text: 'x'.repeat(17_000) })

suite('segment', {
  open: () => openSegment(),
  endpoint: (host) => segment({ key, host }),
  idOf: ({ messageId }) => messageId,
  poison: large,
  giant: track('giant', { text: 'x'.repeat(40_000) }),
  tooMany: () => manyRows(2600),
  keepsProps: true,
  retried: () => [{ body: { success: false } }, { body: 'OK' }, { status: 401, body: { success: false } }],
  page: { endpoint: segment({ key: 'YourWriteKey' }) },
})

test('every message is one of the Segment Spec', async () => {
  const double = await openSegment()
  const nameless = [
    { k: 'page', n: 'Order', d: DEVICE, s: VISIT },
    { k: 'group', d: DEVICE, p: { seats: 1 } },
    { k: 'identify', d: DEVICE },
  ]
  await sendAll(segment({ key, host: `${double.url}/` }), [...chainOf(), ...chainOf([{}, ...nameless], 'two').slice(1)])
  const [open, page, identify, checkout, group, out, order, lost, unknown] = double.exported()
  expect(double.rejected).toEqual([])
  expect(open).toMatchObject({
    type: 'track',
    event: 'nymtrail_open',
    anonymousId: expect.stringMatching(/^[\da-f]{64}$/),
  })
  const place = {
    url: 'https://shop.example/order/:id?utm_source=mail',
    path: '/order/:id',
    referrer: 'https://news.example',
  }
  expect(page).toMatchObject({ type: 'page', anonymousId: DEVICE, properties: place, context: { page: place } })
  expect(page).not.toHaveProperty('userId')
  expect(page).not.toHaveProperty('name')
  expect(identify).toMatchObject({ type: 'identify', userId: USER, anonymousId: DEVICE, traits: { plan: 'pro' } })
  expect(checkout).toMatchObject({ type: 'track', event: 'checkout', userId: USER, properties: { items: 3 } })
  expect(checkout?.context).toMatchObject({ ip: '0.0.0.0', nymtrail: { visit: VISIT, nt_seq: 3 } })
  expect(group).toMatchObject({ type: 'group', groupId: GROUP, traits: { seats: 12 } })
  expect(out).toMatchObject({ type: 'track', event: 'sign out', context: { groupId: GROUP } })
  expect(order).toMatchObject({ type: 'page', name: 'Order', properties: { name: 'Order' } })
  // Where no pseudonym could be made.
  expect(lost).toMatchObject({ type: 'track', event: 'group', properties: { seats: 1 } })
  expect(unknown).toMatchObject({ type: 'identify', anonymousId: DEVICE, traits: {} })
  await double.close()
})

test('a row over the limit by itself is not even sent', async () => {
  const double = await openSegment()
  const [row] = chainWith(track('giant', { text: 'x'.repeat(40_000) })).slice(2)
  expect(await deliver(segment({ key, host: double.url }), [row as string])).toMatchObject({ status: 413, events: 's' })
  expect(double.requests).toEqual([])
  await double.close()
})

test('a key of no source is acknowledged all the same: receipt is all that is proved', async () => {
  const double = await openSegment()
  expect(await deliver(segment({ key: 'another', host: double.url }), chainOf())).toMatchObject({ events: 'a' })
  expect(double.exported()).toEqual([])
  await double.close()
})

test('where a source asks for more than the key, events stay and the console says so', async () => {
  const double = await openSegment()
  double.faults.push({ status: 401, body: { success: false } })
  const { events, warnings } = await deliver(segment({ key, host: double.url }), chainOf())
  expect([events, warnings]).toEqual(['r', ['endpoint_refused']])
  await double.close()
})

import { afterEach, beforeEach, expect, test } from 'vitest'
import { umami } from '../../endpoints/umami.ts'
import { MAX_BYTES, openUmami, WEBSITE } from './doubles/umami.ts'
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
import { track } from './rows.ts'
import { suite } from './suite.ts'

const make = (url: string) => umami({ url, website: WEBSITE })

suite('umami', {
  open: openUmami,
  endpoint: make,
  mistaken: { endpoint: (url) => umami({ url, website: WEBSITE.replace('1', '2') }), warns: [] },
  keepsDoubles: true,
  tooMany: () => manyRows(90),
  giant: track('giant', { text: 'x'.repeat(MAX_BYTES) }),
  retried: (rows) => [
    { body: '{}' },
    { body: { size: rows + 1, processed: rows + 1, errors: 0, details: [], cache: 'token' } },
    { body: { size: rows, processed: rows, cache: 'token' } },
  ],
  shared: [WEBSITE],
  page: { endpoint: make('https://stats.example') },
})

let double: Awaited<ReturnType<typeof openUmami>>
beforeEach(async () => {
  double = await openUmami()
})
afterEach(() => double.close())

test('page views, events and properties are what Umami shows', async () => {
  await sendAll(umami({ url: `${double.url}/api/send/`, website: WEBSITE, tag: 'shop' }), chainOf())
  const [open, page, identify, checkout, group] = double.events
  expect(page).toMatchObject({
    type: 'pageview',
    path: '/order/:id',
    query: 'utm_source=mail',
    host: 'shop.example',
    referrer: 'https://news.example',
    id: DEVICE,
    tag: 'shop',
    at: Math.floor((T0 + 10) / 1000) * 1000,
  })
  // The row that opens the chain must not look like one more visitor.
  expect(open).toMatchObject({ type: 'event', name: 'nymtrail_open', id: DEVICE })
  expect(identify).toMatchObject({ name: 'identify', id: USER })
  expect(checkout).toMatchObject({ name: 'checkout', id: USER })
  const values = Object.fromEntries((checkout?.data ?? []).map(({ key, text }) => [key, text]))
  expect(values).toMatchObject({
    items: '3.0000',
    price: '19.5000',
    gift: 'true',
    note: 'für “dich”',
    tags: '["a","b"]',
    'nested.a': '1.0000',
    nt_seq: '3',
    nt_t: `${T0 + 30}`,
  })
  expect(values).not.toHaveProperty('none')
  expect(group?.data).toContainEqual({ key: 'group', type: 'string', text: GROUP })
})

test('a browser taken for a bot is not acknowledged, nor is what an old version answers', async () => {
  const strict = await openUmami({ isBot: () => true })
  expect(await deliver(make(strict.url), manyRows(3))).toMatchObject({ status: 200, events: 'dddd' })
  await strict.close()
  double.faults.push({ body: { size: 1, processed: 1, errors: 0, details: [] } })
  expect((await deliver(make(double.url), manyRows(0))).events).toBe('d')
  double.faults.push({ body: { beep: 'boop' } })
  expect((await deliver(make(double.url), manyRows(0))).events).toBe('r')
})

test('each event has its own answer', async () => {
  const error = (index: number, status: number) => ({ index, response: { error: { status, message: 'no' } } })
  const answer = (details: object[]) => ({ body: { size: 4, errors: 2, processed: 2, details, cache: 'token' } })
  double.faults.push(answer([error(1, 500), error(3, 400)]), answer([{ index: 0, response: {} }, error(2, 429)]))
  expect((await deliver(make(double.url), manyRows(3))).events).toBe('arad')
  expect((await deliver(make(double.url), manyRows(3))).events).toBe('rara')
})

test('what Umami’s tables cannot hold is sent as they can, and the chain verifies all the same', async () => {
  const rows = chainOf([
    ...BODIES,
    { k: 'track', n: '=SUM(A1)', p: { 'nul\0key': 'a\0b', big: 1e20, deep: { none: null, list: ['ü'.repeat(400)] } } },
    {
      k: 'track',
      n: `${'x'.repeat(49)}🎉`,
      p: Object.fromEntries([...Array(40)].map((_, at) => [`p${at}`, 'ü'.repeat(40)])),
    },
    { k: 'page', n: '@home', c: { url: `https://shop.example/${'a/'.repeat(400)}` } },
    { k: 'track', n: 'nt', p: { nt_seq: 'mine', nt_body: 'mine', nt_body_00: 'mine' } },
  ])
  expect(await sendAll(make(double.url), rows)).toMatchObject({ dropped: [], left: [] })
  expect(double.events.slice(-4).map(({ name, title }) => name ?? title)).toEqual([
    '_=SUM(A1)',
    'x'.repeat(49),
    '@home',
    'nt',
  ])
  expect(double.events.at(-3)?.data.filter(({ key }) => key.startsWith('nt_body_')).length).toBeGreaterThan(15)
  expect(double.events.at(-4)?.data).toContainEqual({ key: 'nulkey', type: 'string', text: 'ab' })
  verifyColumns(columnsIn(double.exported()))
})

import { afterEach, beforeEach, expect, test } from 'vitest'
import { type MatomoOptions, matomo } from '../../endpoints/matomo.ts'
import type { Row } from '../../types.ts'
import { openMatomo, SITE } from './doubles/matomo.ts'
import { BODIES, chainOf, DEVICE, deliver, manyRows, sendAll, USER } from './harness.ts'
import { suite } from './suite.ts'

const make = (url: string, more: Partial<MatomoOptions> = {}) =>
  matomo({ url, siteId: SITE, linkDimension: 5, ...more })

suite('matomo', {
  open: openMatomo,
  endpoint: (url) => make(url),
  linkOf: ({ dimensions }) => dimensions['5'] as string,
  mistaken: { endpoint: (url) => make(url, { siteId: 9 }), warns: [] },
  keepsDoubles: true,
  poisoned: 'counted',
  tooMany: undefined,
  giant: undefined,
  retried: (rows) => [
    { body: '{}' },
    { body: { status: 'success', tracked: rows } },
    { body: { status: 'success', tracked: rows + 1, invalid: 0 } },
    { body: { status: 'error', tracked: rows, invalid: 0 } },
  ],
  page: {
    endpoint: make('https://stats.example', { dimensions: { items: 1 } }),
    rows: chainOf().slice(1, 4),
  },
})

let double: Awaited<ReturnType<typeof openMatomo>>
beforeEach(async () => {
  double = await openMatomo()
})
afterEach(() => double.close())

const DAY_LATER = 86_400_000
/** The same rows, older by so much: their links do not matter to Matomo. */
const aged = (rows: readonly string[], ms: number) =>
  rows.map((line) => {
    const row = JSON.parse(line) as Row
    return JSON.stringify({ ...row, t: row.t - ms })
  })

test('page views, events and visitors are what Matomo knows', async () => {
  const rows = chainOf([...BODIES, { k: 'page', n: 'home', c: { url: 'https://shop.example/' } }])
  await sendAll(make(`${double.url}/`, { dimensions: { items: 1, tags: 2, none: 7 } }), rows)
  const [page, identify, checkout, , , home] = double.hits
  expect(page).toMatchObject({
    ago: 4,
    parameters: {
      idsite: '3',
      url: 'https://shop.example/order/:id?utm_source=mail',
      urlref: 'https://news.example',
      _id: Buffer.from(DEVICE, 'base64url').toString('hex').slice(0, 16),
    },
  })
  expect(page?.parameters).not.toHaveProperty('uid')
  expect(page?.parameters).not.toHaveProperty('action_name')
  expect(identify?.parameters).toMatchObject({ e_c: 'identify', e_a: 'identify', uid: USER })
  expect(checkout?.parameters).toMatchObject({ e_c: 'track', e_a: 'checkout', uid: USER, ca: '1' })
  expect(checkout?.dimensions).toMatchObject({ 1: '3', 2: '["a","b"]' })
  expect(home?.parameters).toMatchObject({ action_name: 'home' })
})

test('category, label and value; names of any script', async () => {
  const props = { category: 'Vidéos', label: 'größe & 🎉', value: 1.5 }
  const more = { category: '', value: 'many' }
  await sendAll(
    make(double.url),
    chainOf([
      { k: 'track', n: '再生+=?', p: props },
      { k: 'track', n: 'b', p: more },
    ]),
  )
  expect(double.hits[0]?.parameters).toMatchObject({ e_c: 'Vidéos', e_a: '再生+=?', e_n: 'größe & 🎉', e_v: '1.5' })
  expect(double.hits[1]?.parameters).toMatchObject({ e_c: 'track', e_a: 'b' })
  expect(double.hits[1]?.parameters).not.toHaveProperty('e_v')
})

test('events older than a day are dropped, and only they', async () => {
  const rows = manyRows(6)
  const mixed = [...aged(rows.slice(0, 3), DAY_LATER), ...rows.slice(3)]
  expect(await deliver(make(double.url), mixed)).toMatchObject({ status: 200, events: 'addaaaa' })
  expect(double.hits).toHaveLength(4)
  expect((await deliver(make(double.url), aged(rows.slice(1), DAY_LATER))).events).toBe('dddddd')
})

test('a clock that is ahead does not make an event of the future', async () => {
  await sendAll(make(double.url), aged(manyRows(1), -DAY_LATER))
  expect(double.hits[0]?.ago).toBe(0)
})

test('events lost to a locked table are counted as dropped', async () => {
  double.state.locked = 2
  expect((await deliver(make(double.url), manyRows(4))).events).toBe('addaa')
})

test('with a token that a proxy adds, the answer says which', async () => {
  const rows = manyRows(6)
  const { link } = JSON.parse(rows[4] as string) as Row
  const proxied = await openMatomo({ token: true, refuse: (found) => found === link })
  expect((await deliver(make(proxied.url), rows)).events).toBe('aaaadaa')
  await proxied.close()
})

test('the address may name the file, and no token is ever sent', async () => {
  await deliver(make(`${double.url}/matomo.php`), chainOf())
  expect(double.hits).toHaveLength(5)
  expect(double.requests[0]?.body).not.toContain('token')
})

import { afterEach, beforeEach, expect, test } from 'vitest'
import { ga4 } from '../../endpoints/ga4.ts'
import type { Row } from '../../types.ts'
import { MEASUREMENT, openGa4 } from './doubles/ga4.ts'
import { BODIES, chainOf, DEVICE, deliver, GROUP, manyRows, sendAll, T0, USER, VISIT } from './harness.ts'
import { suite } from './suite.ts'

const make = (url: string) => ga4({ url: `${url}/ga`, measurementId: MEASUREMENT })

suite('ga4', {
  open: openGa4,
  endpoint: make,
  linkOf: ({ params }) => params.nt_link as string,
  // Google says 204 to that too: nothing tells.
  mistaken: {
    endpoint: (url) => ga4({ url: `${url}/ga`, measurementId: 'G-OTHER' }),
    events: 'a',
    warns: [],
  },
  keepsDoubles: true,
  poisoned: 'unseen',
  tooMany: () => manyRows(90),
  giant: undefined,
  acks: ({ body }) => body === '',
  retried: () => [{ body: { validationMessages: [] } }, { status: 202, body: 'ok' }],
  needsProxy: true,
  page: { endpoint: ga4({ url: '/ga', measurementId: 'G-ABC123' }) },
})

let double: Awaited<ReturnType<typeof openGa4>>
beforeEach(async () => {
  double = await openGa4()
})
afterEach(() => double.close())

test('page views, events and people are what Google knows', async () => {
  await sendAll(
    make(double.url),
    chainOf([...BODIES, { k: 'page', n: 'home', d: DEVICE, c: { url: 'https://shop.example/' } }]),
  )
  expect(double.thrownAway).toEqual([])
  const [page, home, identify, checkout, group, out] = double.events
  expect(page).toMatchObject({
    name: 'page_view',
    at: T0 + 10,
    client: DEVICE,
    params: {
      page_location: 'https://shop.example/order/:id?utm_source=mail',
      page_referrer: 'https://news.example',
      session_id: `${Buffer.from(VISIT, 'base64url').readUInt32BE()}`,
      engagement_time_msec: 1,
    },
  })
  // A request has room for one user: what came before the sign-in goes without.
  expect([page?.user, home?.user, identify?.user, out?.user]).toEqual([undefined, undefined, USER, USER])
  expect(home?.params).toMatchObject({ page_title: 'home' })
  expect(checkout?.params).toMatchObject({
    items: 3,
    price: 19.5,
    gift: 'true',
    note: 'für “dich”',
    tags: '["a","b"]',
    nested: '{"a":1}',
  })
  expect(checkout?.params).not.toHaveProperty('none')
  expect(checkout?.params).not.toHaveProperty('nt_name')
  expect(group).toMatchObject({ name: 'group', params: { group_id: GROUP, seats: 12 } })
  expect(out).toMatchObject({ name: 'sign_out', params: { nt_name: 'sign out' } })
})

test('names and values that Google would not take are made such that it does', async () => {
  const names = [
    '_x',
    '1st',
    'ga_x',
    'firebase_x',
    'error',
    'session_start',
    'page_view',
    '再生',
    'x'.repeat(128),
    'first_visit',
  ]
  const props = {
    ...Object.fromEntries([...Array(40)].map((_, at) => [`p${at}`, 'é🎉'.repeat(100)])),
  }
  const odd = { 'a b': 1, a_b: 2, ga_id: 'x', '9': 'y', '': 'z', 日本: 'w', [`long ${'y'.repeat(99)}`]: 'v', _u: true }
  const rows = chainOf([
    ...names.map((n) => ({ k: 'track', n, p: { at: 1 } })),
    { k: 'track', n: 'many', p: props },
    { k: 'track', n: 'odd', p: odd },
    { k: 'page', c: { url: `https://shop.example/${'x'.repeat(2000)}`, ref: `https://${'y'.repeat(500)}` } },
    { k: 'track', n: 'purchase', p: { items: [{ item_id: 'a', price: 2 }], 'nt link': 'mine', session_id: 'mine' } },
  ])
  await sendAll(make(double.url), rows)
  expect(double.thrownAway).toEqual([])
  expect(double.events.map(({ name }) => name)).toEqual([
    'e__x',
    'e_1st',
    'e_ga_x',
    'e_firebase_x',
    'e_error',
    'e_session_start',
    'e_page_view',
    'e___',
    'x'.repeat(40),
    'e_first_visit',
    'many',
    'odd',
    'page_view',
    'purchase',
  ])
  expect(double.events[7]?.params.nt_name).toBe('再生')
  const [many, , , purchase] = double.events.slice(10)
  expect(Object.keys(many?.params ?? {})).toHaveLength(25)
  expect(JSON.stringify(many)).not.toMatch(/\\ud[89ab]/)
  expect(double.events[11]?.params).toMatchObject({ a_b: 1, p_ga_id: 'x', p_9: 'y', p___: 'w', p__u: 'true' })
  expect(purchase?.params.items).toEqual([{ item_id: 'a', price: 2 }])
  expect(purchase?.params.nt_link).toBe((JSON.parse(rows.at(-1) as string) as Row).link)
  expect(purchase?.params).toMatchObject({ p_nt_link: 'mine', p_session_id: 'mine' })
})

test('events older than 72 hours are dropped, and only they', async () => {
  const old = (line: string) => {
    const row = JSON.parse(line) as Row
    return JSON.stringify({ ...row, t: row.t - 73 * 3_600_000 })
  }
  const rows = manyRows(5)
  expect((await deliver(make(double.url), [...rows.slice(0, 3).map(old), ...rows.slice(3)])).events).toBe('addaaa')
  expect(double.events).toHaveLength(3)
  expect((await deliver(make(double.url), rows.map(old))).events).toBe('addddd')
  expect([double.events.length, double.thrownAway]).toEqual([3, []])
})

test('two people in one batch do not become one', async () => {
  const other = USER.replace('0', '1')
  const bodies = [USER, USER, other, USER].map((u, at) => ({ k: 'track', n: 'view', d: DEVICE, u, p: { at } }))
  const rows = chainOf(bodies)
  expect((await deliver(make(double.url), rows)).events).toBe('aara')
  await sendAll(make(double.url), rows.slice(2, 3))
  expect(double.events.map(({ user, params }) => [user, params.at])).toEqual([
    [USER, 0],
    [USER, 1],
    [USER, 3],
    [other, 2],
  ])
})

test('the validation server keeps nothing, so its answer acknowledges nothing', async () => {
  const debug = await openGa4({ path: '/debug/mp/collect' })
  const endpoint = ga4({ url: `${debug.url}/debug/mp/collect?region=eu`, measurementId: MEASUREMENT, link: false })
  expect((await deliver(endpoint, chainOf())).events).toBe('r')
  expect(debug.requests[0]?.query.get('region')).toBe('eu')
  expect(debug.thrownAway).toEqual([])
  expect(debug.requests[0]?.body).not.toContain('nt_link')
  await debug.close()
})

test('advertisements are denied', async () => {
  await deliver(make(double.url), chainOf())
  expect(JSON.parse(double.requests[0]?.body ?? '').consent).toEqual({
    ad_user_data: 'DENIED',
    ad_personalization: 'DENIED',
  })
})

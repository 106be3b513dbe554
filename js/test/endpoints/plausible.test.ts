import { afterEach, beforeEach, expect, test } from 'vitest'
import { plausible } from '../../endpoints/plausible.ts'
import { DOMAIN, openPlausible } from './doubles/plausible.ts'
import { BODIES, chainOf, DEVICE, deliver, manyRows, sendAll, USER, VISIT } from './harness.ts'
import { batchOf } from './rows.ts'
import { suite } from './suite.ts'

const make = (url: string, link = true) => plausible({ url, domain: DOMAIN, link })

suite('plausible', {
  open: openPlausible,
  endpoint: (url) => make(url),
  linkOf: ({ props }) => props.nt_link as string,
  // It answers as if all were well, but for the header.
  mistaken: { endpoint: (url) => plausible({ url, domain: 'other.example' }), events: 'd', warns: [] },
  keepsDoubles: true,
  tooMany: () => manyRows(90),
  giant: undefined,
  acks: ({ status }) => status === 202,
  retried: () => [{ status: 200, body: 'ok' }],
  page: { endpoint: plausible({ domain: 'shop.example', link: true }) },
})

let double: Awaited<ReturnType<typeof openPlausible>>
beforeEach(async () => {
  double = await openPlausible()
})
afterEach(() => double.close())

test('page views and events with their properties', async () => {
  const rows = chainOf([...BODIES, { k: 'page', n: 'home', c: { url: 'https://shop.example/' } }])
  await sendAll(plausible({ url: `${double.url}/api/event`, domain: DOMAIN }), rows)
  const [page, identify, checkout, , , home] = double.events
  expect(page).toMatchObject({ name: 'pageview', pathname: '/order/:id', referrer: 'https://news.example', props: {} })
  expect(identify).toMatchObject({ name: 'identify', pathname: '/', hostname: DOMAIN, interactive: false })
  expect(checkout).toMatchObject({ name: 'checkout', interactive: true })
  expect(checkout?.props).toEqual({
    items: '3',
    price: '19.5',
    gift: 'true',
    note: 'für “dich”',
    tags: '["a","b"]',
    nested: '{"a":1}',
  })
  expect(home?.props).toEqual({ page: 'home' })
})

test('no id of a person, browser or visit is sent, nor anything that two events of one share', async () => {
  await sendAll(make(double.url), chainOf())
  for (const { body } of double.requests) for (const id of [USER, DEVICE, VISIT]) expect(body).not.toContain(id)
  expect(double.requests.some(({ body }) => body.includes('nt_chain'))).toBe(false)
})

test('what is over the limits is cut, and no character in two', async () => {
  const props = Object.fromEntries(
    [...Array(40)].map((_, at) => [
      `${at} ${'é'.repeat(120)}`,
      at % 2 ? '🎉'.repeat(256) : Array(4).fill('再'.repeat(250)),
    ]),
  )
  const long = { k: 'page', c: { url: `https://shop.example/${'ü'.repeat(3000)}` }, p: { '': 'x', ' ': 'y', z: '' } }
  await sendAll(make(double.url), chainOf([{ k: 'track', n: 'é🎉'.repeat(64), p: props }, long]))
  expect(double.events).toHaveLength(2)
  expect(Object.keys(double.events[0]?.props ?? {})).toHaveLength(30)
  expect(double.requests.map(({ body }) => body).join()).not.toMatch(/\\ud[89ab]|\ufffd/)
})

test('names that mean something to Plausible do not come from track()', async () => {
  await sendAll(
    make(double.url),
    chainOf([
      { k: 'track', n: 'pageview' },
      { k: 'track', n: 'engagement' },
    ]),
  )
  expect(double.events.map(({ name }) => name)).toEqual(['_pageview', '_engagement'])
})

test('what Plausible throws away counts as dropped if the browser shows the header', async () => {
  double.state.bot = true
  expect((await deliver(make(double.url), manyRows(2))).events).toBe('add')
  const headers = new Headers()
  const batch = batchOf(manyRows(1).slice(1))
  expect(make('/p').settle({ status: 202, text: 'ok', headers }, batch)).toBe('ack')
})

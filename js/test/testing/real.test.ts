/** The real client, wasm and all, in Node: what the fakes are for. It needs what `npm run build` has built. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createTrail } from '../../index.ts'
import { fakeClock, fakeNetwork, fakePage, fakeStore } from '../../testing.ts'
import type { Trail } from '../../types.ts'
import { addsUp } from '../fake.ts'

let page: ReturnType<typeof fakePage>
let network: ReturnType<typeof fakeNetwork>
let store: ReturnType<typeof fakeStore>
let clock: ReturnType<typeof fakeClock>
let trail: Trail

const open = async (consent: 'granted' | 'pending' = 'granted') => {
  trail = createTrail({ deployment: 'shop', endpoint: '/ingest', consent })
  return trail.ready()
}
/** Names of the events in each request. */
const sent = () =>
  network.requests.map(({ json }) =>
    (json as { events: { body: string }[] }).events.map(({ body }) => JSON.parse(body).n).filter(Boolean),
  )

beforeEach(() => {
  page = fakePage({ url: 'https://shop.example/cart?token=1' })
  network = fakeNetwork()
  store = fakeStore()
  clock = fakeClock(Date.UTC(2026, 10, 24, 12))
  for (const level of ['warn', 'info'] as const) vi.spyOn(console, level).mockImplementation(() => {})
})
afterEach(async () => {
  await trail.close()
  for (const fake of [clock, store, network, page]) fake.remove()
  vi.restoreAllMocks()
})

test('nothing is touched before consent', async () => {
  expect(await open('pending')).toEqual({ state: 'waiting', code: 'consent_pending' })
  trail.track('early')
  await clock.advance(60_000)
  expect([network.requests, store.deployments]).toEqual([[], []])
  trail.consent('granted')
  expect(await trail.ready()).toEqual({ state: 'ready', storage: 'indexeddb' })
  await clock.advance(5000)
  expect([sent(), store.deployments, store.rows.length]).toEqual([[['early']], ['shop'], 2])
})

test('Retry-After is waited for, to the second', async () => {
  await open()
  network.next({ status: 429, headers: { 'retry-after': '30' } })
  trail.page()
  trail.track('checkout', { items: 3 })
  await clock.advance(5000)
  expect([network.requests.length, network.requests[0]?.url]).toEqual([1, 'https://shop.example/ingest'])
  await clock.advance(29_900)
  expect(network.requests).toHaveLength(1)
  await clock.advance(200)
  expect(sent()).toEqual([['checkout'], ['checkout']])
  expect(await trail.stats()).toMatchObject({ captured: 2, acknowledged: 2, pending: 0 })
  expect((await trail.verify()).verdict).toBe('holds')
})

test('offline, events wait, and go when the network is back', async () => {
  await open()
  network.offline = true
  trail.track('a')
  await clock.advance(20_000)
  expect(network.requests).toEqual([])
  network.offline = false
  await clock.advance(5000)
  expect(sent()).toEqual([['a']])
})

test('a slow answer is no reason to send again', async () => {
  network.latency = 3000
  await open()
  trail.track('a')
  await clock.advance(7900)
  expect([network.requests.length, (await trail.stats()).acknowledged]).toEqual([1, 0])
  await clock.advance(200)
  expect([network.requests.length, (await trail.stats()).acknowledged]).toEqual([1, 1])
})

test('a full disk is reported, and events go on from memory', async () => {
  await open()
  trail.track('before')
  await clock.advance(5000)
  store.always('quota')
  trail.track('after')
  await clock.advance(5000)
  const stats = await trail.stats()
  expect([stats.storage, sent().flat(), addsUp(stats)]).toEqual(['memory', ['before', 'after'], true])
})

test('storage that is switched off', async () => {
  store.disabled = true
  expect(await open()).toEqual({ state: 'ready', storage: 'memory' })
  trail.track('a')
  await clock.advance(5000)
  expect([sent(), store.deployments]).toEqual([[['a']], []])
})

test('a page that leaves sends what is left, and the next one goes on with what was not taken', async () => {
  await open()
  trail.track('first')
  await clock.advance(5000)
  network.next({ status: 503 })
  trail.track('last')
  await clock.advance(10)
  page.leave()
  await clock.advance(10)
  expect([sent(), network.requests.map(({ keepalive }) => keepalive)]).toEqual([
    [['first'], ['last']],
    [false, true],
  ])
  await trail.close()
  page.remove()
  page = fakePage({ url: 'https://shop.example/next' })
  await open()
  await clock.advance(60_000)
  expect(sent().at(-1)).toEqual(['last'])
  expect(await trail.stats()).toMatchObject({ acknowledged: 2, pending: 0 })
})

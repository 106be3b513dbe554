import { afterEach, beforeEach, expect, test } from 'vitest'
import { createTrail } from '../../../index.ts'
import { fakeClock, fakeNetwork, fakePage, fakeStore } from '../../../testing.ts'

const start = () => ({
  page: fakePage({ url: 'https://shop.example/cart' }),
  network: fakeNetwork(),
  store: fakeStore(),
  clock: fakeClock(),
})
let fakes: ReturnType<typeof start>

beforeEach(() => {
  fakes = start()
})
afterEach(() => {
  for (const fake of Object.values(fakes).reverse()) fake.remove()
})

test('nothing is stored or sent before consent', async () => {
  const { network, store, clock } = fakes
  const trail = createTrail({ deployment: 'shop', endpoint: '/ingest' })
  trail.track('view')
  await clock.advance(60_000)
  expect([network.requests, store.deployments]).toEqual([[], []])

  trail.consent('granted')
  await trail.ready()
  await clock.advance(5000) // events are sent at the age of five seconds
  expect(network.requests).toHaveLength(1)
  expect(store.rows).toHaveLength(2) // the event, and the row that opens its chain
  await trail.close()
})

test('a busy endpoint is asked again when it said so', async () => {
  const { network, clock } = fakes
  const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', consent: 'granted' })
  await trail.ready()
  network.next({ status: 429, headers: { 'retry-after': '30' } })
  trail.track('checkout', { items: 3 })
  await clock.advance(5000)
  await clock.advance(29_000)
  expect(network.requests).toHaveLength(1)
  await clock.advance(2000)
  expect(network.requests).toHaveLength(2)
  expect((await trail.stats()).acknowledged).toBe(1)
  await trail.close()
})

test('offline, events wait', async () => {
  const { network, clock } = fakes
  const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', consent: 'granted' })
  await trail.ready()
  network.offline = true
  trail.track('checkout')
  await clock.advance(10_000)
  expect(await trail.stats()).toMatchObject({ pending: 1, acknowledged: 0 })
  network.offline = false
  await clock.advance(10_000)
  expect(await trail.stats()).toMatchObject({ pending: 0, acknowledged: 1 })
  await trail.close()
})

test('with a full disk, events go on from memory', async () => {
  const { network, store, clock } = fakes
  const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', consent: 'granted' })
  await trail.ready()
  store.always('quota')
  trail.track('checkout')
  await clock.advance(5000)
  expect((await trail.stats()).storage).toBe('memory')
  expect(network.requests).toHaveLength(1)
  await trail.close()
})

test('what is left goes out while the page leaves', async () => {
  const { page, network, clock } = fakes
  const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', consent: 'granted' })
  await trail.ready()
  trail.track('last words')
  await clock.advance(10)
  page.leave()
  expect(network.requests.map(({ keepalive }) => keepalive)).toEqual([true])
  await trail.close()
})

/** What is shown to whom it is about, and how its erasure is asked for, by the real client, wasm and all. It needs what `npm run build` has built. */
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { collector } from '../endpoints/collector.ts'
import { createTrail } from '../index.ts'
import { inspect, pseudonyms, readable } from '../rights.ts'
import { fakeClock, fakeNetwork, fakePage, fakeStore } from '../testing.ts'
import type { Endpoint, ErasureRequest, Options, Row, Trail } from '../types.ts'
import { locks } from './logs.ts'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const DAY = 86_400_000
const NOON = Date.UTC(2026, 10, 24, 12)
let page: ReturnType<typeof fakePage>
let network: ReturnType<typeof fakeNetwork>
let store: ReturnType<typeof fakeStore>
let clock: ReturnType<typeof fakeClock>
let trail: Trail
let warned: string[]

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const saltOf = (id: number) => sha256(`salt ${id}`)
/** The epochs document of a day. */
const epochs = (id: number) => ({
  deployment: 'shop',
  epochs: [
    {
      id,
      not_before: id * DAY,
      not_after: (id + 1) * DAY,
      salt: saltOf(id),
      next: sha256(`s1|${id + 1}|${saltOf(id + 1)}`),
    },
  ],
})

async function pass(ms: number) {
  for (let turn = 0; turn < 20; turn++) {
    await clock.advance(ms / 20)
    await new Promise((done) => setImmediate(done))
  }
}
/** Opens the client in a new page. */
async function open(options: Partial<Options> = {}) {
  page?.remove()
  page = fakePage({ navigator: { locks } })
  trail = createTrail({ deployment: 'shop', endpoint: collector('/trail'), consent: 'granted', ...options })
  await pass(400)
}
async function say(...names: string[]) {
  for (const name of names) trail.track(name)
  await pass(6000)
}
/** Goes on another day, in another page. */
async function another(days: number, options?: Partial<Options>) {
  const closed = trail.close()
  await pass(100)
  await closed
  clock.set(clock.now + days * DAY)
  await open(options)
}
async function finish<T>(work: Promise<T>): Promise<T> {
  await pass(400)
  return work
}

const asked = () => network.requests.filter(({ url }) => url.endsWith('/v1/erase'))
const chainsAsked = () => asked().map(({ json }) => (json as ErasureRequest).chain)
/** First rows that were sent, by chain. */
const openings = () => {
  const batches = network.requests.filter(({ url }) => url.endsWith('/v1/batch'))
  const rows = batches.flatMap(({ json }) => (json as { rows: Row[] }).rows)
  return new Map(rows.filter(({ seq }) => !seq).map(({ chain, body }) => [chain, JSON.parse(body ?? '{}')]))
}

beforeEach(() => {
  page = fakePage({ navigator: { locks } })
  network = fakeNetwork()
  store = fakeStore()
  clock = fakeClock(NOON)
  warned = []
  network.always(({ url, text }) => {
    if (url.endsWith('/epochs')) return { body: epochs(Math.floor(Date.now() / DAY)) }
    if (url.endsWith('/v1/erase')) return { status: 204 }
    const { rows = [] } = JSON.parse(text) as { rows?: Row[] }
    return { body: { results: rows.map(() => ({ status: 'stored' })) } }
  })
  vi.spyOn(console, 'warn').mockImplementation((line: string) => void warned.push(/\] (\w+)/.exec(line)?.[1] ?? line))
  vi.spyOn(console, 'info').mockImplementation(() => {})
})
afterEach(async () => {
  const closed = trail.close()
  await pass(100)
  await closed
  for (const fake of [clock, store, network, page]) fake.remove()
  vi.restoreAllMocks()
})

describe('the service is asked to erase', () => {
  test('what it has of the present epoch, once, and then nothing is sent', async () => {
    await open()
    await say('a', 'b')
    const [[chain, opening]] = [...openings()] as [[string, { et: string }]]
    trail.track('not sent yet')
    trail.consent('denied')
    await pass(1000)
    expect(chainsAsked()).toEqual([chain])
    const [{ json, keepalive, headers, method }] = asked() as [(typeof network.requests)[number]]
    const { token, ...rest } = json as ErasureRequest
    expect([method, keepalive, [...headers], rest]).toEqual(['POST', true, [], { chain }])
    expect([token.length, sha256(`t1|${token}`)]).toEqual([32, opening.et])
    expect(store.deployments).toEqual([])
    const requests = network.requests.length
    trail.track('never')
    page.hide()
    page.leave()
    await pass(DAY)
    expect([network.requests.length, warned]).toEqual([requests, []])
    expect(network.requests.filter(({ text }) => text.includes('never') || text.includes('not sent'))).toEqual([])
  })

  test('earlier epochs only if that is wanted, each chain in a request of its own', async () => {
    await open({ salt: 'https://trail.example/epochs' })
    await say('a')
    await another(1, { salt: 'https://trail.example/epochs' })
    await say('b')
    const [old, now] = [...openings().keys()]
    const { chains } = await finish(inspect(trail))
    expect(chains.map(({ chain, erasable }) => [chain, erasable])).toEqual([
      [now, 'now'],
      [old, 'earlier'],
    ])
    expect(await finish(trail.erase())).toEqual({ asked: 1, erased: 1, left: 1 })
    expect(chainsAsked()).toEqual([now])

    trail.consent('granted')
    await pass(400)
    await say('c')
    await another(1, { salt: 'https://trail.example/epochs' })
    await say('d')
    const both = [...openings().keys()].slice(2)
    expect(await finish(trail.erase({ earlier: true }))).toEqual({ asked: 2, erased: 2, left: 0 })
    expect(chainsAsked().slice(1).sort()).toEqual(both.sort())
    for (const { text } of asked()) expect(both.filter((chain) => text.includes(chain)).length).toBeLessThan(2)
  })

  test('not what another visitor sent before reset(), nor in the audience profile another visit', async () => {
    await open()
    await say('a')
    trail.reset()
    await say('b')
    expect(await finish(trail.erase())).toEqual({ asked: 1, erased: 1, left: 1 })
    expect(chainsAsked()).toEqual([[...openings().keys()][1]])
    await another(0, { profile: 'audience' })
    await say('c')
    await pass(3_600_000)
    await say('d')
    expect(await finish(trail.erase())).toEqual({ asked: 1, erased: 1, left: 1 })
    expect(chainsAsked()[1]).toBe([...openings().keys()][3])
  })

  test('also from a page that has no consent, of what an earlier one stored', async () => {
    await open()
    await say('a')
    await another(0, { consent: 'pending' })
    const requests = network.requests.length
    expect(await finish(trail.erase())).toEqual({ asked: 1, erased: 1, left: 0 })
    expect([network.requests.length, store.deployments]).toEqual([requests + 1, []])
    expect(await finish(trail.erase())).toEqual({ asked: 0, erased: 0, left: 0 })
  })

  test('once: what it does not confirm is said, and not tried again', async () => {
    for (const reply of ['fail', { status: 503, headers: { 'retry-after': '1' } }, { status: 403 }] as const) {
      warned = []
      await open()
      await say('a')
      const requests = network.requests.length
      network.next(reply)
      expect(await finish(trail.erase())).toEqual({ asked: 1, erased: 0, left: 0 })
      await pass(3_600_000)
      expect([network.requests.length - requests, warned]).toEqual([1, ['erasure_unconfirmed']])
      await trail.close()
    }
  })

  test('with more than may outlive a page at once, all the same', async () => {
    await open()
    for (let n = 0; n < 12; n++) {
      await say('a')
      trail.reset()
    }
    expect(await finish(trail.erase({ earlier: true }))).toEqual({ asked: 12, erased: 12, left: 0 })
    expect(asked().filter(({ keepalive }) => keepalive)).toHaveLength(9)
  })

  test('unless the endpoint cannot', async () => {
    for (const erase of [
      undefined,
      () => {
        throw new Error('mine')
      },
    ]) {
      const { erase: _, ...others } = collector('/trail')
      const endpoint: Endpoint = { ...others, ...(erase && { erase }) }
      await open({ endpoint })
      await say('a')
      const erasure = await finish(trail.erase())
      expect(erasure).toEqual(erase ? { asked: 1, erased: 0, left: 0 } : { asked: 0, erased: 0, left: 1 })
      expect(asked()).toEqual([])
      await trail.close()
    }
  })
})

describe('what is held', () => {
  const options: Partial<Options> = { salt: 'https://trail.example/epochs', identifiers: ['seller'] }

  /** Two days of somebody who signs in. */
  async function twoDays() {
    await open(options)
    trail.identify('customer-8421', { plan: 'pro' })
    await say('a')
    await another(1, options)
    trail.identify('customer-8421')
    trail.group('acme')
    trail.track('bought', { seller: 'seller-77', note: 'p1.notapseudonym' })
    await say('b')
    network.always({ status: 503, headers: { 'retry-after': '60' } })
    await say('waits')
  }

  test('is summed up for a panel in the page', async () => {
    await twoDays()
    const seen = await finish(inspect(trail, 2))
    const today = Math.floor(clock.now / DAY)
    expect(seen).toMatchObject({
      consent: 'granted',
      client: { deployment: 'shop', mode: 'salt', endpoint: 'collector', host: 'page.example' },
      storage: 'indexeddb',
      stats: { pending: 1 },
      visit: { epoch: today },
      salts: [{ epoch: today, from: today * DAY, to: (today + 1) * DAY }],
      chains: [
        { epoch: today, published: true, waiting: 1, acknowledged: 4, rows: 6 },
        { epoch: today - 1, published: true, waiting: 0, acknowledged: 2, rows: 3 },
      ],
    })
    expect(seen.newest.map(({ event }) => event.n)).toEqual(['waits', 'b'])
    const text = JSON.stringify(seen)
    expect(JSON.parse(text)).toEqual(seen)
    for (const id of [today, today - 1]) expect(text).not.toContain(saltOf(id))
  })

  test('is told as pseudonyms of each epoch that is still known', async () => {
    await twoDays()
    const found = await finish(pseudonyms(trail))
    const today = Math.floor(clock.now / DAY)
    expect(found.map(({ namespace, epoch }) => [namespace, epoch - today])).toEqual([
      ['group', 0],
      ['prop:seller', 0],
      ['user', 0],
      ['user', -1],
    ])
    expect(new Set(found.map(({ pseudonym }) => pseudonym)).size).toBe(4)
    expect((await finish(inspect(trail))).pseudonyms).toEqual(found.slice(0, 3))
    expect(JSON.stringify(found)).not.toContain('8421')
  })

  test('is exported without an exception, and read as one document', async () => {
    await twoDays()
    const { records, rows } = await finish(trail.export())
    expect(rows).toHaveLength(store.rows.length)
    const kinds = new Set(Object.keys(records).map((key) => key.split('/')[0]))
    expect([...kinds].sort()).toEqual(['keyring', 'lane', 'outbox', 'settled', 'visit', 'wire'])
    const document = await finish(readable(trail))
    const text = JSON.stringify(document)
    expect(JSON.parse(text)).toEqual(document)
    // Every word of every record that is no number, but for hashes of the tree and what is written in another way.
    for (const [key, record] of Object.entries(records))
      if (/^(lane|visit)/.test(key))
        for (const word of record.split(' ').filter((word) => word.length > 15)) expect(text).toContain(word)
    for (const { link, salt } of rows) for (const value of [link, salt]) expect(text).toContain(value)
    const today = Math.floor(clock.now / DAY)
    expect(document.commitments.map(({ epoch }) => epoch - today)).toEqual([-1, 0, 1])
    expect(Object.keys(document.others)).toEqual(['outbox', 'wire'])
    const [{ key, lane }] = document.chains as [(typeof document.chains)[number]]
    expect([key?.alg, key?.pk.length, lane.token?.length]).toEqual(['Ed25519', 64, 32])
  })

  test('is nothing before consent, and that is told without touching storage', async () => {
    await open({ consent: 'pending', salt: 'https://trail.example/epochs' })
    trail.track('a')
    const seen = await finish(inspect(trail))
    expect(seen).toMatchObject({ consent: 'pending', code: 'consent_pending', chains: [], newest: [], storage: 'none' })
    expect(seen.client.host).toBe('page.example')
    expect([await pseudonyms(trail), store.deployments, network.requests]).toEqual([[], [], []])
  })
})

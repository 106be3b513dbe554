import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { collector } from '../endpoints/collector.ts'
import { page } from '../page.ts'
import type { Activity } from '../types.ts'
import { addsUp, FakeCore, forgetPage, gate, installPage, makeEntry, recordConsole, settle } from './fake.ts'

const options = { deployment: 'shop', endpoint: '/ingest', consent: 'granted' } as const
let screen: ReturnType<typeof recordConsole>
let leave: () => void

beforeEach(() => {
  forgetPage()
  leave = installPage().leave
  screen = recordConsole()
})
afterEach(async () => {
  vi.useRealTimers()
  await settle()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

describe('usable before anything has loaded', () => {
  test('calls wait and are handed over in order', async () => {
    const start = gate<string>()
    const { createTrail, core } = makeEntry({ start: start.promise })
    const trail = createTrail(options)
    trail.page('home')
    trail.track('a', { n: 1 })
    trail.identify('u-1')
    await settle()
    expect(core().order).toEqual(['new', 'start'])
    trail.reset()
    trail.track('b')
    start.open('indexeddb')
    expect(await trail.ready()).toEqual({ state: 'ready', storage: 'indexeddb' })
    trail.track('c')
    expect(core().order).toEqual(['new', 'start', 'home', 'a', 'u-1', 'reset', 'b', 'c'])
  })

  test('properties are read at once', async () => {
    const { createTrail, core } = makeEntry()
    const trail = createTrail(options)
    const props = { price: 1 }
    trail.track('a', props)
    props.price = 2
    await trail.ready()
    expect(core().calls.at(-1)).toEqual(['capture', 'track', 'a', '{"price":1}', ''])
  })

  test('the page and the referrer are those of the call', async () => {
    installPage({
      href: 'https://shop.example/orders/1234567?token=x&utm_source=news#y',
      referrer: 'https://search.example/?q=me',
    })
    const { createTrail, core } = makeEntry()
    const trail = createTrail(options)
    trail.page()
    installPage({ href: 'https://shop.example/other' })
    await trail.ready()
    expect(core().calls.at(-1)).toEqual([
      'capture',
      'page',
      '',
      '',
      '{"url":"https://shop.example/orders/:id?utm_source=news","ref":"https://search.example"}',
    ])
  })

  test('a core that does not start in time is hurried, and nothing is lost', async () => {
    vi.useFakeTimers()
    const { createTrail, core } = makeEntry({ start: new Promise(() => {}) })
    const trail = createTrail(options)
    trail.track('a')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(core().order).toEqual(['new', 'start', 'hurry', 'a'])
  })

  test('the page that leaves before the core is ready hands over what waits in the same task', async () => {
    const { createTrail, core } = makeEntry({ start: new Promise(() => {}) })
    const trail = createTrail(options)
    trail.track('a')
    await settle()
    trail.track('b')
    leave()
    expect(core().order).toEqual(['new', 'start', 'hurry', 'a', 'b'])
    trail.track('c')
    leave()
    expect(core().order).toEqual(['new', 'start', 'hurry', 'a', 'b', 'c'])
  })

  test('more than the backlog: the oldest go, counted', async () => {
    const start = gate<string>()
    const { createTrail } = makeEntry({ start: start.promise })
    const trail = createTrail(options)
    for (let n = 0; n < 1003; n++) trail.track(`e${n}`)
    start.open('memory')
    const stats = await trail.stats()
    expect(stats.dropped.overflow).toBe(3)
    expect(addsUp(stats)).toBe(true)
  })
})

describe('one client per deployment and page', () => {
  test('two calls, also from two bundles, give the same', () => {
    const [one, other] = [makeEntry(), makeEntry()]
    const trail = one.createTrail(options)
    expect(one.createTrail(options)).toBe(trail)
    expect(other.createTrail({ ...options })).toBe(trail)
    expect(one.createTrail({ ...options, deployment: 'blog' })).not.toBe(trail)
  })

  test('a strict-mode double creation makes one core', async () => {
    const { createTrail, cores } = makeEntry()
    createTrail(options).track('a')
    createTrail(options).track('b')
    await settle()
    expect(cores.map((core) => core.order)).toEqual([['new', 'start', 'a', 'b']])
  })

  test('after close() a new one, and the old one says so once', async () => {
    const { createTrail, cores } = makeEntry()
    const trail = createTrail(options)
    trail.track('a')
    await trail.close()
    expect(cores[0]?.order).toEqual(['new', 'start', 'a', 'stats', 'close'])
    trail.track('b')
    trail.track('c')
    expect(screen.warnings()).toEqual(['closed'])
    expect(await trail.ready()).toEqual({ state: 'inert', code: 'closed' })
    const stats = await trail.stats()
    expect([stats.dropped.inert, addsUp(stats)]).toEqual([2, true])
    expect(createTrail(options)).not.toBe(trail)
  })
})

describe('configuration', () => {
  test('defaults', async () => {
    const { createTrail, core } = makeEntry()
    await createTrail(options).ready()
    expect(core().config).toBe('shop random - - day 50 49152 5000 50 10000 10485760 0')
  })

  test('everything given, within what the endpoint takes', async () => {
    const { createTrail, core } = makeEntry()
    const endpoint = {
      name: 'mine',
      limits: { events: 10, bytes: 1000 },
      keepalive: true,
      browserSafe: false,
      encode: () => ({ url: '/', body: '' }),
      settle: () => 'ack' as const,
    }
    const trail = createTrail({
      ...options,
      endpoint,
      proxied: true,
      salt: { secret: 'AB'.repeat(32) },
      pin: 'CD'.repeat(32),
      period: 'never',
      identifiers: ['account', 'order no.'],
      scrub: { phone: false, gps: false, ip: true },
      flush: { count: 20, bytes: 900, ageMs: 1 },
      limits: { rows: 5 },
    })
    await trail.ready()
    expect(core().config).toBe(
      `shop secret ${'ab'.repeat(32)} ${'cd'.repeat(32)} never 10 900 1 50 5 10485760 6 account order%20no.`,
    )
  })

  test.each([
    ['pepper', 'a pepper and a salt', { salt: '/epochs' }],
    ['random', 'a pepper without a salt', {}],
    ['audience', 'a pepper in the audience profile', { salt: '/epochs', profile: 'audience' as const }],
  ])('the mode is %s with %s', async (mode, _, more) => {
    const { createTrail, core } = makeEntry()
    await createTrail({ ...options, ...more, endpoint: collector('/trail', { pepper: true }) }).ready()
    expect(core().config.split(' ')[1]).toBe(mode)
  })
})

describe('answers of the core', () => {
  test('flush, verify, export pass through', async () => {
    const { createTrail } = makeEntry()
    const trail = createTrail(options)
    expect(await trail.flush()).toEqual({ done: true })
    expect(await trail.verify()).toEqual({ verdict: 'holds', level: 'chained', chains: [] })
    const { rows, ndjson } = await trail.export()
    expect(rows.map((row) => [row.seq, row.body])).toEqual([
      [0, undefined],
      [1, '{}'],
    ])
    expect(ndjson.split('\n')).toHaveLength(3)
  })

  test('codes become warnings, one per code', async () => {
    const { createTrail } = makeEntry({ answers: { identify: 'no_salt', flush: 'retrying' } })
    const trail = createTrail(options)
    trail.identify('a-1')
    trail.identify('a-1')
    expect(await trail.flush()).toEqual({ done: false, code: 'retrying' })
    expect(screen.warnings()).toEqual(['no_salt'])
  })

  test('no answer in time', async () => {
    vi.useFakeTimers()
    const { createTrail } = makeEntry({ flush: new Promise(() => {}) })
    const trail = createTrail(options)
    const flushed = trail.flush()
    await vi.advanceTimersByTimeAsync(30_000)
    expect(await flushed).toEqual({ done: false, code: 'timeout' })
    Object.assign(navigator, { onLine: false })
    const again = trail.flush()
    await vi.advanceTimersByTimeAsync(30_000)
    expect(await again).toEqual({ done: false, code: 'offline' })
  })

  test('counts of both sides are merged and add up', async () => {
    const { createTrail } = makeEntry()
    const trail = createTrail(options)
    trail.track('a')
    trail.track('b', { big: 1n } as never)
    trail.track(7 as never)
    trail.track('c', [] as never)
    const stats = await trail.stats()
    expect(stats).toMatchObject({
      captured: 3,
      stored: 1,
      pending: 1,
      dropped: { scrubbed: 1, quota: 1, inert: 0 },
      rejected: { invalid_name: 1, invalid_properties: 3 },
      storage: 'indexeddb',
      lanes: 1,
    })
    expect(addsUp(stats)).toBe(true)
  })
})

describe('the debug hook', () => {
  test('sees what happens, in order, later', async () => {
    const seen: Activity[] = []
    const { createTrail, core } = makeEntry({ answers: { identify: 'no_salt' } })
    const trail = createTrail({ ...options, debug: (activity) => seen.push(activity) })
    await trail.ready()
    trail.identify('a-1')
    core().host.note('stored', '["{}"]')
    core().host.note('dropped', '{"reason":"poison","count":2}')
    core().host.note('dropped', '{"reason":"overflow"}')
    expect(seen).toEqual([])
    await settle()
    expect(seen).toEqual([
      { type: 'warning', code: 'no_salt' },
      { type: 'stored', rows: ['{}'] },
      { type: 'dropped', reason: 'poison', count: 2 },
      { type: 'dropped', reason: 'overflow', count: 1 },
    ])
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('hook')
      },
    ],
    ['rejects', () => Promise.reject(new Error('hook'))],
  ])('may be one that %s', async (_, hook) => {
    const debug = vi.fn(hook)
    const { createTrail, core } = makeEntry()
    const trail = createTrail({ ...options, debug })
    await trail.ready()
    core().host.note('lane', '{}')
    core().host.note('stored', 'not JSON')
    core().host.note('lane', '{}')
    await settle()
    expect([debug.mock.calls.length, (await trail.ready()).state]).toEqual([2, 'ready'])
  })

  test('calls made while the core is at work follow when it has returned', async () => {
    const { createTrail } = makeEntry()
    // The console is a page's own code as well: error trackers wrap it.
    screen.warn.mockImplementation(() => trail.track('from-console'))
    const order: unknown[] = []
    const capture = vi.spyOn(FakeCore.prototype, 'capture').mockImplementation(function (this: FakeCore, _kind, name) {
      order.push(`${name}>`)
      if (name === 'a') this.host.warn('quota')
      order.push(`<${name}`)
      return ''
    })
    const trail = createTrail(options)
    await trail.ready()
    trail.track('a')
    trail.track('b')
    await settle()
    expect(order).toEqual(['a>', '<a', 'from-console>', '<from-console', 'b>', '<b'])
    capture.mockRestore()
  })
})

test('nothing but the registry and the budget is shared by a page', () => {
  expect(page()).toBe(page())
  expect(Object.keys(page())).toEqual(['trails', 'bytes', 'requests'])
})

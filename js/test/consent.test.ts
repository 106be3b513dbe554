import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { addsUp, forgetPage, gate, installPage, makeEntry, recordConsole, settle } from './fake.ts'

const options = { deployment: 'shop', endpoint: '/ingest', salt: 'https://trail.example/epochs' }
let screen: ReturnType<typeof recordConsole>

beforeEach(() => {
  forgetPage()
  installPage()
  screen = recordConsole()
})
afterEach(async () => {
  vi.useRealTimers()
  await settle()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

describe('pending', () => {
  test('nothing is loaded, fetched or stored; no storage is touched', async () => {
    const touched: string[] = []
    for (const name of ['indexedDB', 'localStorage', 'sessionStorage', 'caches'])
      vi.stubGlobal(name, new Proxy({}, { get: (_, key) => touched.push(`${name}.${String(key)}`) }))
    const cookie = vi.fn()
    Object.defineProperty(document, 'cookie', { get: cookie, set: cookie })
    const { createTrail, load } = makeEntry()
    const trail = createTrail(options)
    trail.page()
    trail.track('a')
    trail.identify('ann@example.org')
    await settle()
    expect(await trail.ready()).toEqual({ state: 'waiting', code: 'consent_pending' })
    expect(await trail.flush()).toEqual({ done: false, code: 'consent_pending' })
    expect(await trail.verify()).toMatchObject({ verdict: 'unchecked', code: 'consent_pending' })
    expect(await trail.export()).toMatchObject({ rows: [], ndjson: '', code: 'consent_pending' })
    expect(await trail.stats()).toMatchObject({ captured: 3, waiting: 3, stored: 0, storage: 'none' })
    expect([load.mock.calls.length, vi.mocked(fetch).mock.calls.length, touched, cookie.mock.calls.length]).toEqual([
      0,
      0,
      [],
      0,
    ])
  })

  test('the console says once how many wait and what to call', async () => {
    vi.useFakeTimers()
    const { createTrail } = makeEntry()
    const trail = createTrail(options)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(screen.infos()).toEqual([])
    for (let n = 0; n < 3; n++) trail.track('a')
    await vi.advanceTimersByTimeAsync(60_000)
    trail.track('b')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(screen.infos()).toEqual([
      "[nymtrail] consent_pending: 3 events wait in memory; call consent('granted') or consent('denied')",
    ])
    expect(screen.warnings()).toEqual([])
  })

  test('the ring keeps the last 100 and counts the rest', async () => {
    const { createTrail, core } = makeEntry()
    const trail = createTrail(options)
    for (let n = 0; n < 103; n++) trail.track(`e${n}`)
    const waiting = await trail.stats()
    expect([waiting.captured, waiting.waiting, waiting.dropped.consent, addsUp(waiting)]).toEqual([103, 100, 3, true])
    trail.consent('granted')
    const stats = await trail.stats()
    expect(core().order.slice(3, 5)).toEqual(['e3', 'e4'])
    expect([stats.stored, stats.dropped.consent, addsUp(stats)]).toEqual([100, 3, true])
  })
})

describe('granted', () => {
  test('starts the core and replays in order', async () => {
    const { createTrail, core } = makeEntry()
    const trail = createTrail({ deployment: 'shop', endpoint: '/ingest' })
    trail.track('a')
    trail.track('b')
    expect(trail.consent()).toBe('pending')
    trail.consent('granted')
    trail.track('c')
    await trail.ready()
    expect(core().order).toEqual(['new', 'start', 'a', 'b', 'c'])
    expect(trail.consent()).toBe('granted')
  })

  test('back to pending keeps what is stored and lets new events wait', async () => {
    const { createTrail, cores } = makeEntry()
    const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', consent: 'granted' })
    trail.track('a')
    await trail.ready()
    trail.consent('pending')
    trail.track('b')
    await settle()
    expect(cores[0]?.order).toEqual(['new', 'start', 'a', 'close'])
    trail.consent('granted')
    await trail.ready()
    expect(cores[1]?.order).toEqual(['new', 'start', 'b'])
  })
})

describe('denied', () => {
  test('drops and counts what waits, and everything after it', async () => {
    const { createTrail, load } = makeEntry()
    const trail = createTrail(options)
    trail.track('a')
    trail.reset()
    trail.consent('denied')
    trail.track('b')
    const stats = await trail.stats()
    expect([stats.captured, stats.dropped.consent, addsUp(stats), load.mock.calls.length]).toEqual([2, 2, true, 0])
    expect(await trail.ready()).toEqual({ state: 'inert', code: 'consent_denied' })
    trail.consent('granted')
    expect((await trail.ready()).state).toBe('ready')
  })

  test('after granted: erased, and no request any more', async () => {
    const { createTrail, core } = makeEntry()
    const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', consent: 'granted' })
    trail.track('a')
    await trail.ready()
    let aborted = false
    vi.mocked(fetch).mockImplementation(
      (_, init) =>
        new Promise((_, fail) =>
          init?.signal?.addEventListener('abort', () => {
            aborted = true
            fail(new Error('abort'))
          }),
        ),
    )
    const meta = '{"deployment":"shop","epoch":null,"chain":"c","sent_at":1,"age_ms":1}'
    const inFlight = core().host.deliver(['{}'], meta, false)
    trail.consent('denied')
    expect(JSON.parse(await inFlight)).toEqual({ status: 0, events: 'r' })
    const later = await core().host.deliver(['{}'], meta, false)
    const exit = await core().host.deliver(['{}'], meta, true)
    expect([later, exit].map((outcome) => JSON.parse(outcome))).toEqual(Array(2).fill({ status: 0, events: 'r' }))
    expect([core().order.at(-1), aborted, vi.mocked(fetch).mock.calls.length]).toEqual(['erase', true, 1])
    trail.track('b')
    const stats = await trail.stats()
    expect([stats.dropped.consent, stats.storage, addsUp(stats)]).toEqual([1, 'none', true])
  })

  test('before the core has loaded: what earlier visits stored is erased all the same', async () => {
    const { createTrail, load, cores } = makeEntry()
    const slow = gate<void>()
    const Core = await load()
    load.mockImplementation(() => slow.promise.then(() => Core))
    const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', consent: 'granted' })
    trail.consent('denied')
    slow.open()
    await settle()
    expect(cores.map((core) => core.order)).toEqual([['new', 'start', 'erase']])
    expect((await trail.stats()).captured).toBe(0)
  })

  test('granted again waits for the erasure', async () => {
    const erased = gate<void>()
    const { createTrail, cores } = makeEntry({ erase: erased.promise })
    const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', consent: 'granted' })
    await trail.ready()
    trail.consent('denied')
    trail.consent('granted')
    trail.track('b')
    await settle()
    expect(cores).toHaveLength(1)
    erased.open()
    await trail.ready()
    expect(cores.map((core) => core.order)).toEqual([
      ['new', 'start', 'erase'],
      ['new', 'start', 'b'],
    ])
  })
})

describe('erase()', () => {
  test('works without consent, since it deletes only', async () => {
    const { createTrail, core } = makeEntry()
    const trail = createTrail(options)
    trail.track('a')
    await trail.erase()
    expect(core().order).toEqual(['new', 'start', 'erase'])
    expect(trail.consent()).toBe('denied')
    expect((await trail.stats()).dropped.consent).toBe(1)
    expect(fetch).not.toHaveBeenCalled()
  })

  test('waits until the store is open, as nothing can be deleted before', async () => {
    const start = gate<string>()
    const { createTrail, core } = makeEntry({ start: start.promise })
    const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', consent: 'granted' })
    trail.track('a')
    await settle()
    const erased = trail.erase()
    await settle()
    expect(core().order).toEqual(['new', 'start'])
    start.open('indexeddb')
    await erased
    expect([core().order, screen.warnings()]).toEqual([['new', 'start', 'erase'], []])
  })

  test('in another tab: nothing is recorded here either, and the core is asked no more', async () => {
    const { createTrail, cores, core } = makeEntry()
    const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', consent: 'granted' })
    trail.track('a')
    await trail.ready()
    core().host.erased()
    trail.track('b')
    expect([trail.consent(), await trail.ready()]).toEqual(['denied', { state: 'inert', code: 'consent_denied' }])
    const stats = await trail.stats()
    expect([stats.captured, stats.dropped.consent, addsUp(stats)]).toEqual([1, 1, true])
    await trail.export()
    await trail.close()
    expect(core().order).toEqual(['new', 'start', 'a'])
    trail.consent('granted')
    expect(cores).toHaveLength(1)
  })

  test('in another tab, then granted here: begins anew', async () => {
    const { createTrail, cores, core } = makeEntry()
    const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', consent: 'granted' })
    await trail.ready()
    core().host.erased()
    trail.consent('granted')
    trail.track('b')
    await trail.ready()
    expect(cores.map((core) => core.order)).toEqual([
      ['new', 'start'],
      ['new', 'start', 'b'],
    ])
  })

  test('says so when the store never opens, or there is no core', async () => {
    vi.useFakeTimers()
    const { createTrail, load } = makeEntry({ start: new Promise(() => {}) })
    const erased = createTrail({ deployment: 'shop', endpoint: '/ingest' }).erase()
    await vi.advanceTimersByTimeAsync(10_000)
    await erased
    expect(screen.warnings()).toEqual(['erase_failed'])
    load.mockResolvedValue('wasm_blocked')
    await createTrail({ deployment: 'blog', endpoint: '/ingest' }).erase()
    expect(screen.warnings()).toEqual(['erase_failed', 'erase_failed'])
  })

  test('says when something is left', async () => {
    const { createTrail } = makeEntry({ trap: ['erase'] })
    await createTrail({ deployment: 'shop', endpoint: '/ingest', consent: 'granted' }).erase()
    expect(screen.warnings()).toEqual(['erase_failed'])
  })
})

describe('Global Privacy Control and Do Not Track', () => {
  test.each([{ globalPrivacyControl: true }, { doNotTrack: '1' }])('%o counts as denied', async (signal) => {
    installPage({ navigator: signal })
    const { createTrail, load } = makeEntry()
    const trail = createTrail({ ...options, consent: 'pending' })
    trail.track('a')
    expect([trail.consent(), (await trail.stats()).dropped.consent, load.mock.calls.length]).toEqual(['denied', 1, 0])
    trail.consent('granted')
    expect((await trail.ready()).state).toBe('ready')
  })

  test('consent given by the page comes first', () => {
    installPage({ navigator: { globalPrivacyControl: true } })
    expect(
      makeEntry()
        .createTrail({ ...options, consent: 'granted' })
        .consent(),
    ).toBe('granted')
  })

  test('a signal that is off changes nothing', () => {
    installPage({ navigator: { globalPrivacyControl: false, doNotTrack: '0' } })
    expect(makeEntry().createTrail(options).consent()).toBe('pending')
  })
})

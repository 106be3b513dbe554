import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { collector } from '../endpoints/collector.ts'
import type { Options } from '../types.ts'
import { addsUp, forgetPage, installPage, makeEntry, recordConsole, settle } from './fake.ts'

const options = { deployment: 'shop', endpoint: '/ingest', consent: 'granted' } as const
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

describe('options', () => {
  const hostile = new Proxy(
    {},
    {
      get: () => {
        throw new Error('no')
      },
    },
  )
  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'options'],
    ['null', null, 'options'],
    ['a hostile object', hostile, 'options'],
    ['no deployment', { endpoint: '/' }, 'deployment'],
    ['a deployment that is no name', { ...options, deployment: 'My Shop' }, 'deployment'],
    ['no endpoint', { deployment: 'shop' }, 'endpoint'],
    ['an endpoint that is not on the web', { ...options, endpoint: 'javascript:alert(1)' }, 'endpoint'],
    ['an endpoint without methods', { ...options, endpoint: { limits: {} } }, 'endpoint'],
    ['a salt that is no URL', { ...options, salt: 'https://' }, 'salt'],
    ['a number for a salt', { ...options, salt: 7 }, 'salt'],
    ['a secret too short', { ...options, salt: { secret: 'abcd' } }, 'salt'],
    [
      'a fixed secret and a pepper',
      { ...options, endpoint: collector('/', { pepper: true }), salt: { secret: 'ab'.repeat(32) } },
      'salt',
    ],
    ['a pin that is no hash', { ...options, pin: 'abcd' }, 'pin'],
    ['a period unknown', { ...options, period: 'hour' }, 'period'],
    ['identifiers that are no list', { ...options, identifiers: 7 }, 'identifiers'],
    ['identifiers that are no names', { ...options, identifiers: [7] }, 'identifiers'],
    ['consent misspelt', { ...options, consent: 'yes' }, 'consent'],
    ['a count of nothing', { ...options, flush: { count: 0 } }, 'flush.count'],
    ['a limit that is no number', { ...options, limits: { rows: 'many' } }, 'limits.rows'],
    ['a debug hook that is no function', { ...options, debug: true }, 'debug'],
  ])('%s: one warning that names the option, and a client that does nothing', async (_, wrong, option) => {
    const { createTrail, load } = makeEntry()
    const trail = createTrail(wrong as Options)
    trail.track('a')
    trail.identify('ann@example.org')
    expect(screen.warn.mock.calls).toEqual([[expect.stringMatching(`^\\[nymtrail\\] invalid_options: ${option}: `)]])
    expect(await trail.ready()).toEqual({ state: 'inert', code: 'invalid_options' })
    const stats = await trail.stats()
    expect([stats.dropped.inert, addsUp(stats), load.mock.calls.length]).toEqual([2, true, 0])
  })

  test('an endpoint that needs a secret is refused without a proxy', async () => {
    const endpoint = { name: 'x', limits: {}, keepalive: true, browserSafe: false, encode: vi.fn(), settle: vi.fn() }
    const { createTrail } = makeEntry()
    expect(await createTrail({ ...options, endpoint }).ready()).toEqual({
      state: 'inert',
      code: 'endpoint_needs_proxy',
    })
    expect(screen.warnings()).toEqual(['endpoint_needs_proxy'])
    expect((await createTrail({ ...options, endpoint, proxied: true }).ready()).state).toBe('ready')
  })

  test('a wrong first call does not take the place of a right one', async () => {
    const { createTrail } = makeEntry()
    createTrail({ ...options, period: 'hour' } as never)
    expect((await createTrail(options).ready()).state).toBe('ready')
  })
})

describe('properties', () => {
  const circular: Record<string, unknown> = {}
  circular.self = circular
  const { proxy: revoked, revoke } = Proxy.revocable({}, {})
  revoke()
  let deep: object = {}
  for (let level = 0; level < 100_000; level++) deep = { deep }

  test.each<[string, unknown, string, 'scrubbed' | 'too_large' | 'rejected']>([
    ['circular', circular, 'unserialisable', 'scrubbed'],
    ['a BigInt', { n: 1n }, 'unserialisable', 'scrubbed'],
    [
      'toJSON throws',
      {
        toJSON() {
          throw new Error('no')
        },
      },
      'unserialisable',
      'scrubbed',
    ],
    [
      'a getter throws',
      {
        get a() {
          throw new Error('no')
        },
      },
      'unserialisable',
      'scrubbed',
    ],
    ['a revoked proxy', revoked, 'unserialisable', 'scrubbed'],
    ['endlessly deep', deep, 'unserialisable', 'scrubbed'],
    ['huge', { text: 'x'.repeat(10_000_000) }, 'too_large', 'too_large'],
    ['a list', [1], 'invalid_properties', 'rejected'],
    ['a string', 'text', 'invalid_properties', 'rejected'],
    ['a function', () => {}, 'invalid_properties', 'rejected'],
    ['a Date', new Date(0), 'invalid_properties', 'rejected'],
    ['toJSON gives nothing', { toJSON: () => undefined }, 'invalid_properties', 'rejected'],
  ])('%s', async (_, props, code, fate) => {
    const { createTrail, core } = makeEntry()
    const trail = createTrail(options)
    trail.track('a', props as never)
    trail.page('b', props as never)
    trail.identify('c', props as never)
    await trail.ready()
    expect(core().order).toEqual(['new', 'start'])
    expect(screen.warnings()).toEqual([code])
    const stats = await trail.stats()
    expect(addsUp(stats)).toBe(true)
    if (fate === 'rejected') expect(stats.rejected[code]).toBe(code === 'invalid_properties' ? 5 : 3)
    else expect(stats.dropped[fate]).toBe(3)
  })

  test('a track() inside toJSON() comes first, and does no harm', async () => {
    const { createTrail, core } = makeEntry()
    const trail = createTrail(options)
    await trail.ready()
    trail.track('outer', {
      toJSON() {
        trail.track('inner')
        return {}
      },
    } as never)
    expect(core().order.slice(2)).toEqual(['inner', 'outer'])
  })
})

describe('names and identifiers', () => {
  test.each([undefined, null, 7, '', {}, Symbol('x'), 'x'.repeat(300), ['a']])('a name like %o', async (name) => {
    const { createTrail, core } = makeEntry()
    const trail = createTrail(options)
    trail.track(name as never)
    trail.track(name as never)
    const stats = await trail.stats()
    expect([core().order, screen.warnings(), stats.rejected.invalid_name, addsUp(stats)]).toEqual([
      ['new', 'start', 'stats'],
      ['invalid_name'],
      2,
      true,
    ])
  })

  test.each([undefined, null, '', '  ', {}, [], Number.NaN, true, Symbol('x'), 'x'.repeat(5000)])(
    'an identifier like %o',
    async (id) => {
      const { createTrail, core } = makeEntry()
      const trail = createTrail(options)
      trail.identify(id as never)
      trail.group(id as never)
      await trail.ready()
      expect([core().order, screen.warnings()]).toEqual([['new', 'start'], ['invalid_identifier']])
    },
  )

  test('an identifier that is not of its type', async () => {
    const { createTrail, core } = makeEntry()
    const trail = createTrail(options)
    trail.identify('ann', {}, { type: 'email' })
    trail.identify('0711 12345', {}, { type: 'phone' })
    trail.identify('ann', {}, { type: 'uuid' as never })
    await trail.ready()
    expect([core().order, screen.warnings()]).toEqual([['new', 'start'], ['invalid_identifier']])
  })

  test('a consent that is none', () => {
    const { createTrail } = makeEntry()
    const trail = createTrail({ ...options, consent: 'pending' })
    trail.consent('yes' as never)
    trail.consent(null as never)
    expect([trail.consent(), screen.warnings()]).toEqual(['pending', ['invalid_options']])
  })

  test('identifiers that can be guessed are named as such once, unless acknowledged', async () => {
    const salted = { ...options, salt: { secret: 'ab'.repeat(32) } }
    const { createTrail } = makeEntry()
    const trail = createTrail(salted)
    trail.identify('customer-7')
    await trail.ready()
    expect(screen.warnings()).toEqual([])
    trail.identify('ann@example.org')
    trail.identify('+49 711 123456')
    expect(screen.warnings()).toEqual(['guessable_identifier'])
    createTrail({ ...salted, deployment: 'b', acknowledgeGuessable: true }).identify('ann@example.org')
    createTrail({ ...options, deployment: 'c' }).identify('ann@example.org')
    expect(screen.warnings()).toEqual(['guessable_identifier'])
  })
})

describe('what the browser lacks', () => {
  test.each(['wasm_blocked', 'wasm_failed'] as const)('%s: inert, and counted', async (code) => {
    const { createTrail, load } = makeEntry()
    load.mockResolvedValue(code)
    const trail = createTrail(options)
    trail.track('a')
    expect(await trail.ready()).toEqual({ state: 'inert', code })
    trail.track('b')
    const stats = await trail.stats()
    expect([screen.warnings(), stats.dropped.inert, addsUp(stats)]).toEqual([[code], 2, true])
  })

  test('a loader that rejects', async () => {
    const { createTrail, load } = makeEntry()
    load.mockRejectedValue(new Error('defect'))
    expect(await createTrail(options).ready()).toEqual({ state: 'inert', code: 'internal' })
  })

  test('a core that refuses its configuration', async () => {
    const { createTrail } = makeEntry({ start: Promise.resolve('invalid_config') })
    const trail = createTrail(options)
    trail.track('a')
    expect(await trail.ready()).toEqual({ state: 'inert', code: 'invalid_config' })
    expect([(await trail.stats()).dropped.inert, screen.warnings()]).toEqual([1, ['invalid_config']])
  })

  test('no crypto', async () => {
    vi.stubGlobal('crypto', undefined)
    const { createTrail, load } = makeEntry()
    expect(await createTrail(options).ready()).toEqual({ state: 'inert', code: 'no_crypto' })
    expect([screen.warnings(), load.mock.calls.length]).toEqual([['no_crypto'], 0])
  })

  test('no fetch: events are captured, and deliveries fail quietly', async () => {
    vi.stubGlobal('fetch', undefined)
    const { createTrail, core } = makeEntry()
    const trail = createTrail({ ...options, salt: '/epochs.json' })
    trail.track('a')
    await trail.ready()
    const meta = '{"deployment":"shop","epoch":null,"chain":"c","sent_at":1,"age_ms":1}'
    expect(JSON.parse(await core().host.deliver(['{}'], meta, false))).toEqual({ status: 0, events: 'r' })
    expect(JSON.parse(await core().host.deliver(['{}'], 'not JSON', true))).toEqual({ status: 0, events: 'r' })
    expect([core().order, screen.warnings()]).toEqual([['new', 'start', 'a'], ['salt_unreachable']])
  })

  test('a console that throws', () => {
    screen.warn.mockImplementation(() => {
      throw new Error('console')
    })
    const { createTrail } = makeEntry()
    createTrail(undefined as never)
    createTrail(options).track(7 as never)
    expect(screen.warn).toHaveBeenCalledTimes(2)
  })
})

describe('a core that traps', () => {
  test('at every call: the page sees nothing, one warning, counts go on', async () => {
    const { createTrail } = makeEntry({ trap: 'all' })
    const trail = createTrail(options)
    trail.track('a')
    expect(await trail.ready()).toEqual({ state: 'inert', code: 'internal' })
    trail.page()
    trail.identify('x-1')
    trail.group('y-1')
    trail.reset()
    trail.consent('denied')
    expect(await trail.flush()).toEqual({ done: false, code: 'internal' })
    expect(await trail.verify()).toMatchObject({ verdict: 'unchecked', code: 'internal' })
    expect(await trail.export()).toMatchObject({ rows: [], code: 'internal' })
    const stats = await trail.stats()
    expect([stats.captured, stats.dropped.inert, addsUp(stats)]).toEqual([4, 4, true])
    await trail.erase()
    await trail.close()
    expect(screen.warnings()).toEqual(['internal', 'erase_failed'])
  })

  test.each(['capture', 'identify', 'reset', 'epochs', 'flush', 'verify', 'stats', 'export', 'close', 'hurry'])(
    'at %s',
    async (method) => {
      const { createTrail, core } = makeEntry({ trap: [method] })
      const trail = createTrail({ ...options, salt: '/epochs.json' })
      trail.track('a')
      trail.identify('x-1')
      trail.reset()
      await trail.ready()
      await Promise.all([trail.flush(), trail.verify(), trail.export(), trail.stats()])
      const stats = await trail.stats()
      expect([stats.captured >= 2, addsUp(stats)]).toEqual([true, true])
      const before = core().calls.length
      if (!['close', 'hurry'].includes(method)) {
        expect(await trail.ready()).toEqual({ state: 'inert', code: 'internal' })
        trail.track('b')
        expect(core().calls.length).toBe(before)
        expect((await trail.stats()).captured).toBe(stats.captured + 1)
      }
      await trail.close()
    },
  )

  test('what it had taken before counts as waiting: it may be stored', async () => {
    const script = { trap: [] as string[] }
    const { createTrail } = makeEntry(script)
    const trail = createTrail(options)
    trail.track('a')
    trail.track('b')
    await trail.ready()
    script.trap = ['capture']
    trail.track('c')
    const stats = await trail.stats()
    expect([stats.captured, stats.waiting, stats.dropped.inert, addsUp(stats)]).toEqual([3, 2, 1, true])
  })
})

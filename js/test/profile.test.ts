/** Profiles, privacy signals, what is kept of a query, and strict mode. The core is a fake, so only the client's part. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Options } from '../types.ts'
import { addsUp, forgetPage, installPage, makeEntry, recordConsole, settle } from './fake.ts'

const options: Options = { deployment: 'shop', endpoint: '/ingest', salt: 'https://trail.example/epochs' }
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

describe('the audience profile', () => {
  test('tells the core, fetches no salt, and warns of no guessing', async () => {
    const { createTrail, core } = makeEntry()
    const trail = createTrail({ ...options, profile: 'audience', consent: 'granted' })
    await trail.ready()
    expect(core().config).toMatch(/^shop audience - - day /)
    expect(fetch).not.toHaveBeenCalled()
    trail.identify('ann@example.org')
    await settle()
    expect(screen.warnings()).toEqual([])
  })

  test('what the core refuses is counted, and said once', async () => {
    const { createTrail } = makeEntry({ answers: { identify: 'audience_profile' } })
    const trail = createTrail({ ...options, profile: 'audience', consent: 'granted' })
    await trail.ready()
    for (let n = 0; n < 2; n++) trail.identify('ann@example.org')
    trail.group('acme')
    expect((await trail.stats()).rejected.audience_profile).toBe(3)
    expect(screen.warnings()).toEqual(['audience_profile'])
  })

  test('another profile is a wrong option', async () => {
    const { createTrail } = makeEntry()
    const trail = createTrail({ ...options, profile: 'everything' as never })
    expect(await trail.ready()).toEqual({ state: 'inert', code: 'invalid_options' })
    expect(screen.warn.mock.calls[0]?.[0]).toContain('profile: ')
  })
})

describe('privacy signals', () => {
  const gpc = { globalPrivacyControl: true }
  const dnt = { doNotTrack: '1' }
  test.each([
    ['gpc', gpc, {}, 'denied'],
    ['dnt', dnt, {}, 'denied'],
    ['gpc', { ...gpc, ...dnt }, {}, 'denied'],
    // The visitor's own answer counts for more, but there is none in the audience profile.
    [undefined, gpc, { consent: 'granted' }, 'granted'],
    ['gpc', gpc, { consent: 'granted', profile: 'audience' }, 'denied'],
    [undefined, { globalPrivacyControl: false, doNotTrack: '0' }, {}, 'pending'],
    [undefined, { globalPrivacyControl: '1', doNotTrack: 'unspecified' }, { profile: 'audience' }, 'pending'],
  ] as const)('%s of %j with %j', async (signal, navigator, more, consent) => {
    installPage({ navigator })
    const onPrivacySignal = vi.fn()
    const { createTrail, load } = makeEntry()
    const trail = createTrail({ ...options, ...more, onPrivacySignal })
    expect(onPrivacySignal, 'not within the call').not.toHaveBeenCalled()
    createTrail({ ...options, ...more, onPrivacySignal })
    await settle()
    expect(onPrivacySignal.mock.calls).toEqual(signal ? [[signal]] : [])
    expect([trail.consent(), load.mock.calls.length]).toEqual([consent, consent === 'granted' ? 1 : 0])
  })

  test('what the hook throws harms nobody', async () => {
    installPage({ navigator: gpc })
    const { createTrail } = makeEntry()
    const trail = createTrail({
      ...options,
      onPrivacySignal() {
        throw new Error('banner')
      },
    })
    await settle()
    trail.consent('granted')
    expect((await trail.ready()).state).toBe('ready')
  })
})

test('parameters of the query that are kept', async () => {
  installPage({ href: 'https://shop.example/find?q=red+shoes&page=2&utm_source=news&mail=ann%40example.org#ann' })
  const url = async (query?: string[]) => {
    forgetPage()
    const { createTrail, core } = makeEntry()
    const trail = createTrail({ ...options, consent: 'granted', query })
    await trail.ready()
    trail.page()
    return JSON.parse(String(core().calls.at(-1)?.[4])).url
  }
  expect(await url()).toBe('https://shop.example/find?utm_source=news')
  expect(await url(['page', 'mail'])).toBe('https://shop.example/find?page=2&utm_source=news&mail=:id')
})

describe('continuity', () => {
  test('tells the core, and gives what it holds', async () => {
    const { createTrail, core } = makeEntry()
    const trail = createTrail({ ...options, consent: 'granted', continuity: true, strict: true })
    await trail.ready()
    expect(core().config).toMatch(/ 768$/)
    expect(await trail.continuity()).toEqual(['{"v":1}'])
    expect(await trail.continuity({ forget: true })).toEqual(['{"v":1}'])
    expect(core().calls.slice(-2)).toEqual([
      ['continuity', false],
      ['continuity', true],
    ])
  })

  test('before consent there is nothing to give', async () => {
    const { createTrail } = makeEntry()
    expect(await createTrail({ ...options, continuity: true }).continuity({ forget: true })).toEqual([])
  })
})

describe('strict', () => {
  const strict = { ...options, consent: 'granted', strict: true } as const
  const cycle: Record<string, unknown> = {}
  cycle.cycle = cycle

  test('what is refused throws an error that says the code and not the value', async () => {
    const { createTrail, core } = makeEntry()
    const trail = createTrail(strict)
    await trail.ready()
    expect(core().config).toMatch(/ 256$/)
    for (const [code, call] of [
      ['invalid_name', () => trail.track('')],
      ['invalid_properties', () => trail.track('a', ['ann'] as never)],
      ['unserialisable', () => trail.track('a', cycle as never)],
      ['too_large', () => trail.track('a', { text: 'ann'.repeat(30_000) })],
      ['invalid_identifier', () => trail.identify('ann', {}, { type: 'email' })],
    ] as const) {
      expect(call).toThrow(expect.objectContaining({ code, message: expect.stringMatching(`^.nymtrail. ${code}: `) }))
      expect(call).not.toThrow(/ann/)
    }
    expect(addsUp(await trail.stats())).toBe(true)
    expect(() => trail.track('fine', { n: 1 })).not.toThrow()
    expect(core().order.at(-1)).toBe('fine')
  })

  test('what the core would scrub throws, and what lacks network or salt does not', async () => {
    const answers: Record<string, string> = { capture: 'scrubbed' }
    const { createTrail } = makeEntry({ answers })
    const trail = createTrail(strict)
    await trail.ready()
    expect(() => trail.track('a', { mail: 'ann@example.org' })).toThrow('scrubbed')
    answers.capture = 'overflow'
    expect(() => trail.track('a')).not.toThrow()
    answers.identify = 'no_epoch_key'
    expect(() => trail.identify('4711')).not.toThrow()
    answers.identify = 'no_salt'
    expect(() => trail.identify('4711')).toThrow('no_salt')
  })

  test('a call that waited throws later, uncaught', async () => {
    vi.useFakeTimers()
    const { createTrail } = makeEntry({ answers: { capture: 'scrubbed' } })
    const trail = createTrail({ ...strict, consent: 'pending' })
    expect(() => trail.track('a')).not.toThrow()
    trail.consent('granted')
    await trail.ready()
    expect(() => vi.runAllTimers()).toThrow('[nymtrail] scrubbed: ')
  })

  test('a property that the schema has not is refused with its event', async () => {
    const { createTrail, core } = makeEntry()
    const schema = {
      identifiers: ['order'],
      write(_: unknown, of: string, name: string | undefined, left: (code: 'undeclared_property') => void) {
        if (name === 'b') return 'unknown_schema'
        left('undeclared_property')
        return `{"${of}":1}`
      },
    }
    const trail = createTrail({ ...strict, schema }) as ReturnType<typeof createTrail>
    await trail.ready()
    expect(core().config).toMatch(/ 256 order$/)
    const calls = core().calls.length
    expect(() => trail.track('a')).toThrow('undeclared_property')
    expect(() => trail.track('b')).toThrow('unknown_schema')
    expect(core().calls.length).toBe(calls)
    expect(await trail.stats()).toMatchObject({
      rejected: { undeclared_property: 1 },
      properties: { undeclared_property: 1 },
      dropped: { unknown_schema: 1 },
    })
    forgetPage()
    const lenient = createTrail({ ...strict, strict: false, schema }) as ReturnType<typeof createTrail>
    await lenient.ready()
    lenient.page()
    expect(core().calls.at(-1)?.slice(0, 4)).toEqual(['capture', 'page', '', '{"page":1}'])
    expect(screen.warnings()).toContain('undeclared_property')
  })

  test('without it nothing throws', async () => {
    const { createTrail } = makeEntry({ answers: { capture: 'scrubbed' } })
    const trail = createTrail({ ...strict, strict: undefined })
    await trail.ready()
    for (const name of ['', 'a']) expect(() => trail.track(name)).not.toThrow()
  })
})

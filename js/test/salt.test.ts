import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { keepEpochs } from '../salt.ts'
import { forgetPage, installPage, makeEntry, recordConsole } from './fake.ts'

const MINUTE = 60_000
const DAY = 1440 * MINUTE
const document = (notAfter: number | null) =>
  JSON.stringify({
    deployment: 'shop',
    epochs: [
      { id: 1, not_after: 1 },
      { id: 2, not_after: notAfter },
    ],
  })
const answer = (text: string, status = 200) =>
  vi.mocked(fetch).mockImplementation(async () => new Response(text, { status }))
const fetches = () => vi.mocked(fetch).mock.calls.length

beforeEach(() => {
  forgetPage()
  installPage()
  vi.useFakeTimers({ now: 1_790_000_000_000 })
})
afterEach(async () => {
  vi.clearAllTimers()
  vi.useRealTimers()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

describe('the epochs document', () => {
  test('is fetched without anything that could tell visitors apart', async () => {
    answer(document(Date.now() + DAY))
    const use = vi.fn()
    await keepEpochs('https://trail.example/epochs', use, vi.fn()).first
    expect(vi.mocked(fetch).mock.calls).toEqual([
      [
        'https://trail.example/epochs',
        { credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer', signal: expect.any(AbortSignal) },
      ],
    ])
    expect(use.mock.calls).toEqual([[document(Date.now() + DAY)]])
  })

  test('is fetched again 1 to 9 minutes before its end, and then the next', async () => {
    answer(document(Date.now() + DAY))
    const keeper = keepEpochs('/e', vi.fn(), vi.fn())
    await vi.advanceTimersByTimeAsync(DAY - 9 * MINUTE - 1)
    expect(fetches()).toBe(1)
    answer(document(Date.now() + 2 * DAY))
    await vi.advanceTimersByTimeAsync(8 * MINUTE + 2)
    expect(fetches()).toBe(2)
    await vi.advanceTimersByTimeAsync(DAY)
    expect(fetches()).toBe(2)
    keeper.stop()
    await vi.advanceTimersByTimeAsync(10 * DAY)
    expect(fetches()).toBe(2)
  })

  test.each([
    ['a month', 31 * DAY],
    ['no end', null],
  ])('with %s to go, no timer overflows', async (_, end) => {
    answer(document(end && Date.now() + end))
    keepEpochs('/e', vi.fn(), vi.fn())
    await vi.advanceTimersByTimeAsync(30 * DAY)
    expect(fetches()).toBe(1)
  })

  test.each([
    ['is not there', () => answer('', 404)],
    ['cannot be fetched', () => vi.mocked(fetch).mockRejectedValue(new TypeError('offline'))],
  ])('that %s is asked for again, ever less often', async (_, arrange) => {
    arrange()
    const [use, failed] = [vi.fn(), vi.fn()]
    await keepEpochs('/e', use, failed).first
    expect([use.mock.calls.length, failed.mock.calls.length]).toEqual([0, 1])
    await vi.advanceTimersByTimeAsync(MINUTE)
    expect(fetches()).toBe(2)
    await vi.advanceTimersByTimeAsync(DAY)
    expect(fetches()).toBeGreaterThan(20)
    expect(fetches()).toBeLessThan(60)
    answer(document(Date.now() + 20 * DAY))
    await vi.advanceTimersByTimeAsync(61 * MINUTE)
    expect(use).toHaveBeenCalledTimes(1)
  })

  test('that is long past, by a clock that is wrong, causes no storm', async () => {
    answer(document(Date.now() - 30 * DAY))
    keepEpochs('/e', vi.fn(), vi.fn())
    await vi.advanceTimersByTimeAsync(DAY)
    expect(fetches()).toBeLessThan(60)
  })

  test('is waited for 3 s at the most, and used whenever it comes', async () => {
    let respond!: (response: Response) => void
    vi.mocked(fetch).mockImplementation(
      () =>
        new Promise((done) => {
          respond = done
        }),
    )
    const use = vi.fn()
    const keeper = keepEpochs('/e', use, vi.fn())
    const first = vi.fn()
    keeper.first.then(first)
    await vi.advanceTimersByTimeAsync(2999)
    expect(first).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(first).toHaveBeenCalled()
    respond(new Response('late'))
    await vi.advanceTimersByTimeAsync(0)
    expect(use).toHaveBeenCalledWith('late')
  })

  test('is no longer used after stop()', async () => {
    let respond!: (response: Response) => void
    vi.mocked(fetch).mockImplementation(
      () =>
        new Promise((done) => {
          respond = done
        }),
    )
    const [use, failed] = [vi.fn(), vi.fn()]
    const keeper = keepEpochs('/e', use, failed)
    keeper.stop()
    respond(new Response('late'))
    await vi.advanceTimersByTimeAsync(DAY)
    expect([use.mock.calls.length, failed.mock.calls.length, fetches()]).toEqual([0, 0, 1])
  })
})

describe('in the client', () => {
  const options = { deployment: 'shop', endpoint: '/in', consent: 'granted', salt: '/epochs.json' } as const

  test('the core has it, after its store is open and before the first call', async () => {
    answer('the document')
    const { createTrail, core } = makeEntry()
    const trail = createTrail(options)
    trail.identify('u-1')
    await vi.advanceTimersByTimeAsync(0)
    await trail.ready()
    expect(core().order).toEqual(['new', 'start', 'epochs', 'u-1'])
    expect(core().calls[2]).toEqual(['epochs', 'the document'])
    expect(core().config).toMatch(/^shop salt /)
    expect(vi.mocked(fetch).mock.calls[0]?.[0]).toBe('https://shop.example/epochs.json')
  })

  test('slow: events go without it after 3 s, and one warning says why', async () => {
    const screen = recordConsole()
    vi.mocked(fetch).mockReturnValue(new Promise(() => {}))
    const { createTrail, core } = makeEntry({ answers: { identify: 'no_epoch_key' } })
    const trail = createTrail(options)
    trail.identify('u-1')
    trail.track('a')
    await vi.advanceTimersByTimeAsync(2999)
    expect(core().order).toEqual(['new', 'start'])
    await vi.advanceTimersByTimeAsync(1)
    expect(core().order).toEqual(['new', 'start', 'u-1', 'a'])
    expect(screen.warnings()).toEqual(['no_epoch_key'])
  })

  test('unreachable: events go at once', async () => {
    const screen = recordConsole()
    vi.mocked(fetch).mockRejectedValue(new TypeError('blocked'))
    const { createTrail, core } = makeEntry()
    const trail = createTrail(options)
    trail.track('a')
    await vi.advanceTimersByTimeAsync(10)
    expect(core().order).toEqual(['new', 'start', 'a'])
    await vi.advanceTimersByTimeAsync(DAY)
    expect(screen.warnings()).toEqual(['salt_unreachable'])
  })

  test.each(['epochs_malformed', 'epochs_commitment', 'epochs_expired'])('%s is said once', async (code) => {
    const screen = recordConsole()
    answer('not it')
    const { createTrail } = makeEntry({ answers: { epochs: code } })
    const trail = createTrail(options)
    await vi.advanceTimersByTimeAsync(DAY)
    expect([(await trail.ready()).state, screen.warnings()]).toEqual(['ready', [code]])
  })

  test('without consent any more it is not fetched any more', async () => {
    answer(document(Date.now() + DAY))
    const { createTrail } = makeEntry()
    const trail = createTrail(options)
    await vi.advanceTimersByTimeAsync(0)
    trail.consent('denied')
    await vi.advanceTimersByTimeAsync(3 * DAY)
    expect(fetches()).toBe(1)
  })
})

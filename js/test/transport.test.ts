import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { collector } from '../endpoints/collector.ts'
import { json } from '../endpoints/json.ts'
import { page } from '../page.ts'
import { makeTransport } from '../transport.ts'
import type { Activity, Endpoint, Settlement } from '../types.ts'
import { forgetPage, gate, installPage } from './fake.ts'

const META = '{"deployment":"shop","epoch":20781,"chain":"c0","sent_at":1790000000000,"age_ms":12}'
const rows = (count: number) => Array.from({ length: count }, (_, seq) => `{"seq":${seq}}`)

function transport(endpoint: Endpoint) {
  const seen: Activity[] = []
  const warn = vi.fn()
  const { deliver, stop } = makeTransport(endpoint, (activity) => seen.push(activity), warn)
  return {
    seen,
    warn,
    stop,
    deliver: async (rows: string[], exit = false) => JSON.parse(await deliver(rows, META, exit)),
  }
}

/** What `fetch` answers, once each; the last goes on. */
function answers(...list: (Response | Error)[]) {
  const mock = vi.mocked(fetch)
  for (const answer of list)
    mock.mockImplementationOnce(async () => {
      if (answer instanceof Error) throw answer
      return answer
    })
  return mock
}

/** An endpoint that says what it is told to. */
const endpoint = (more: Partial<Endpoint> = {}): Endpoint => ({
  name: 'mine',
  limits: {},
  keepalive: true,
  browserSafe: true,
  encode: ({ rows }) => ({ url: 'https://in.example/', body: rows.join('\n') }),
  settle: () => 'ack',
  ...more,
})

beforeEach(() => {
  forgetPage()
  installPage()
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('a request', () => {
  test('carries rows to the byte, no cookie, no referrer, and needs no preflight', async () => {
    const { deliver } = transport(json('https://in.example/events'))
    expect(await deliver(['{"body":"{\\"n\\":\\"\\\\u00fc\\"}"}', '{"seq":1}'])).toEqual({ status: 200, events: 'a' })
    const [url, init] = vi.mocked(fetch).mock.calls[0] ?? []
    expect(url).toBe('https://in.example/events')
    expect(init).toMatchObject({
      method: 'POST',
      headers: {},
      keepalive: false,
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
    })
    expect(init?.body).toBe(
      '{"sent_at":1790000000000,"deployment":"shop","epoch":20781,"chain":"c0","events":[{"body":"{\\"n\\":\\"\\\\u00fc\\"}"},{"seq":1}]}',
    )
  })

  test('carries a veil only to an endpoint with a pepper, and nothing else is taken for one', async () => {
    const row = '{"body":"{\\"p\\":{\\"a\\":\\",\\\\\\"veil\\\\\\":\\\\\\"x\\\\\\"}\\"}}","seq":1,"t":2}'
    const veiled = `${row.slice(0, -1)},"veil":"AAAAAAAAAAAAAAAAAAAAAA p1.0kjgA_5tMJc05lhIFTSs9Q"}`
    for (const exit of [false, true])
      for (const [pepper, sent] of [
        [true, veiled],
        [false, row],
      ] as const) {
        await transport(endpoint({ pepper })).deliver([row, veiled], exit)
        expect(vi.mocked(fetch).mock.lastCall?.[1]?.body).toBe(`${row}\n${sent}`)
      }
  })

  test('shows itself and its answer', async () => {
    answers(new Response('fine', { status: 202 }))
    const { deliver, seen } = transport(endpoint({ encode: () => ({ url: '/x', body: 'ü' }) }))
    await deliver(['{}'])
    expect(seen).toEqual([
      { type: 'request', url: '/x', bytes: 2, body: 'ü', exit: false },
      { type: 'response', status: 202, text: 'fine' },
    ])
  })

  test('is given up after 30 s, and by stop()', async () => {
    vi.useFakeTimers()
    vi.mocked(fetch).mockImplementation(
      (_, init) => new Promise((_, fail) => init?.signal?.addEventListener('abort', () => fail(new Error('abort')))),
    )
    const { deliver, stop } = transport(endpoint())
    const first = deliver(['{}'])
    await vi.advanceTimersByTimeAsync(30_000)
    expect(await first).toEqual({ status: 0, events: 'r' })
    const second = deliver(['{}'])
    stop()
    expect(await second).toEqual({ status: 0, events: 'r' })
  })
})

describe('the answer of a json endpoint, by status', () => {
  test.each([
    [200, 'a'],
    [202, 'a'],
    [204, 'a'],
    [408, 'r'],
    [425, 'r'],
    [429, 'r'],
    [500, 'r'],
    [503, 'r'],
    [599, 'r'],
    [401, 'r'],
    [402, 'r'],
    [403, 'r'],
    [404, 'r'],
    [405, 'r'],
    [406, 'r'],
    [410, 'r'],
    [415, 'r'],
    [400, 's'],
    [409, 's'],
    [413, 's'],
    [422, 's'],
  ])('%i: %s', async (status, events) => {
    answers(new Response(status === 204 ? null : 'x', { status }))
    const { deliver, warn } = transport(json('/in'))
    expect(await deliver(rows(2))).toEqual({ status, events })
    const refused = events === 'r' && status < 500 && ![408, 425, 429].includes(status)
    expect(warn.mock.calls).toEqual(refused ? [['endpoint_refused']] : [])
  })

  test('an event that is alone and refused with 403 stays', async () => {
    answers(new Response('', { status: 403 }))
    expect(await transport(json('/in')).deliver(rows(1))).toEqual({ status: 403, events: 'r' })
  })

  test('none: status 0', async () => {
    answers(new TypeError('Failed to fetch'))
    const { deliver, seen } = transport(json('/in'))
    expect(await deliver(rows(2))).toEqual({ status: 0, events: 'r' })
    expect(seen.at(-1)).toEqual({ type: 'response', status: 0, text: '' })
  })

  test('none, as this device has no network: that says nothing of the endpoint', async () => {
    answers(new TypeError('Failed to fetch'))
    vi.stubGlobal('navigator', { onLine: false })
    expect(await transport(json('/in')).deliver(rows(2))).toEqual({ status: 0, events: 'o' })
  })

  test('none, where nothing tells whether there is a network, as in Node 20: each is told', async () => {
    vi.mocked(fetch).mockRejectedValue(new TypeError('Failed to fetch'))
    vi.stubGlobal('navigator', undefined)
    const { deliver } = transport(endpoint({ keepalive: true, limits: { perRequest: 'event' } }))
    expect(await deliver(rows(3), true)).toEqual({ status: 0, events: 'rrr' })
  })

  test('none is told a moment later, when a page that breaks its requests off is gone', async () => {
    vi.useFakeTimers()
    answers(new TypeError('NetworkError'))
    const told = vi.fn()
    void transport(json('/in')).deliver(rows(2)).then(told)
    await vi.advanceTimersByTimeAsync(199)
    expect(told).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(told).toHaveBeenCalledOnce()
  })

  test('a body that breaks off does not undo the status', async () => {
    const broken = new Response(new ReadableStream({ start: (stream) => stream.error(new Error('reset')) }), {
      status: 200,
    })
    answers(broken)
    expect(await transport(json('/in')).deliver(rows(1))).toEqual({ status: 200, events: 'a' })
  })

  test('its body is drained, whatever the status', async () => {
    for (const status of [200, 404, 500]) {
      const response = new Response('x'.repeat(100_000), { status })
      answers(response)
      await transport(json('/in')).deliver(rows(1))
      expect(response.bodyUsed).toBe(true)
    }
  })
})

describe('Retry-After', () => {
  test.each<[string, Record<string, string>, number | undefined]>([
    ['seconds', { 'retry-after': '120' }, 120_000],
    ['none at all: our own back-off holds', { 'retry-after': '0' }, undefined],
    ['more than a number can be', { 'retry-after': '9'.repeat(400) }, undefined],
    ['more than a number can count', { 'retry-after': '9'.repeat(20) }, Number.MAX_SAFE_INTEGER],
    [
      'a date, by the clock of the server',
      { 'retry-after': 'Fri, 02 Jan 2026 00:01:30 GMT', date: 'Fri, 02 Jan 2026 00:00:00 GMT' },
      90_000,
    ],
    [
      'a date gone by',
      { 'retry-after': 'Fri, 02 Jan 2026 00:00:00 GMT', date: 'Fri, 02 Jan 2026 00:01:00 GMT' },
      undefined,
    ],
    ['nonsense', { 'retry-after': 'soon' }, undefined],
    ['less than nothing', { 'retry-after': '-5' }, undefined],
  ])('%s', async (_, headers, after) => {
    answers(new Response('', { status: 429, headers }))
    expect(await transport(json('/in')).deliver(rows(1))).toEqual({
      status: 429,
      events: 'r',
      ...(after !== undefined && { after }),
    })
  })

  test('a date, by our clock', async () => {
    answers(new Response('', { status: 503, headers: { 'retry-after': new Date(Date.now() + 60_000).toUTCString() } }))
    const { after } = await transport(json('/in')).deliver(rows(1))
    expect(after).toBeGreaterThan(57_000)
    expect(after).toBeLessThanOrEqual(60_000)
  })
})

describe('the collector', () => {
  const result = (status: string, code?: string) => ({ chain: 'c0', seq: 0, status, code })
  const answer = (status: number, ...results: object[]) =>
    new Response(JSON.stringify({ stored: 0, duplicate: 0, refused: 0, results }), { status })

  test('gets its contract', async () => {
    answers(answer(200, result('stored')))
    await transport(collector('https://trail.example/')).deliver(['{"seq":0}'])
    const [url, init] = vi.mocked(fetch).mock.calls[0] ?? []
    expect([url, init?.headers]).toEqual(['https://trail.example/v1/batch', {}])
    expect(init?.body).toBe(
      '{"deployment":"shop","epoch":20781,"sent_at":1790000000000,"age_ms":12,"rows":[{"seq":0}]}',
    )
  })

  test.each([
    'https://trail.example',
    'https://trail.example/',
    'https://trail.example/v1/batch',
    'https://trail.example/v1/batch/',
  ])('at %s', (url) => {
    expect(
      collector(url).encode({ deployment: 'd', epoch: null, chain: 'c', rows: [], sentAt: 0, ageMs: 0 })?.url,
    ).toBe('https://trail.example/v1/batch')
  })

  test.each<[string, number, object[], string]>([
    ['all stored', 200, [result('stored'), result('duplicate')], 'aa'],
    [
      'each its own',
      207,
      [
        result('stored'),
        result('refused', 'bad_link'),
        result('refused', 'malformed_row'),
        result('refused', 'time_back'),
        result('refused', 'gap'),
        result('duplicate'),
      ],
      'adddra',
    ],
    ['a fork', 409, [result('stored'), result('refused', 'fork'), result('refused', 'fork')], 'aff'],
    ['a code of a later version', 207, [result('refused', 'tired')], 'r'],
  ])('%s', async (_, status, results, events) => {
    answers(answer(status, ...results))
    expect(await transport(collector('/c')).deliver(rows(results.length))).toEqual({ status, events })
  })

  test.each([
    [400, 's'],
    [403, 'r'],
    [404, 'r'],
    [413, 's'],
    [415, 'r'],
    [422, 'd'],
    [429, 'r'],
    [500, 'r'],
    [503, 'r'],
  ])('a refusal of the whole: %i is %s', async (status, events) => {
    answers(new Response('{"error":{"code":"x","message":"y"}}', { status }))
    expect(await transport(collector('/c')).deliver(rows(3))).toEqual({ status, events })
  })

  test('gets a large batch gzipped if asked to, but not while the page leaves', async () => {
    const many = rows(20).map((row) => row.padEnd(200))
    const sent = async (endpoint: Endpoint, exit: boolean) => {
      answers(answer(200, ...many.map(() => result('stored'))))
      await transport(endpoint).deliver(many, exit)
      const init = vi.mocked(fetch).mock.lastCall?.[1]
      return [init?.headers, await new Response(init?.body).bytes()] as const
    }
    const [none, plain] = await sent(collector('/c'), false)
    const [headers, packed] = await sent(collector('/c', { gzip: true }), false)
    expect([none, headers]).toEqual([{}, { 'content-encoding': 'gzip' }])
    expect(gunzipSync(packed)).toEqual(Buffer.from(plain))
    expect((await sent(collector('/c', { gzip: true }), true))[0]).toEqual({})
  })

  test('does not cost an event what was broken in packing it', async () => {
    answers(new Response('{"error":{"code":"malformed_gzip","message":"y"}}', { status: 400 }))
    expect((await transport(collector('/c', { gzip: true })).deliver(rows(3))).events).toBe('r')
  })

  test.each(['', '<html>sign in to this network</html>', '{}', '{"results":[]}', 'null'])(
    'an answer that is not its own acknowledges nothing: %s',
    async (text) => {
      answers(new Response(text, { status: 200 }))
      expect((await transport(collector('/c')).deliver(rows(2))).events).toBe('r')
    },
  )
})

describe('an endpoint of the user', () => {
  test.each<[string, Partial<Endpoint>]>([
    [
      'encode throws',
      {
        encode: () => {
          throw new Error('mine')
        },
      },
    ],
    ['encode gives nothing', { encode: () => undefined as never }],
    [
      'settle throws',
      {
        settle: () => {
          throw new Error('mine')
        },
      },
    ],
    ['settle gives nothing', { settle: () => undefined as never }],
    ['settle gives a word unknown', { settle: () => 'fine' as never }],
    ['too few outcomes', { settle: () => ({ events: ['ack', 'ack'] }) }],
    ['split for single events', { settle: () => ({ events: ['ack', 'split' as never, 'ack'] }) }],
  ])('%s: retried, and said so', async (_, more) => {
    const { deliver, warn } = transport(endpoint(more))
    expect((await deliver(rows(3))).events).toBe('r')
    expect(warn.mock.calls).toEqual([['endpoint_failed']])
  })

  test('outcomes per event and a wait of its own', async () => {
    answers(new Response('', { status: 200, headers: { 'retry-after': '9' } }))
    const { deliver } = transport(
      endpoint({ settle: () => ({ events: ['ack', 'drop', 'retry', 'fork'], afterMs: 5 }) }),
    )
    expect(await deliver(rows(4))).toEqual({ status: 200, events: 'adrf', after: 5 })
  })

  test.each([
    [1500.2, 1501],
    [Number.NaN, 9000],
    [Infinity, 9000],
    [-1, 9000],
    [0, 9000],
    [undefined, 9000],
    [1e300, Number.MAX_SAFE_INTEGER],
  ])('a wait of %d ms is one of %d, by Retry-After where it is none', async (afterMs, after) => {
    answers(new Response('', { status: 503, headers: { 'retry-after': '9' } }))
    const settle = () => ({ events: 'retry', afterMs }) as Settlement
    expect(await transport(endpoint({ settle })).deliver(rows(1))).toEqual({ status: 503, events: 'r', after })
  })

  test.each<[string, Endpoint['limits']]>([
    ['too many events', { events: 2 }],
    ['too many bytes', { bytes: 20 }],
    ['one event too large', { eventBytes: 8 }],
  ])('%s: split without a request', async (_, limits) => {
    const { deliver } = transport(endpoint({ limits }))
    expect(await deliver(rows(3))).toEqual({ status: 413, events: 's' })
    expect(fetch).not.toHaveBeenCalled()
  })

  test('one request per event: none after the one that found no network', async () => {
    answers(new Response('', { status: 200 }), new TypeError('Failed to fetch'))
    vi.stubGlobal('navigator', { onLine: false })
    const { deliver } = transport(endpoint({ limits: { perRequest: 'event' } }))
    expect(await deliver(rows(3))).toEqual({ status: 0, events: 'aoo' })
    expect(fetch).toHaveBeenCalledTimes(2)
  })

  test('one request per event: in turn, until one fails', async () => {
    answers(
      new Response('', { status: 200 }),
      new Response('', { status: 400 }),
      new Response('', { status: 429, headers: { 'retry-after': '2' } }),
    )
    const { deliver } = transport({ ...json('/in'), limits: { perRequest: 'event' } })
    expect(await deliver(rows(4))).toEqual({ status: 429, events: 'adrr', after: 2000 })
    expect(fetch).toHaveBeenCalledTimes(3)
  })
})

describe('while the page is leaving', () => {
  const body = (bytes: number) => ['x'.repeat(bytes)]

  test('the request is begun in the same task, with keepalive', () => {
    void transport(endpoint()).deliver(rows(2), true)
    expect(vi.mocked(fetch).mock.calls[0]?.[1]).toMatchObject({ keepalive: true })
  })

  test('also one per event', () => {
    void transport({ ...endpoint(), limits: { perRequest: 'event' } }).deliver(rows(3), true)
    expect(fetch).toHaveBeenCalledTimes(3)
  })

  test('requests share 60 KB and nine in flight with all clients of the page; the rest waits', async () => {
    const open = gate<Response>()
    vi.mocked(fetch).mockImplementation(async () => (await open.promise).clone())
    const [one, other] = [transport(endpoint()), transport(endpoint())]
    const sent = [one.deliver(body(40_000), true), other.deliver(body(15_000), true), one.deliver(body(6_000), true)]
    expect(fetch).toHaveBeenCalledTimes(2)
    expect([page().bytes, page().requests]).toEqual([55_000, 2])
    for (let n = 0; n < 9; n++) sent.push(other.deliver(body(10), true))
    expect(fetch).toHaveBeenCalledTimes(9)
    open.open(new Response('', { status: 200 }))
    const outcomes = await Promise.all(sent)
    // A beacon would tell the page's address and carry cookies.
    expect(navigator.sendBeacon).not.toHaveBeenCalled()
    expect(outcomes.map(({ events }) => events).join('')).toBe('aaraaaaaaarr')
    expect([page().bytes, page().requests]).toEqual([0, 0])
    await other.deliver(body(59_000), true)
    expect(fetch).toHaveBeenCalledTimes(10)
  })

  test('the budget is given back when the request fails', async () => {
    answers(new TypeError('quota'))
    expect(await transport(endpoint()).deliver(body(100), true)).toEqual({ status: 0, events: 'r' })
    expect([page().bytes, page().requests]).toEqual([0, 0])
  })

  test('an endpoint that needs a preflight waits for the next visit', async () => {
    const { deliver } = transport(json('/in', { headers: { 'x-site': 'shop' } }))
    expect(await deliver(rows(1), true)).toEqual({ status: 0, events: 'r' })
    expect(fetch).not.toHaveBeenCalled()
    await deliver(rows(1))
    expect(vi.mocked(fetch).mock.calls[0]?.[1]).toMatchObject({ headers: { 'x-site': 'shop' } })
  })
})

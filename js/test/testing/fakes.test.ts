import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { openIdb } from '../../browser/idb.ts'
import { fakeClock, fakeNetwork, fakePage, fakeStore, type Installed } from '../../testing.ts'
import { fails, fresh } from '../check.ts'
import { all, conformance, lines, rows } from '../store-conformance.ts'

/** The real one. */
const later = setTimeout
let installed: Installed[] = []
const use = <T extends Installed>(fake: T): T => {
  installed.push(fake)
  return fake
}
afterEach(() => {
  for (const fake of installed.reverse()) fake.remove()
  installed = []
})

describe('a network', () => {
  test('answers 200 and keeps what it was asked', async () => {
    const network = use(fakeNetwork())
    const before = Date.now()
    const response = await fetch('/in?x=1', {
      method: 'POST',
      headers: { 'x-a': 'b' },
      body: '{"a":1}',
      keepalive: true,
    })
    expect([response.status, await response.text()]).toEqual([200, ''])
    const [request] = network.requests
    expect(request).toMatchObject({
      url: 'https://page.example/in?x=1',
      method: 'POST',
      text: '{"a":1}',
      json: { a: 1 },
      keepalive: true,
    })
    expect(request?.headers.get('x-a')).toBe('b')
    expect((request?.at ?? 0) >= before).toBe(true)
  })

  test('takes a Request, bytes, forms and what is compressed', async () => {
    const network = use(fakeNetwork())
    await fetch(new Request('https://in.example/', { method: 'PUT', body: 'größe', headers: { 'x-a': 'b' } }))
    await fetch(new URL('https://in.example/'), { method: 'POST', body: new TextEncoder().encode('👟') })
    await fetch('https://in.example/', { method: 'POST', body: new URLSearchParams({ a: 'b c' }) })
    await fetch('https://in.example/', {
      method: 'POST',
      body: new Blob([gzipSync('packed')]),
      headers: { 'content-encoding': 'gzip' },
    })
    await fetch('https://in.example/')
    expect(network.requests.map(({ method, text }) => `${method} ${text}`)).toEqual([
      'PUT größe',
      'POST 👟',
      'POST a=b+c',
      'POST packed',
      'GET ',
    ])
    expect(network.requests[0]?.headers.get('x-a')).toBe('b')
  })

  test('answers in order what it is told, then as always', async () => {
    const network = use(fakeNetwork())
    network.always(({ text }) => ({ status: 207, body: { length: text.length } }))
    network.next({ status: 429, headers: { 'retry-after': '2' } }, 'fail', { status: 204 })
    const post = () => fetch('/in', { method: 'POST', body: 'abc' })
    const first = await post()
    expect([first.status, first.headers.get('retry-after')]).toEqual([429, '2'])
    await expect(post()).rejects.toThrow(TypeError)
    expect((await post()).status).toBe(204)
    const last = await post()
    expect([last.status, await last.json()]).toEqual([207, { length: 3 }])
    network.always({ body: 'ok' })
    expect(await (await post()).text()).toBe('ok')
    expect(network.requests).toHaveLength(5)
  })

  test('takes its time, and can be aborted', async () => {
    const clock = use(fakeClock())
    const network = use(fakeNetwork({ latency: 300 }))
    let answered = 0
    void fetch('/in').then(() => answered++)
    await clock.advance(299)
    expect(answered).toBe(0)
    await clock.advance(1)
    expect(answered).toBe(1)
    network.always('hang')
    const abort = new AbortController()
    const hanging = expect(fetch('/in', { signal: abort.signal })).rejects.toThrow('aborted')
    await clock.advance(60_000)
    abort.abort()
    await hanging
    await expect(fetch('/in', { signal: abort.signal })).rejects.toThrow('aborted')
    expect(network.requests).toHaveLength(2)
  })

  test('is driven by the fake timers of a runner, too', async () => {
    vi.useFakeTimers()
    try {
      use(fakeNetwork({ latency: 300 }))
      let answered = 0
      void fetch('/in').then(() => answered++)
      await vi.advanceTimersByTimeAsync(299)
      expect(answered).toBe(0)
      await vi.advanceTimersByTimeAsync(1)
      expect(answered).toBe(1)
    } finally {
      vi.useRealTimers()
    }
  })

  test('goes away and comes back, and the page hears of it', async () => {
    const heard: string[] = []
    use(fakePage())
    for (const type of ['online', 'offline']) addEventListener(type, () => heard.push(type))
    const network = use(fakeNetwork())
    network.offline = true
    network.offline = true
    expect([navigator.onLine, network.offline]).toEqual([false, true])
    await expect(fetch('/in')).rejects.toThrow(TypeError)
    network.offline = false
    expect([navigator.onLine, (await fetch('/in')).status]).toEqual([true, 200])
    expect([heard, network.requests.length]).toEqual([['offline', 'online'], 1])
    // Lost on the way.
    network.latency = 5
    const lost = expect(fetch('/in')).rejects.toThrow(TypeError)
    await new Promise((done) => setTimeout(done, 1))
    network.offline = true
    await lost
  })
})

describe('a clock', () => {
  test('runs timers in order, each at its time', async () => {
    const clock = use(fakeClock(Date.UTC(2026, 10, 24)))
    const ran: [string, number][] = []
    const note = (name: string) => ran.push([name, Date.now() - Date.UTC(2026, 10, 24)])
    setTimeout(note, 20, 'b')
    setTimeout(note, 10, 'a')
    const every = setInterval(note, 15, 'every')
    const gone = setTimeout(note, 12, 'gone')
    clearTimeout(gone)
    setTimeout(async () => {
      // What takes a few turns of the real event loop in between is waited for.
      for (let turn = 0; turn < 3; turn++) await new Promise((done) => later(done, 0))
      setTimeout(note, 5, 'later')
    }, 30)
    await clock.advance(35)
    expect(ran).toEqual([
      ['a', 10],
      ['every', 15],
      ['b', 20],
      ['every', 30],
      ['later', 35],
    ])
    clearInterval(every)
    await clock.advance(1000)
    expect(ran).toHaveLength(5)
    expect([clock.now, new Date().toISOString()]).toEqual([Date.now(), '2026-11-24T00:00:01.035Z'])
  })

  test('what is due at once runs once time passes, and an endless interval does not stop it', async () => {
    const clock = use(fakeClock(0))
    let count = 0
    setTimeout(() => count++)
    const every = setInterval(() => count++, 0)
    expect(count).toBe(0)
    await clock.advance(3)
    clearInterval(every)
    expect(count).toBe(4)
  })

  test('can be set, without a timer that runs', async () => {
    const clock = use(fakeClock(1000))
    let ran = 0
    const began = performance.now()
    setTimeout(() => ran++, 50)
    clock.set(500_000)
    expect([Date.now(), ran]).toEqual([500_000, 0])
    clock.set(0)
    await clock.advance(50)
    expect([Date.now(), ran, performance.now() - began]).toEqual([50, 1, 50])
  })

  test('is a Date in every other way', () => {
    use(fakeClock(1000))
    const now = new Date()
    expect(now).toBeInstanceOf(Date)
    expect([now.getTime(), new Date(5).getTime(), new Date('1970-01-01T00:00:01Z').getTime()]).toEqual([1000, 5, 1000])
    expect([Date.UTC(1970, 0), Date.parse('1970-01-01'), new Date(1970, 0, 2).getDate()]).toEqual([0, 0, 2])
  })
})

test('what was removed leaves nothing behind', async () => {
  const before = Object.entries(Object.getOwnPropertyDescriptors(globalThis))
  const all = [fakePage(), fakeClock(0), fakeNetwork(), fakeStore()]
  ;(all[2] as ReturnType<typeof fakeNetwork>).offline = true
  for (const fake of [...all, ...all].reverse()) fake.remove()
  expect(Object.entries(Object.getOwnPropertyDescriptors(globalThis))).toEqual(before)
  expect(Date.now()).toBeGreaterThan(1e12)
  expect(Object.hasOwn(performance, 'now')).toBe(false)
})

describe('a storage', () => {
  for (const [name, run] of Object.entries(conformance))
    test(name, () => {
      use(fakeStore())
      const database = fresh(name)
      return run({ open: () => openIdb(database) })
    })

  test('shows what is in it', async () => {
    const fake = use(fakeStore())
    expect(fake.deployments).toEqual([])
    const store = await openIdb('nymtrail/shop')
    const row = { chain: 'c', seq: 0, line: '{"chain":"c","seq":0}' }
    await store.write({ add: [row] })
    expect([fake.deployments, fake.rows]).toEqual([['shop'], [{ chain: 'c', seq: 0 }]])
    await store.wipe()
    expect([fake.deployments, fake.rows]).toEqual([[], []])
  })

  test('fails as it is told, and nothing of that write is left', async () => {
    const fake = use(fakeStore())
    const store = await openIdb('nymtrail/shop')
    fake.next('quota', 'ok', 'unreadable', 'closed')
    await fails(store.write({ add: rows('a', [0]), put: [['n', '1']] }), 'quota')
    await store.write({ add: rows('a', [1]) })
    await fails(store.write({ remove: [['a', 0, 9]] }), 'corrupt')
    await fails(store.write({ add: rows('a', [2]) }), 'closed')
    expect([await all(store, 'a'), await store.metas()]).toEqual([lines('a', [1]), []])
    fake.always('quota')
    for (const seq of [3, 4]) await fails(store.write({ add: rows('a', [seq]) }), 'quota')
    fake.always('ok')
    await store.write({ add: rows('a', [5]) })
    expect(await all(store, 'a')).toEqual(lines('a', [1, 5]))
  })

  test('can be switched off', async () => {
    const fake = use(fakeStore())
    fake.disabled = true
    await fails(openIdb('nymtrail/shop'), 'disabled')
    expect([fake.deployments, fake.disabled]).toEqual([[], true])
    fake.disabled = false
    await openIdb('nymtrail/shop')
  })
})

describe('a page', () => {
  test('is where it is said to be, and goes away', () => {
    const page = use(
      fakePage({ url: 'https://shop.example/cart', referrer: 'https://news.example/', navigator: { doNotTrack: '1' } }),
    )
    expect([location.href, document.referrer, document.baseURI, navigator.doNotTrack, navigator.onLine]).toEqual([
      'https://shop.example/cart',
      'https://news.example/',
      'https://shop.example/cart',
      '1',
      true,
    ])
    const heard: string[] = []
    addEventListener('pagehide', (event) => heard.push(`${event.type} ${event.persisted}`))
    document.addEventListener('visibilitychange', () => heard.push(document.visibilityState))
    page.hide()
    page.leave()
    expect(heard).toEqual(['hidden', 'pagehide false'])
  })
})

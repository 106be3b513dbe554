// What pages and browsers do to a client: it never throws, its counts add up, and it says once what is wrong.
import assert from 'node:assert/strict'
import { sleep, until } from '../browsers/page.mjs'
import { assertAddsUp, begin, engine, exportOf, names, scenario, statsOf, track, verdictOf } from '../scenario.mjs'
import { dump } from '../storage.mjs'

const numbered = (prefix, count) => Array.from({ length: count }, (_, i) => `${prefix}${i}`)

for (const [name, head] of [
  [
    'a getter that throws',
    "Object.defineProperty(window, 'indexedDB', { get() { throw new DOMException('no', 'SecurityError') } })",
  ],
  ['no such thing', "Object.defineProperty(window, 'indexedDB', { value: undefined })"],
  ['open() that throws', "IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError') }"],
])
  scenario(`storage disabled (${name}): events stay in memory and are delivered`, async ({ site, profile }) => {
    site.head = head
    const page = await profile.open(site.url('/page'))
    assert.deepEqual(await begin(page), { state: 'ready', storage: 'memory' })
    await track(page, 70)
    await until(() => site.taken().length === 70, 'everything is delivered')
    assert.deepEqual(names(site.taken()), numbered('event-', 70))
    await until(async () => (await statsOf(page)).pending === 0, 'settled')
    const stats = await statsOf(page)
    assert.deepEqual([stats.captured, stats.acknowledged, stats.storage], [70, 70, 'memory'])
    assertAddsUp(stats)
    assert.equal((await verdictOf(page)).verdict, 'holds')
    assert.deepEqual(names((await exportOf(page)).rows), numbered('event-', 70))
    assert.deepEqual(page.warnings(), ['storage_disabled'])
  })

/** The disk is full from when the page says so: the browser takes the rows, and aborts when it comes to write them. */
const FULL = `
const { add } = IDBObjectStore.prototype
IDBObjectStore.prototype.add = function (...args) {
  const { transaction } = this
  if (window.full) {
    Object.defineProperty(transaction, 'error', { get: () => new DOMException('full', 'QuotaExceededError') })
    transaction.commit = () => queueMicrotask(() => transaction.abort())
  }
  return add.apply(this, args)
}`
scenario('quota full: nothing is lost', async ({ site, profile }) => {
  site.head = FULL
  const page = await profile.open(site.url('/page'))
  await begin(page)
  await track(page, 10, 'stored-')
  await until(() => site.taken().length === 10, 'delivered')
  await page.evaluate(() => {
    globalThis.full = true
  })
  await track(page, 40, 'full-')
  await track(page, 40, 'more-')
  const expected = [...numbered('stored-', 10), ...numbered('full-', 40), ...numbered('more-', 40)]
  await until(() => site.taken().length === 90, 'everything is delivered')
  assert.deepEqual(names(site.taken()).sort(), [...expected].sort())
  await until(async () => (await statsOf(page)).pending === 0, 'settled')
  const stats = await statsOf(page)
  assertAddsUp(stats)
  assert.equal(stats.storage, 'memory')
  assert.equal(stats.captured, 90, 'what was stored before still counts')
  assert.equal((await verdictOf(page)).verdict, 'holds')
  assert.deepEqual(names((await exportOf(page)).rows).sort(), [...expected].sort(), 'and is still there')
  assert.deepEqual(page.warnings(), ['quota'])
})

scenario(
  'quota full, and room again: what was in memory is stored, and the page goes on there',
  async ({ site, profile }) => {
    site.head = FULL
    const page = await profile.open(site.url('/page'))
    site.answer = () => ({ status: 503 })
    await begin(page)
    await track(page, 5, 'stored-')
    await page.evaluate(() => {
      globalThis.full = true
    })
    await track(page, 5, 'full-')
    await until(async () => (await statsOf(page)).storage === 'memory', 'in memory')
    await page.evaluate(() => {
      globalThis.full = false
      // The next try is due a minute later.
      const now = Date.now
      Date.now = () => now() + 61_000
    })
    await track(page, 5, 'after-')
    await until(async () => (await statsOf(page)).storage === 'indexeddb', 'back in the store')
    assertAddsUp(await statsOf(page))
    assert.equal((await statsOf(page)).captured, 15)
    site.answer = () => ({})
    await page.reload()
    await page.until(() => 'createTrail' in globalThis)
    await begin(page)
    await until(() => new Set(names(site.taken())).size === 15, 'everything is delivered')
    assert.equal(new Set(site.taken().map(({ id }) => id)).size, 15, 'each under one id')
    await until(async () => (await statsOf(page)).pending === 0, 'settled')
    assertAddsUp(await statsOf(page))
    assert.equal((await verdictOf(page)).verdict, 'holds')
  },
)

scenario('quota full, then consent withdrawn: the database is gone all the same', async ({ site, profile }) => {
  site.head = FULL
  const page = await profile.open(site.url('/page'))
  await begin(page)
  await track(page, 3, 'stored-')
  await until(() => site.taken().length === 3, 'delivered')
  await page.evaluate(() => {
    globalThis.full = true
  })
  await track(page, 3, 'full-')
  await until(async () => (await statsOf(page)).storage === 'memory', 'in memory')
  await page.evaluate(() => globalThis.trail.erase())
  assert.deepEqual((await dump(page)).databases, [])
})

if (engine === 'chromium')
  scenario('quota full, by the browser itself: nothing is lost', async ({ site, profile }) => {
    const page = await profile.open(site.url('/page'))
    const devtools = await profile.context.newCDPSession(page.page)
    const quota = (quotaSize) => devtools.send('Storage.overrideQuotaForOrigin', { origin: site.origin, quotaSize })
    await quota(200_000)
    await begin(page)
    await track(page, 5, 'stored-')
    await until(() => site.taken().length === 5, 'delivered')
    const expected = numbered('stored-', 5)
    for (let round = 0; round < 10; round++) {
      expected.push(...numbered(`full-${round}-`, 20))
      await page.evaluate((round) => {
        for (let i = 0; i < 20; i++)
          globalThis.trail.track(`full-${round}-${i}`, { text: Array(20).fill('some text '.repeat(20)) })
      }, round)
      await sleep(50)
    }
    const before = await until(async () => {
      const stats = await statsOf(page)
      return stats.storage === 'memory' && stats.waiting === 0 && stats
    }, 'in memory')
    assertAddsUp(before)
    assert.equal(before.captured, 205, 'what was stored before still counts')
    assert.deepEqual(page.warnings(), ['quota'])
    // The last events go from memory. Of those in the store, some may wait for a page that can settle them there.
    const last = numbered('full-9-', 20)
    await until(() => last.every((name) => names(site.taken()).includes(name)), 'the last ones are delivered')
    await page.evaluate(() => globalThis.trail.flush())
    await quota(100_000_000)
    await page.reload()
    await page.until(() => 'createTrail' in globalThis)
    await begin(page)
    await until(() => new Set(names(site.taken())).size === 205, 'everything is delivered')
    assert.deepEqual([...new Set(names(site.taken()))].sort(), expected.sort())
    const ids = new Map(site.taken().map((row) => [row.id, row.event.n]))
    assert.equal(ids.size, 205, 'each under one id')
    assertAddsUp(await statsOf(page))
    assert.equal((await verdictOf(page)).verdict, 'holds')
  })

scenario('the database is deleted while it is open: the client goes on', async ({ site, profile }) => {
  const page = await profile.open(site.url('/page'))
  await begin(page)
  await track(page, 5, 'before-')
  await until(() => site.taken().length === 5, 'delivered')
  await page.evaluate(async () => {
    for (const { name } of await indexedDB.databases())
      await new Promise((resolve, reject) => {
        const request = indexedDB.deleteDatabase(name)
        request.onsuccess = resolve
        request.onerror = request.onblocked = reject
      })
  })
  await track(page, 5, 'after-')
  await sleep(500)
  await track(page, 5, 'later-')
  const expected = [...numbered('before-', 5), ...numbered('after-', 5), ...numbered('later-', 5)]
  await until(() => site.taken().length === 15, 'everything is delivered')
  assert.deepEqual(names(site.taken()).sort(), expected.sort())
  assert.equal((await verdictOf(page)).verdict, 'holds')
  assert.deepEqual(
    names((await exportOf(page)).rows).sort(),
    [...numbered('after-', 5), ...numbered('later-', 5)].sort(),
  )
  assertAddsUp(await statsOf(page))
  assert.deepEqual(page.warnings(), ['collision'])
  await page.reload()
  await page.until(() => 'createTrail' in globalThis)
  assert.deepEqual(await begin(page), { state: 'ready', storage: 'indexeddb' })
  await track(page, 2, 'again-')
  await until(() => names(site.taken()).includes('again-1'), 'and a new page works')
})

scenario('crypto missing: inert, with one warning', async ({ site, profile }) => {
  site.head = "Object.defineProperty(window, 'crypto', { value: undefined })"
  const page = await profile.open(site.url('/page'))
  assert.deepEqual(await begin(page), { state: 'inert', code: 'no_crypto' })
  await assertInert(page, site, 'no_crypto')
})

scenario("a policy without 'wasm-unsafe-eval': inert, with one warning", async ({ site, profile }) => {
  site.headers = { 'content-security-policy': "default-src 'self'; img-src data:; script-src 'self' 'unsafe-inline'" }
  const page = await profile.open(site.url('/page'))
  assert.deepEqual(await begin(page), { state: 'inert', code: 'wasm_blocked' })
  await assertInert(page, site, 'wasm_blocked')
})

scenario("a strict policy with 'wasm-unsafe-eval' is enough", async ({ site, profile }) => {
  site.headers = {
    'content-security-policy':
      "default-src 'none'; connect-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'",
  }
  const page = await profile.open(site.url('/page'))
  assert.deepEqual(await begin(page), { state: 'ready', storage: 'indexeddb' })
  await track(page, 3)
  await until(() => site.taken().length === 3, 'delivered')
})

scenario(
  'a policy that forbids the endpoint: events stay, and the console is not flooded',
  async ({ site, profile }) => {
    site.headers = {
      'content-security-policy':
        "default-src 'self'; img-src data:; connect-src 'none'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'",
    }
    const page = await profile.open(site.url('/page'))
    await begin(page)
    for (let round = 0; round < 10; round++) {
      await track(page, 60, `blocked-${round}-`)
      await sleep(300)
    }
    assert.deepEqual(site.batches(), [])
    assert.equal((await statsOf(page)).pending, 600)
    assertAddsUp(await statsOf(page))
    const complaints = page.console.filter(({ text }) => /Content.Security.Policy/i.test(text))
    assert.ok(complaints.length <= 8, `${complaints.length} lines in the console`)
  },
)

async function assertInert(page, site, code) {
  await track(page, 5)
  await page.evaluate(async () => {
    const { trail } = globalThis
    trail.identify('ada')
    trail.reset()
    trail.page()
    await Promise.all([trail.flush(), trail.verify(), trail.export()])
  })
  assert.deepEqual(page.warnings(), [code])
  const stats = await statsOf(page)
  assert.deepEqual([stats.captured, stats.dropped.inert, stats.storage], [7, 7, 'none'])
  assertAddsUp(stats)
  assert.deepEqual(await page.evaluate(() => globalThis.trail.flush()), { done: false, code })
  assert.equal((await verdictOf(page)).verdict, 'unchecked')
  assert.deepEqual(site.requests, [])
}

scenario('whatever is passed: no exception, counts add up, one warning for each code', async ({ site, profile }) => {
  const page = await profile.open(site.url('/page'))
  await begin(page, { salt: { secret: '7e'.repeat(32) } })
  const thrown = await page.evaluate(() => {
    const { trail } = globalThis
    const circular = {}
    circular.self = circular
    const throwing = {
      get name() {
        throw new Error('from the page')
      },
    }
    const revoked = Proxy.revocable({}, {})
    revoked.revoke()
    let deep = {}
    for (let i = 0; i < 100_000; i++) deep = { deep }
    const values = [
      undefined,
      null,
      true,
      0,
      -0,
      NaN,
      Infinity,
      1e308,
      5n,
      '',
      ' ',
      'x',
      'x'.repeat(129),
      'x'.repeat(10_000_000),
      '\ud800',
      '\u0000',
      '😀',
      Symbol('s'),
      () => 1,
      class {},
      [],
      [1, [2]],
      {},
      new Map([[1, 2]]),
      new Date(NaN),
      /x/,
      new Uint8Array(5),
      document,
      window,
      document.body,
      circular,
      throwing,
      revoked.proxy,
      deep,
      { value: 5n },
      {
        toJSON: () => {
          throw new Error('no')
        },
      },
      { toJSON: () => undefined },
      { toJSON: () => 7 },
      Object.create(null),
      { big: 'x'.repeat(1_000_000) },
      { many: Array(100_000).fill(0) },
      JSON.parse('{"__proto__":{"a":1},"constructor":1}'),
      new Promise(() => {}),
      new Error('x'),
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('no')
          },
        },
      ),
    ]
    const thrown = []
    const attempt = (name, work) => {
      for (let round = 0; round < 2; round++)
        try {
          const result = work()
          if (result !== undefined) thrown.push(`${name} gave something back`)
        } catch (error) {
          thrown.push(`${name}: ${error}`)
        }
    }
    values.forEach((value, at) => {
      attempt(`track(value ${at})`, () => trail.track(value))
      attempt(`track(name, value ${at})`, () => trail.track(`value ${at}`, value))
      attempt(`track(nested ${at})`, () => trail.track(`nested ${at}`, { nested: { value, list: [value] } }))
      attempt(`page(value ${at})`, () => trail.page(value, value))
      attempt(`identify(value ${at})`, () => trail.identify(value, value, value))
      attempt(`identify(value ${at}, type)`, () => trail.identify('ada', {}, { type: value }))
      attempt(`group(value ${at})`, () => trail.group(value, value))
      attempt(`consent(value ${at})`, () => {
        if (value !== undefined && !['granted', 'denied', 'pending'].includes(value)) trail.consent(value)
      })
    })
    return thrown
  })
  assert.deepEqual(thrown, [])
  await track(page, 3, 'still-')
  await until(() => names(site.taken()).includes('still-2'), 'the client goes on')
  await until(async () => (await statsOf(page)).pending === 0, 'everything is settled')
  const stats = await statsOf(page)
  assertAddsUp(stats)
  assert.ok(stats.dropped.scrubbed > 0 && stats.dropped.too_large > 0, JSON.stringify(stats.dropped))
  for (const code of ['invalid_name', 'invalid_identifier', 'invalid_properties'])
    assert.ok(stats.rejected[code] > 0, `${code}: ${JSON.stringify(stats.rejected)}`)
  const codes = page.warnings()
  assert.deepEqual(codes, [...new Set(codes)], 'one warning for each code')
  assert.ok(!codes.includes('internal'), codes.join(' '))
  assert.equal((await verdictOf(page)).verdict, 'holds')
})

scenario('wrong options: one warning, and a client that does nothing', async ({ site, profile }) => {
  const page = await profile.open(site.url('/page'))
  const states = await page.evaluate(async () => {
    const good = { deployment: 'shop', endpoint: '/ingest', consent: 'granted' }
    const wrong = [
      undefined,
      null,
      5,
      'shop',
      [],
      {},
      { ...good, deployment: 'Shop!' },
      { ...good, deployment: 5n },
      { ...good, endpoint: 'ftp://x' },
      { ...good, endpoint: {} },
      { ...good, salt: { secret: 'short' } },
      { ...good, pin: 'x' },
      { ...good, period: 'hour' },
      { ...good, consent: 'maybe' },
      { ...good, flush: { count: -1 } },
      { ...good, limits: { rows: 'many' } },
      { ...good, debug: 5 },
    ]
    const found = []
    for (const options of wrong) {
      const trail = globalThis.createTrail(options)
      trail.track('x')
      found.push((await trail.ready()).code)
    }
    return found
  })
  assert.deepEqual(
    states,
    states.map(() => 'invalid_options'),
  )
  assert.deepEqual(page.warnings().length, states.length, 'each wrong call is told')
  assert.deepEqual(site.requests, [])
})

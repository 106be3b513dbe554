// From the store to the endpoint, whatever becomes of requests, pages and the network.
import assert from 'node:assert/strict'
import { sleep, until } from '../browsers/page.mjs'
import { assertAddsUp, begin, engine, exportOf, names, scenario, statsOf, track, verdictOf } from '../scenario.mjs'
import { DROP, HANG } from '../server.mjs'

const numbered = (prefix, count) => Array.from({ length: count }, (_, i) => `${prefix}${i}`)

async function open(profile, site, options) {
  const page = await profile.open(site.url('/page'))
  await begin(page, options)
  return page
}

/** Each of the expected events was taken exactly once. */
function assertTakenOnce(site, expected) {
  const rows = site.taken()
  assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length, 'no event was taken twice')
  assert.deepEqual(names(rows).sort(), [...expected].sort())
}

async function assertSettled(page, count) {
  await until(async () => (await statsOf(page)).pending === 0, 'everything is settled')
  const stats = await statsOf(page)
  assert.deepEqual([stats.captured, stats.acknowledged, stats.pending, stats.waiting], [count, count, 0, 0])
  assertAddsUp(stats)
  assert.equal((await verdictOf(page)).verdict, 'holds')
}

scenario('flush() is done when everything is acknowledged, twenty times', async ({ site, profile }) => {
  const page = await open(profile, site, { flush: { ageMs: 60_000 } })
  for (let round = 0; round < 20; round++) {
    const result = await page.evaluate((round) => {
      globalThis.trail.track(`round-${round}`)
      return globalThis.trail.flush()
    }, round)
    assert.deepEqual(result, { done: true }, `round ${round}`)
    assert.equal(site.taken().length, round + 1)
  }
})

scenario('an endpoint that fails for a while gets everything, once', async ({ site, profile }) => {
  let failures = 4
  site.answer = () => (failures-- > 0 ? { status: 503 } : {})
  const page = await open(profile, site)
  await track(page, 120)
  await until(() => site.taken().length === 120, 'everything is delivered', 30_000)
  assertTakenOnce(site, numbered('event-', 120))
  assert.deepEqual(names(site.taken()), numbered('event-', 120), 'in order')
  assert.equal(site.most, 1)
  await assertSettled(page, 120)
})

scenario('429 with Retry-After: 2 is obeyed', async ({ site, profile }) => {
  site.answer = (_, number) => (number === 0 ? { status: 429, headers: { 'retry-after': '2' } } : {})
  const page = await open(profile, site)
  await track(page, 3)
  await until(() => site.batches().length === 1, 'the first try')
  // Neither an impatient caller nor more events shorten it.
  const flushed = page.evaluate(() => globalThis.trail.flush())
  await track(page, 60, 'more-')
  await until(() => site.taken().length === 63, 'everything is delivered')
  const [first, second] = site.batches()
  const wait = second.at - first.at
  assert.ok(wait >= 1950 && wait < 4000, `waited ${wait} ms`)
  assert.deepEqual(await flushed, { done: false, code: 'retrying' })
  await assertSettled(page, 63)
})

scenario('offline: events stay, and go when the network is back', async ({ site, profile }) => {
  const page = await open(profile, site)
  await track(page, 2, 'before-')
  await until(() => site.taken().length === 2, 'delivered')
  await profile.offline(true)
  await track(page, 30, 'offline-')
  await sleep(1000)
  assert.equal(site.taken().length, 2)
  const stats = await statsOf(page)
  assert.deepEqual([stats.stored, stats.pending], [32, 30])
  assertAddsUp(stats)
  const result = await page.evaluate(() => globalThis.trail.flush())
  assert.equal(result.done, false)
  assert.ok(['offline', 'retrying'].includes(result.code), result.code)
  await profile.offline(false)
  // Not every driver fires the event with which a browser says so.
  if (engine === 'firefox') await page.evaluate(() => dispatchEvent(new Event('online')))
  await until(() => site.taken().length === 32, 'everything is delivered', 15_000)
  assertTakenOnce(site, [...numbered('before-', 2), ...numbered('offline-', 30)])
  await assertSettled(page, 32)
})

scenario(
  '413: batches are halved, and one event that is too large alone costs only itself',
  async ({ site, profile }) => {
    site.answer = ({ body }) => (body.length > 4000 ? { status: 413 } : {})
    const page = await open(profile, site)
    await page.evaluate(() => {
      for (let i = 0; i < 40; i++)
        globalThis.trail.track(`event-${i}`, i === 17 ? { big: Array(25).fill('x y '.repeat(50)) } : { i })
    })
    const expected = numbered('event-', 40).filter((name) => name !== 'event-17')
    await until(() => site.taken().length === 39, 'the others are delivered', 20_000)
    assertTakenOnce(site, expected)
    const stats = await until(async () => {
      const stats = await statsOf(page)
      return stats.pending === 0 && stats
    }, 'settled')
    assert.deepEqual([stats.captured, stats.acknowledged, stats.dropped.too_large], [40, 39, 1])
    await until(() => site.gaps().length === 1, 'the place of the one in the chain is declared')
    assertAddsUp(stats)
    assert.equal((await verdictOf(page)).verdict, 'holds')
  },
)

scenario('400: one poisoned event costs itself and not its batch', async ({ site, profile }) => {
  site.answer = ({ body }) => (body.includes('poison') ? { status: 400 } : {})
  const page = await open(profile, site)
  await page.evaluate(() => {
    for (let i = 0; i < 30; i++) globalThis.trail.track(i === 11 ? 'poison' : `event-${i}`)
  })
  await until(() => site.taken().length === 29, 'the others are delivered', 20_000)
  await until(async () => (await statsOf(page)).pending === 0, 'settled')
  const stats = await statsOf(page)
  assert.deepEqual([stats.acknowledged, stats.dropped.poison], [29, 1])
  await until(() => site.gaps().length === 1, 'its place in the chain is declared')
  assertAddsUp(stats)
})

scenario('401: nothing is lost, and the console says once what is wrong', async ({ site, profile }) => {
  site.answer = () => ({ status: 401 })
  const page = await open(profile, site)
  await track(page, 3)
  await until(() => site.batches().length >= 2, 'tried again')
  assert.deepEqual(page.warnings(), ['endpoint_refused'])
  site.answer = () => ({})
  await until(() => site.taken().length === 3, 'delivered')
  await assertSettled(page, 3)
})

scenario(
  'a request that hangs is not followed by another, and its events arrive with the next page',
  async ({ site, profile }) => {
    site.answer = () => HANG
    const page = await open(profile, site)
    await track(page, 5, 'hangs-')
    await until(() => site.batches().length === 1, 'sent')
    await track(page, 60, 'later-')
    await sleep(700)
    assert.equal(site.batches().length, 1)
    assert.equal((await statsOf(page)).pending, 65)
    assertAddsUp(await statsOf(page))
    site.answer = () => ({})
    await page.goto(site.url('/page'))
    await page.until(() => 'createTrail' in globalThis)
    await begin(page)
    const expected = [...numbered('hangs-', 5), ...numbered('later-', 60)]
    await until(() => new Set(names(site.taken())).size === 65, 'everything is delivered')
    await assertSettled(page, 65)
    // The rest went with the leaving page and again with the next one: the ids tell.
    const ids = new Map(site.taken().map((row) => [row.id, row.event.n]))
    assert.deepEqual([...ids.values()].sort(), expected.sort())
  },
)

scenario('a connection that breaks off before the answer: sent again under the same ids', async ({ site, profile }) => {
  site.answer = (_, number) => (number < 2 ? DROP : {})
  const page = await open(profile, site)
  await track(page, 10)
  await until(() => site.taken().length === 10, 'delivered', 15_000)
  const tries = site.batches().map(({ body }) =>
    JSON.parse(body)
      .events.map(({ chain, seq }) => `${chain}:${seq}`)
      .join(),
  )
  assert.ok(tries.length >= 3)
  assert.equal(new Set(tries).size, 1, 'every try has the same rows')
  await assertSettled(page, 10)
})

scenario('what is tracked in the last task arrives although no page of the site follows', async ({ site, profile }) => {
  const page = await open(profile, site, { flush: { ageMs: 60_000 } })
  await track(page, 3, 'early-')
  await page.evaluateLast(() => {
    for (let i = 0; i < 20; i++) globalThis.trail.track(`last-${i}`)
    location.href = '/plain'
  })
  await page.at('/plain')
  await until(() => site.taken().length >= 23, 'arrived')
  assertTakenOnce(site, [...numbered('early-', 3), ...numbered('last-', 20)])
})

scenario('what is left goes with the page although a request is under way', async ({ site, profile }) => {
  // Firefox breaks it off a moment before the page leaves.
  site.answer = (_, number) => (number === 0 ? HANG : {})
  const page = await open(profile, site)
  await track(page, 10, 'on-its-way-')
  await until(() => site.batches().length === 1, 'a request is under way')
  await page.evaluateLast(() => {
    for (let i = 0; i < 20; i++) globalThis.trail.track(`last-${i}`)
    location.href = '/plain'
  })
  await page.at('/plain')
  const expected = [...numbered('on-its-way-', 10), ...numbered('last-', 20)]
  await until(() => site.taken().length >= expected.length, 'arrived')
  assertTakenOnce(site, expected)
})

scenario('what is tracked in the last task arrives when the tab is closed', async ({ site, profile }) => {
  const page = await open(profile, site, { flush: { ageMs: 60_000 } })
  const other = await profile.open(site.url('/plain'))
  await page.evaluate(() => {
    addEventListener('pagehide', () => globalThis.trail.track('in pagehide'), { capture: true })
    for (let i = 0; i < 20; i++) globalThis.trail.track(`last-${i}`)
  })
  await page.page.close({ runBeforeUnload: false })
  await until(() => names(site.taken()).length >= 20, 'arrived')
  // Whether the handler of the page itself ran before ours is no matter: what is stored comes with the next page.
  await other.goto(site.url('/page'))
  await other.until(() => 'createTrail' in globalThis)
  await begin(other)
  await other.evaluate(() => globalThis.trail.flush())
  const found = names((await exportOf(other)).rows)
  assert.deepEqual(
    found.filter((name) => name.startsWith('last-')),
    numbered('last-', 20),
  )
  // Not the other way round: Firefox may end the process before what was tracked in `pagehide`, and sent, is stored.
  await until(() => {
    const taken = new Set(names(site.taken()))
    return found.every((name) => taken.has(name))
  }, 'everything that is stored arrives')
})

scenario('what is left arrives although the browser ends our handler halfway', async ({ site, profile }) => {
  const page = await open(profile, site, { flush: { ageMs: 60_000 } })
  await profile.open(site.url('/plain'))
  await page.evaluate(() => {
    for (let i = 0; i < 20; i++) globalThis.trail.track(`last-${i}`)
    // Firefox ends the script that runs when it closes a site's last tab in a process. On a busy machine that is
    // sometimes our handler of `pagehide`; here it is, as its first call into the core takes so long.
    let slow = false
    const { encode } = TextEncoder.prototype
    TextEncoder.prototype.encode = function (text) {
      const end = performance.now() + (slow ? 500 : 0)
      slow = false
      while (performance.now() < end);
      return encode.call(this, text)
    }
    addEventListener(
      'pagehide',
      () => {
        slow = true
      },
      { capture: true },
    )
  })
  await page.page.close({ runBeforeUnload: false })
  await until(() => names(site.taken()).length >= 20, 'arrived')
  assertTakenOnce(site, numbered('last-', 20))
})

scenario('back and forward: the page works on, tracking goes on, nothing is sent twice', async ({ site, profile }) => {
  const page = await open(profile, site)
  await page.evaluate(() => {
    globalThis.alive = true
    globalThis.returns = []
    addEventListener('pageshow', ({ persisted }) => globalThis.returns.push(persisted))
  })
  await track(page, 3, 'first-')
  for (let round = 0; round < 3; round++) {
    await track(page, 1, `leaving-${round}-`)
    await page.evaluateLast(() => {
      location.href = '/plain'
    })
    await page.at('/plain')
    await page.evaluateLast(() => history.back())
    await page.at('/page')
    const kept = await page.evaluate(() => globalThis.alive === true)
    if (!kept) {
      await page.until(() => 'createTrail' in globalThis)
      await begin(page)
      await page.evaluate(() => {
        globalThis.alive = true
        globalThis.returns = []
      })
    }
    await track(page, 2, `back-${round}-`)
    await page.evaluate(() => globalThis.trail.flush())
  }
  // Firefox caches no page that holds a Web Lock, not even one that it gives back in `pagehide`.
  if (engine === 'chromium') assert.deepEqual(await page.evaluate(() => globalThis.returns), [true, true, true])
  const expected = [
    ...numbered('first-', 3),
    ...[0, 1, 2].flatMap((round) => [`leaving-${round}-0`, `back-${round}-0`, `back-${round}-1`]),
  ]
  await until(() => new Set(names(site.taken())).size === expected.length, 'everything is delivered')
  const { rows } = await exportOf(page)
  assert.deepEqual(names(rows).sort(), expected.sort(), 'every event is stored once')
  assert.equal(new Set(site.taken().map(({ id }) => id)).size, expected.length, 'and has one id')
  assert.equal((await verdictOf(page)).verdict, 'holds')
  assertAddsUp(await statsOf(page))
  assert.deepEqual(page.warnings(), [])
})

scenario('a page in the back/forward cache gives up its lane and the sending', async ({ site, profile }) => {
  const page = await open(profile, site)
  await track(page, 2, 'one-')
  await until(() => site.taken().length === 2, 'delivered')
  await page.evaluateLast(() => {
    location.href = '/plain'
  })
  await page.at('/plain')
  const other = await open(profile, site)
  await track(other, 2, 'two-')
  await until(() => site.taken().length === 4, 'the other tab sends')
  await page.evaluateLast(() => history.back())
  await page.at('/page')
  if (await page.evaluate(() => !('trail' in globalThis))) await begin(page)
  await track(page, 2, 'three-')
  await until(() => site.taken().length === 6, 'delivered by whoever sends')
  assertTakenOnce(site, [...numbered('one-', 2), ...numbered('two-', 2), ...numbered('three-', 2)])
  assert.equal((await verdictOf(page)).verdict, 'holds')
})

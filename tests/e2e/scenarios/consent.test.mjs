// Before consent nothing is touched; after it everything is recorded; after a refusal nothing is left.
import assert from 'node:assert/strict'
import { sleep, until } from '../browsers/page.mjs'
import { assertAddsUp, begin, exportOf, names, scenario, statsOf, track } from '../scenario.mjs'
import { dump } from '../storage.mjs'
import { LEAST, TRAPS, touchAll, touched } from '../traps.mjs'

scenario('the traps see each thing that is touched, and what a client at work touches', async ({ site, profile }) => {
  site.head = TRAPS
  const control = await profile.open(site.url('/plain'))
  assert.deepEqual(await touched(control), {})
  const trapped = await control.evaluate(() => globalThis.trapped)
  assert.deepEqual(
    LEAST.filter((name) => !trapped.includes(name)),
    [],
    'is not there to be trapped',
  )
  assert.deepEqual(await control.evaluate(touchAll), [], 'was touched without being counted')
  // What the control touches is not there, of which Firefox makes exceptions.
  profile.pages.splice(profile.pages.indexOf(control), 1)
  const page = await profile.open(site.url('/page'))
  await begin(page, { salt: '/epochs' })
  await track(page, 1)
  await page.evaluate(() => globalThis.trail.flush())
  const seen = await touched(page)
  for (const name of ['indexedDB.open', 'locks.request', 'BroadcastChannel', 'fetch'])
    assert.ok(seen[name], `${name} is not seen: ${JSON.stringify(seen)}`)
})

scenario('pending: nothing is stored, sent or fetched, and the console says so once', async ({ site, profile }) => {
  site.head = TRAPS
  const page = await profile.open(site.url('/page'))
  const state = await begin(page, { consent: 'pending', salt: '/epochs', acknowledgeGuessable: true })
  assert.deepEqual(state, { state: 'waiting', code: 'consent_pending' })
  await page.evaluate(async () => {
    const { trail } = globalThis
    trail.page()
    trail.identify('ada@example.org', { plan: 'pro' })
    trail.track('one', { n: 1 })
    for (let i = 0; i < 20; i++) trail.track('more')
    trail.reset()
    // Questions do no harm either.
    await Promise.all([trail.flush(), trail.stats(), trail.verify(), trail.export(), trail.receipts(), trail.ready()])
    dispatchEvent(new Event('online'))
  })
  await sleep(1500)
  assert.deepEqual(await touched(page), {})
  assert.deepEqual(site.requests, [])
  const said = page.console.filter(({ text }) => text.includes('[nymtrail]'))
  assert.equal(said.length, 1, JSON.stringify(said))
  assert.match(said[0].text, /consent_pending: 23 .*consent\('granted'\)/)
  const stats = await statsOf(page)
  assert.deepEqual([stats.captured, stats.waiting], [23, 23])
  assertAddsUp(stats)
  await page.evaluateLast(() => {
    location.href = '/plain'
  })
  await page.at('/plain')
  await sleep(300)
  assert.deepEqual(site.requests, [], 'nor is anything sent on leaving')
  assert.deepEqual((await dump(page)).databases, [])
})

scenario('granted: what waited is recorded in order, before what comes after', async ({ site, profile }) => {
  const page = await profile.open(site.url('/page'))
  await begin(page, { consent: 'pending' })
  await track(page, 100, 'waited-')
  await page.evaluate(async () => {
    globalThis.trail.consent('granted')
    globalThis.trail.track('after-0')
    await globalThis.trail.ready()
    globalThis.trail.track('after-1')
  })
  const expected = [...Array.from({ length: 99 }, (_, i) => `waited-${i + 1}`), 'after-0', 'after-1']
  await until(() => site.taken().length >= 100, 'everything is delivered')
  const { rows } = await exportOf(page)
  const found = names(rows)
  // The ring holds a hundred calls; `after-0` came while it was full, or not, depending on when consent counted.
  const start = found[0] === 'waited-0' ? ['waited-0', ...expected] : expected
  assert.deepEqual(found, start)
  assert.deepEqual(names(site.taken()), found)
  assertAddsUp(await statsOf(page))
})

scenario('more than a hundred calls before consent: the oldest go, and are counted', async ({ site, profile }) => {
  const page = await profile.open(site.url('/page'))
  await begin(page, { consent: 'pending' })
  await track(page, 130, 'waited-')
  await page.evaluate(() => {
    globalThis.trail.consent('granted')
    return globalThis.trail.ready()
  })
  await until(async () => (await exportOf(page)).rows.length === 101, 'the rest is stored')
  const { rows } = await exportOf(page)
  assert.equal(names(rows)[0], 'waited-30')
  assert.equal(names(rows).length, 100)
  const stats = await statsOf(page)
  assert.deepEqual([stats.captured, stats.dropped.consent], [130, 30])
  assertAddsUp(stats)
})

scenario('denied after granted: the databases are gone, and no request follows', async ({ site, profile }) => {
  // Something is left to send, something is on its way, and another tab is at work as well.
  const page = await profile.open(site.url('/page'))
  const other = await profile.open(site.url('/page'))
  site.answer = ({ path }, number) => (path === '/ingest' && number === 0 ? {} : { status: 503 })
  await begin(page)
  await begin(other)
  await track(page, 10)
  await track(other, 10, 'other-')
  await until(() => site.batches().length >= 2, 'requests are made')
  await page.evaluate(() => globalThis.trail.track('left'))
  // A real page passes the choice on to its other tabs; here only one of them knows.
  await page.evaluate(() => globalThis.trail.consent('denied'))
  await until(async () => (await dump(page)).databases.length === 0, 'the databases are gone')
  await sleep(100)
  const before = site.requests.length
  await track(page, 5, 'refused-')
  await track(other, 5, 'refused-')
  await sleep(1500)
  assert.equal(site.requests.length, before, 'no request follows')
  assert.deepEqual((await dump(page)).databases, [], 'nor does the other tab bring anything back')
  const stats = await statsOf(page)
  assert.ok(stats.dropped.consent >= 5)
  assertAddsUp(stats)
  const { rows, records, code } = await exportOf(page)
  assert.deepEqual([rows, records, code], [[], {}, 'consent_denied'])
})

scenario('denied, then granted again: begins anew with nothing of before', async ({ site, profile }) => {
  const page = await profile.open(site.url('/page'))
  await begin(page)
  await track(page, 3, 'before-')
  const [before] = (await exportOf(page)).rows
  await page.evaluate(async () => {
    globalThis.trail.consent('denied')
    globalThis.trail.track('never')
    globalThis.trail.consent('granted')
    await globalThis.trail.ready()
    globalThis.trail.track('after')
  })
  await until(() => names(site.taken()).includes('after'), 'the new event is delivered')
  const { rows } = await exportOf(page)
  assert.deepEqual(names(rows), ['after'])
  assert.notEqual(rows[0].chain, before.chain)
})

scenario('erase(): everything is gone, also what an earlier page stored', async ({ site, profile }) => {
  site.answer = () => ({ status: 503 })
  const page = await profile.open(site.url('/page'))
  await begin(page)
  await track(page, 3)
  await page.evaluate(() => globalThis.trail.flush())
  await page.reload()
  await page.until(() => 'createTrail' in globalThis)
  await begin(page, { consent: 'pending' })
  assert.notDeepEqual((await dump(page)).databases, [])
  await page.evaluate(() => globalThis.trail.erase())
  assert.deepEqual((await dump(page)).databases, [])
  assert.equal(await page.evaluate(() => globalThis.trail.consent()), 'denied')
  assert.deepEqual(page.warnings(), [])
})

const ALL_CALLS = async () => {
  const { trail } = globalThis
  trail.page()
  trail.identify('ada@example.org', { plan: 'pro' })
  trail.group('acme')
  trail.track('one', { n: 1 })
  trail.reset()
  await Promise.all([trail.flush(), trail.stats(), trail.verify(), trail.export(), trail.receipts(), trail.ready()])
  for (const name of ['online', 'pagehide', 'pageshow', 'blur', 'focus']) dispatchEvent(new Event(name))
  document.dispatchEvent(new Event('visibilitychange'))
  trail.track('two')
}

for (const [name, signal, property, value] of [
  ['Global Privacy Control', 'gpc', 'globalPrivacyControl', true],
  ['Do Not Track', 'dnt', 'doNotTrack', "'1'"],
])
  for (const profileName of ['product', 'audience'])
    scenario(`${name} counts as denied in the profile ${profileName}`, async ({ site, profile }) => {
      site.head = `${TRAPS}
        Object.defineProperty(Navigator.prototype, '${property}', { get: () => ${value}, configurable: true })`
      const page = await profile.open(site.url('/page'))
      // In the audience profile also against what the site says for the visitor.
      const consent = profileName === 'audience' ? 'granted' : undefined
      const state = await page.evaluate(
        async (options) => {
          const { createTrail } = globalThis
          globalThis.shown = []
          const onPrivacySignal = (signal) => globalThis.shown.push(signal)
          globalThis.trail = createTrail({ deployment: 'shop', endpoint: '/ingest', onPrivacySignal, ...options })
          return globalThis.trail.ready()
        },
        { salt: '/epochs', flush: { ageMs: 200 }, profile: profileName, ...(consent && { consent }) },
      )
      assert.deepEqual(state, { state: 'inert', code: 'consent_denied' })
      await page.evaluate(ALL_CALLS)
      await track(page, 3)
      await sleep(500)
      assert.deepEqual(await touched(page), {})
      assert.deepEqual(site.requests, [])
      assert.deepEqual(await page.evaluate(() => globalThis.shown), [signal])
      const stats = await statsOf(page)
      assert.equal(stats.dropped.consent, 8)
      assertAddsUp(stats)
      // What the visitor says to the page itself counts for more.
      await page.evaluate(() => globalThis.trail.consent('granted'))
      await track(page, 1, 'chosen-')
      await until(() => names(site.taken()).includes('chosen-0'), 'an explicit choice')
    })

for (const [name, endpoint] of [
  ['json', '/ingest'],
  ['collector, with signed chains', 'collector'],
])
  scenario(`withdrawal while another tab is in mid-flush brings nothing back: ${name}`, async ({ site, profile }) => {
    const start = async (page) => {
      await page.evaluate(async (endpoint) => {
        const { createTrail, collector } = globalThis
        globalThis.trail = createTrail({
          deployment: 'shop',
          endpoint: endpoint === 'collector' ? collector('/trail') : endpoint,
          consent: 'granted',
          flush: { ageMs: 50 },
        })
        await globalThis.trail.ready()
      }, endpoint)
    }
    const sending = () => site.requests.filter(({ method, url }) => method === 'POST' && !url.includes('erase'))
    // Answers are late, so that the other tab is at any point of its round when it hears of the withdrawal.
    for (const wait of [0, 5, 20, 60, 150, 400]) {
      const [page, other] = [await profile.open(site.url('/page')), await profile.open(site.url('/page'))]
      site.answer = ({ body }) => {
        const { rows = [] } = JSON.parse(body)
        return { delay: 300, body: JSON.stringify({ results: rows.map(() => ({ status: 'stored' })) }) }
      }
      await start(other)
      await start(page)
      const first = site.requests.length
      await track(other, 5, 'other-')
      const flushed = other.evaluate(() => globalThis.trail.flush())
      await until(() => site.requests.length > first, 'a request is on its way')
      await sleep(wait)
      await other.evaluate(() => {
        // At work all the time, also while it hears.
        globalThis.busy = setInterval(() => globalThis.trail.track('busy'), 1)
      })
      await page.evaluate(() => globalThis.trail.consent('denied'))
      await until(async () => (await dump(page)).databases.length === 0, 'the databases are gone')
      await until(() => other.evaluate(() => globalThis.trail.consent() === 'denied'), 'the other tab knows')
      const before = sending().length
      await flushed
      await sleep(700)
      assert.equal(sending().length, before, `no request follows, after ${wait} ms`)
      assert.deepEqual((await dump(page)).databases, [], `nothing comes back, after ${wait} ms`)
      assert.deepEqual((await exportOf(other)).rows, [])
      assertAddsUp(await statsOf(other))
      await page.page.close()
      await other.page.close()
    }
  })

scenario('audience: no device, no user, and a chain and an id for each visit', async ({ site, profile }) => {
  site.head = `{ const now = Date.now; globalThis.later = 0; Date.now = () => now() + later }`
  const page = await profile.open(site.url('/page'))
  await begin(page, { profile: 'audience', salt: '/epochs' })
  const visit = (prefix) =>
    page.evaluate((prefix) => {
      const { trail } = globalThis
      trail.track(`${prefix}-a`)
      trail.identify('ada@example.org', { plan: 'pro' })
      trail.group('acme')
      trail.track(`${prefix}-b`, { who: 'ada@example.org', where: 'ACME inc.', firm: 'acme' })
    }, prefix)
  await visit('first')
  await page.evaluate(() => {
    globalThis.later = 31 * 60_000
  })
  await visit('second')
  await page.evaluate(() => globalThis.trail.flush())
  await until(() => names(site.taken()).includes('second-b'), 'everything is delivered')
  assert.deepEqual(
    site.requests.filter(({ path }) => path !== '/ingest'),
    [],
    'no salt is fetched',
  )
  const rows = site.taken().filter(({ body }) => JSON.parse(body).n)
  const bodies = rows.map(({ body }) => JSON.parse(body))
  assert.deepEqual(names(rows), ['first-a', 'first-b', 'second-a', 'second-b'])
  for (const body of bodies) assert.ok(!('d' in body || 'u' in body || 'g' in body), JSON.stringify(body))
  const same = (list) => list.map((value) => list.indexOf(value))
  assert.deepEqual(same(bodies.map(({ s }) => s)), [0, 0, 2, 2])
  assert.deepEqual(same(rows.map(({ chain }) => chain)), [0, 0, 2, 2])
  assert.deepEqual(bodies[1].p, { firm: '[id]', where: 'ACME inc.', who: '[email]' })
  const stats = await statsOf(page)
  assert.equal(stats.rejected.audience_profile, 4)
  assertAddsUp(stats)
  assert.deepEqual(page.warnings(), ['audience_profile'])
})

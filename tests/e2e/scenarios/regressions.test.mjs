// Where other analytics SDKs lose events, double them or give visitors away, by their issues: docs/DELIVERY.md has the
// list. What is not here is in the scenarios that the list names.
import assert from 'node:assert/strict'
import { sleep, until } from '../browsers/page.mjs'
import { find } from '../canary.mjs'
import { assertAddsUp, begin, engine, exportOf, names, scenario, statsOf, track } from '../scenario.mjs'
import { dump } from '../storage.mjs'
import { assertArrive, numbered, open } from '../thousand.mjs'

/** The page's clock, which `skip` ms move. */
const CLOCK = `
window.skip = 0
const now = Date.now
Date.now = () => now() + window.skip`

const skip = (page, ms) =>
  page.evaluate((ms) => {
    globalThis.skip += ms
  }, ms)

scenario('429 with Retry-After: 120: no request before two minutes, then everything', async ({ site, profile }) => {
  site.head = CLOCK
  site.answer = (_, number) => (number ? {} : { status: 429, headers: { 'retry-after': '120' } })
  const page = await open(profile, site)
  await track(page, 3)
  await until(async () => site.batches().length === 1 && (await statsOf(page)).sent === 3, 'refused')
  await skip(page, 118_000)
  // What would hasten anything else: more events than make a batch, a caller who insists, and a network that is back.
  await track(page, 100, 'more-')
  assert.equal((await page.evaluate(() => globalThis.trail.flush())).done, false)
  await page.evaluate(() => dispatchEvent(new Event('online')))
  await sleep(500)
  assert.equal(site.batches().length, 1)
  await skip(page, 3000)
  await page.evaluate(() => globalThis.trail.flush())
  await assertArrive(site, [...numbered('event-', 3), ...numbered('more-', 100)])
})

scenario('two tabs track 100 events each offline: exactly 200 arrive', async ({ site, profile }) => {
  const tabs = [await open(profile, site), await open(profile, site)]
  await profile.offline(true)
  await Promise.all(tabs.map((tab, i) => track(tab, 100, `tab-${i}-`)))
  await until(async () => (await statsOf(tabs[0])).pending === 200, 'stored')
  assert.equal(site.batches().length, 0)
  await profile.offline(false)
  // Not every driver fires the event with which a browser says so.
  if (engine === 'firefox') for (const tab of tabs) await tab.evaluate(() => dispatchEvent(new Event('online')))
  await assertArrive(site, [...numbered('tab-0-', 100), ...numbered('tab-1-', 100)])
  for (const tab of tabs) {
    await until(async () => (await statsOf(tab)).pending === 0, 'settled')
    const stats = await statsOf(tab)
    assert.deepEqual([stats.captured, stats.acknowledged], [200, 200])
    assertAddsUp(stats)
  }
})

scenario('ten clients leave with 8 KB each: what the browser does not let out waits', async ({ t, site, profile }) => {
  const deployments = numbered('shop-', 10)
  const page = await profile.open(site.url('/page'))
  const create = (page) =>
    page.evaluate(async (deployments) => {
      globalThis.trails = deployments.map((deployment) =>
        globalThis.createTrail({ deployment, endpoint: '/ingest', consent: 'granted', flush: { ageMs: 60_000 } }),
      )
      for (const trail of globalThis.trails) await trail.ready()
    }, deployments)
  await create(page)
  await page.evaluateLast(() => {
    for (const [at, trail] of globalThis.trails.entries())
      for (let i = 0; i < 4; i++) trail.track(`event-${at}-${i}`, { text: Array(8).fill('x y '.repeat(60)) })
    location.href = '/plain'
  })
  await page.at('/plain')
  // Those that were let out are on their way by now; their answers nobody hears.
  await until(() => site.batches().length > 0, 'some went with the page')
  await sleep(500)
  const bodies = site.batches().map(({ body }) => body.length)
  const sum = bodies.reduce((sum, bytes) => sum + bytes, 0)
  t.diagnostic(`${bodies.length} requests with ${sum} bytes went with the page`)
  assert.ok(bodies.every((bytes) => bytes > 8000))
  assert.ok(bodies.length <= 9 && sum <= 60_000, 'within what all requests that outlive a page may have')
  const uncaught = page.errors.length
  await page.goto(site.url('/page?again'))
  await page.until(() => 'createTrail' in globalThis)
  await create(page)
  await assertArrive(
    site,
    deployments.flatMap((_, at) => numbered(`event-${at}-`, 4)),
  )
  assert.equal(page.errors.length, uncaught)
})

const CODE = 'SplxlOBeZQQYbYS6WxSbIA'
const TOKEN = '2YotnFZFEjr1zCsicMWpAA'
const MAIL = 'zoe.canary@exaemple-canary.org'

scenario('a sign-in code, a token and an address in URLs are in no byte that is sent', async ({ site, profile }) => {
  const secret = `?code=${CODE}&state=x&email=${encodeURIComponent(MAIL)}#access_token=${TOKEN}`
  const page = await profile.open(site.url(`/plain${secret}`))
  await page.evaluateLast((secret) => {
    location.href = `/page/callback${secret}`
  }, secret)
  await page.until(() => 'createTrail' in globalThis)
  await begin(page)
  await page.evaluate((secret) => {
    const { trail } = globalThis
    trail.page()
    trail.track('signed-in', { to: { link: `https://shop.example/callback${secret}`, all: [location.href] } })
  }, secret)
  await until(() => names(site.taken()).includes('signed-in'), 'delivered')
  const bytes = site.batches().map(({ url, rawHeaders, body }) => `${url}\n${rawHeaders.join('\n')}\n${body}`)
  assert.deepEqual(find(bytes.join('\n'), [CODE, TOKEN, MAIL, 'zoe.canary']), [])
  assert.deepEqual(find((await dump(page)).text, [CODE, TOKEN, MAIL, 'zoe.canary']), [])
})

scenario('erase() in one tab while another one delivers: nothing comes back', async ({ site, profile }) => {
  site.answer = () => ({ delay: 300 })
  const sender = await open(profile, site)
  const eraser = await open(profile, site)
  await track(sender, 400, 'gone-')
  await until(() => site.batches().length === 3, 'in the midst of it')
  await eraser.evaluate(() => globalThis.trail.erase())
  const known = site.batches().length
  await track(sender, 50, 'later-')
  await sleep(2000)
  // One request may have been on its way when the other tab heard of it.
  assert.ok(site.batches().length <= known + 1, `${site.batches().length - known} requests after it`)
  assert.ok(!names(site.taken()).some((name) => name.startsWith('later-')))
  for (const tab of [sender, eraser]) assert.deepEqual((await dump(tab)).databases, [])
  const stats = await statsOf(sender)
  assert.deepEqual([stats.captured, stats.dropped.consent], [50, 50])
  assertAddsUp(stats)
  assert.equal(await sender.evaluate(() => globalThis.trail.consent()), 'denied')
  assert.deepEqual((await dump(sender)).databases, [], 'nor does a question bring it back')
  await sender.goto(site.url('/page'))
  await sender.until(() => 'createTrail' in globalThis)
  assert.deepEqual((await dump(sender)).databases, [])
  await begin(sender)
  await track(sender, 2, 'new-')
  await until(() => names(site.taken()).includes('new-1'), 'a new beginning')
  assert.deepEqual(names((await exportOf(sender)).rows), numbered('new-', 2))
})

scenario(
  'a page that comes back from the back/forward cache has one page view, and sends',
  async ({ site, profile }) => {
    const page = await open(profile, site)
    await page.evaluate(() => {
      globalThis.alive = true
      globalThis.trail.page('home')
    })
    await until(() => names(site.taken()).includes('home'), 'delivered')
    await page.evaluateLast(() => {
      location.href = '/plain'
    })
    await page.at('/plain')
    await page.evaluateLast(() => history.back())
    await page.at('/page')
    // Firefox caches no page that holds a Web Lock, not even one that it gives back in `pagehide`: it is loaded anew.
    const kept = await page.evaluate(() => globalThis.alive === true)
    assert.equal(kept, engine === 'chromium')
    if (!kept) await begin(page)
    await track(page, 2, 'back-')
    await assertArrive(site, ['home', ...numbered('back-', 2)])
  },
)

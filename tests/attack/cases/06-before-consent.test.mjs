// Does anything happen before consent, or when the browser sends Global Privacy Control or Do Not Track?
import assert from 'node:assert/strict'
import { sleep, until } from '../../e2e/browsers/page.mjs'
import { assertAddsUp, begin, names, scenario, statsOf, track } from '../../e2e/scenario.mjs'
import { dump } from '../../e2e/storage.mjs'
import { LEAST, TRAPS, touchAll, touched } from '../../e2e/traps.mjs'
import { measured } from '../report.mjs'

scenario(
  'the traps see each thing that is touched, and what a client at work touches',
  async ({ t, site, profile }) => {
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
    measured(t, `${trapped.length} traps, each of which counts when it is touched`)
  },
)

for (const kind of ['product', 'audience'])
  scenario(
    `pending, profile ${kind}: nothing is stored, sent or fetched, and the console says so once`,
    async ({ t, site, profile }) => {
      site.head = TRAPS
      const page = await profile.open(site.url('/page'))
      const state = await begin(page, {
        consent: 'pending',
        profile: kind,
        salt: '/epochs',
        acknowledgeGuessable: true,
      })
      assert.deepEqual(state, { state: 'waiting', code: 'consent_pending' })
      await page.evaluate(async () => {
        const { trail } = globalThis
        trail.page()
        trail.identify('ada@example.org', { plan: 'pro' })
        trail.track('one', { n: 1 })
        for (let i = 0; i < 20; i++) trail.track('more')
        trail.reset()
        // Questions do no harm either.
        await Promise.all([
          trail.flush(),
          trail.stats(),
          trail.verify(),
          trail.export(),
          trail.receipts(),
          trail.ready(),
        ])
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
      measured(t, `pending, ${kind}: 0 touched, 0 requests`)
    },
  )

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
    scenario(`${name} counts as denied in the profile ${profileName}`, async ({ t, site, profile }) => {
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
      measured(t, `${signal}, ${profileName}: 0 touched, 0 requests`)
      // What the visitor says to the page itself counts for more.
      await page.evaluate(() => globalThis.trail.consent('granted'))
      await track(page, 1, 'chosen-')
      await until(() => names(site.taken()).includes('chosen-0'), 'an explicit choice')
    })

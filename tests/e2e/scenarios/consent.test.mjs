// After consent everything is recorded; after a refusal nothing is left. What must not happen is tried in tests/attack.
import assert from 'node:assert/strict'
import { until } from '../browsers/page.mjs'
import { assertAddsUp, begin, exportOf, names, scenario, statsOf, track } from '../scenario.mjs'
import { dump } from '../storage.mjs'

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

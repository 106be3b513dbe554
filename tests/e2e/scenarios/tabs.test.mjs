// Several tabs, one visitor: a lane each, one sender for all, and life without locks or channels.
import assert from 'node:assert/strict'
import { sleep, until } from '../browsers/page.mjs'
import { assertAddsUp, begin, exportOf, names, scenario, statsOf, track, verdictOf } from '../scenario.mjs'

const chainsOf = (rows) => [...new Set(rows.map(({ chain }) => chain))]
/** Which events are in which chain. */
const byChain = (rows) => chainsOf(rows).map((chain) => names(rows.filter((row) => row.chain === chain)))
/** No event arrived twice, and all that were expected did. */
function assertOnce(rows, expected) {
  assert.deepEqual([...new Set(rows.map(({ id }) => id))].length, rows.length, 'every event once')
  assert.deepEqual(names(rows).sort(), [...expected].sort())
}
const numbered = (prefix, count) => Array.from({ length: count }, (_, i) => `${prefix}${i}`)

async function open(profile, site, options) {
  const page = await profile.open(site.url('/page'))
  await begin(page, options)
  return page
}

scenario('two tabs write two lanes, and one sender delivers both', async ({ site, profile }) => {
  site.answer = () => ({ delay: 50 })
  const one = await open(profile, site)
  const two = await open(profile, site)
  for (let round = 0; round < 5; round++) {
    await Promise.all([track(one, 20, `one-${round}-`), track(two, 20, `two-${round}-`)])
    await sleep(100)
  }
  const all = [1, 2].flatMap((tab) =>
    [0, 1, 2, 3, 4].flatMap((round) => numbered(`${tab === 1 ? 'one' : 'two'}-${round}-`, 20)),
  )
  await until(() => site.taken().length >= all.length, 'everything is delivered')
  await sleep(300)
  assertOnce(site.taken(), all)
  assert.equal(site.most, 1, 'never two requests in flight')
  const { rows } = await exportOf(one)
  const lanes = byChain(rows)
  assert.equal(lanes.length, 2)
  for (const lane of lanes)
    assert.equal(new Set(lane.map((name) => name.slice(0, 3))).size, 1, 'no lane holds events of two tabs')
  for (const { body } of site.batches())
    assert.equal(chainsOf(JSON.parse(body).events).length, 1, 'one chain a request')
  assert.equal((await verdictOf(two)).verdict, 'holds')
  await until(async () => (await statsOf(one)).pending === 0, 'settled')
  const stats = await statsOf(one)
  assert.deepEqual([stats.captured, stats.acknowledged, stats.lanes], [200, 200, 2])
  assertAddsUp(stats)
})

scenario('another tab takes over when the sender is closed', async ({ site, profile }) => {
  const one = await open(profile, site)
  await track(one, 5, 'one-')
  await until(() => site.taken().length === 5, 'the first tab sends')
  const two = await open(profile, site)
  await track(two, 5, 'two-')
  await until(() => site.taken().length === 10, 'it sends for the second one, too')
  // What the first tab leaves behind, the second one delivers.
  site.answer = () => ({ status: 503 })
  await track(one, 5, 'left-')
  await until(() => site.batches().some(({ status }) => status === 503), 'refused for now')
  await one.close()
  site.answer = () => ({})
  await track(two, 5, 'over-')
  await until(() => new Set(site.taken().map(({ id }) => id)).size === 20, 'the second tab delivers all', 15_000)
  assert.deepEqual([...new Set(names(site.taken()))].sort(), [
    ...numbered('left-', 5),
    ...numbered('one-', 5),
    ...numbered('over-', 5),
    ...numbered('two-', 5),
  ])
  assertAddsUp(await statsOf(two))
  assert.equal((await verdictOf(two)).verdict, 'holds')
})

scenario('a third tab goes on with the lane of one that was closed', async ({ site, profile }) => {
  const one = await open(profile, site)
  await track(one, 3, 'one-')
  // Tabs that begin in one moment have ids of their own, and no tab goes on with the lane of another id.
  await until(() => site.taken().length === 3, 'delivered')
  const two = await open(profile, site)
  await track(two, 3, 'two-')
  await until(() => site.taken().length === 6, 'delivered')
  await one.close()
  await sleep(100)
  const three = await open(profile, site)
  await track(three, 3, 'three-')
  await until(() => site.taken().length === 9, 'delivered')
  const lanes = byChain((await exportOf(three)).rows)
  assert.deepEqual(lanes.map((lane) => lane.join(' ')).sort(), [
    'one-0 one-1 one-2 three-0 three-1 three-2',
    'two-0 two-1 two-2',
  ])
})

scenario('flush() in one tab is answered when the sender in another is done', async ({ site, profile }) => {
  const sender = await open(profile, site, { flush: { ageMs: 60_000 } })
  const other = await open(profile, site, { flush: { ageMs: 60_000 } })
  await track(sender, 2, 'one-')
  await track(other, 2, 'two-')
  assert.deepEqual(await other.evaluate(() => globalThis.trail.flush()), { done: true })
  assertOnce(site.taken(), [...numbered('one-', 2), ...numbered('two-', 2)])
})

scenario('a second client of the same deployment in a page is the first one', async ({ site, profile }) => {
  const page = await open(profile, site)
  const same = await page.evaluate(
    () => globalThis.createTrail({ deployment: 'shop', endpoint: '/other' }) === globalThis.trail,
  )
  assert.ok(same)
  const other = await page.evaluate(
    () => globalThis.createTrail({ deployment: 'blog', endpoint: '/ingest' }) === globalThis.trail,
  )
  assert.ok(!other)
})

scenario('a reloaded page goes on with its lane, ten times', async ({ site, profile }) => {
  const page = await open(profile, site)
  for (let round = 0; round < 10; round++) {
    await track(page, 2, `round-${round}-`)
    await page.reload()
    await page.until(() => 'createTrail' in globalThis)
    await begin(page)
  }
  await page.evaluate(() => globalThis.trail.flush())
  const { rows } = await exportOf(page)
  const lanes = byChain(rows)
  assert.deepEqual(
    lanes.flat().sort(),
    numbered('', 10)
      .flatMap((round) => [`round-${round}-0`, `round-${round}-1`])
      .sort(),
  )
  // The browser may take a moment to give back the lock of the page before; then a new lane is right.
  assert.ok(lanes.length <= 3, `${lanes.length} lanes`)
  assert.equal(new Set(names(site.taken())).size, 20)
  const stats = await statsOf(page)
  assert.equal(stats.lanes, lanes.length)
  assertAddsUp(stats)
})

scenario('events after reset() are in a lane of their own and are delivered', async ({ site, profile }) => {
  const page = await open(profile, site)
  await page.evaluate(() => {
    globalThis.trail.track('before')
    globalThis.trail.reset()
    globalThis.trail.track('after')
  })
  await until(() => names(site.taken()).includes('before'), 'what was before is delivered', 5000)
  await until(() => names(site.taken()).includes('after'), 'what came after is delivered', 5000)
  assert.deepEqual(byChain((await exportOf(page)).rows).sort(), [['after'], ['before']])
  assert.equal((await verdictOf(page)).verdict, 'holds')
})

scenario(
  'flush() after reset() in one task is done only when everything is acknowledged',
  async ({ site, profile }) => {
    const page = await open(profile, site, { flush: { ageMs: 60_000 } })
    const result = await page.evaluate(() => {
      globalThis.trail.track('before')
      globalThis.trail.reset()
      globalThis.trail.track('after')
      return globalThis.trail.flush()
    })
    assert.deepEqual(result, { done: true })
    const stats = await statsOf(page)
    assert.deepEqual([stats.acknowledged, stats.pending], [2, 0])
  },
)

for (const [name, head, lanes] of [
  ['without Web Locks', 'delete Navigator.prototype.locks', 2],
  ['without BroadcastChannel', 'delete window.BroadcastChannel', 1],
  ['without either', 'delete Navigator.prototype.locks; delete window.BroadcastChannel', 2],
])
  scenario(`${name} everything is delivered all the same`, async ({ site, profile }) => {
    site.head = head
    const one = await open(profile, site)
    await track(one, 10, 'one-')
    await until(() => new Set(names(site.taken())).size === 10, 'delivered by the first tab')
    const two = await open(profile, site)
    await track(two, 10, 'two-')
    await until(() => new Set(names(site.taken())).size === 20, 'delivered from the second tab', 20_000)
    await two.reload()
    await two.until(() => 'createTrail' in globalThis)
    await begin(two)
    await track(two, 10, 'again-')
    await until(() => new Set(names(site.taken())).size === 30, 'delivered after a reload', 20_000)
    const { rows } = await exportOf(two)
    assert.equal(new Set(names(rows)).size, 30)
    assert.ok(chainsOf(rows).length >= lanes)
    assert.equal((await verdictOf(two)).verdict, 'holds')
    assertAddsUp(await statsOf(two))
    for (const page of [one, two]) assert.deepEqual(page.warnings(), [])
  })

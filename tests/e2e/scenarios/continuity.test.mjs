// Two epochs of one device: its owner can show that they are, with what stays on the device, and nobody can without.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nymtrail, openCollector } from '../collector.mjs'
import { assertAddsUp, exportOf, folder, scenario, statsOf, verdictOf } from '../scenario.mjs'

const MINUTE = 60_000
const DAY = 1440 * MINUTE

/** Loads the page with a clock that is wrong by so much, and creates the client. */
async function visit(page, url, shift, origin, options = {}) {
  await page.goto(url)
  await page.until(() => 'createTrail' in globalThis)
  await shiftClock(page, shift)
  await page.evaluate(
    ({ origin, options }) => {
      const { createTrail, collector } = globalThis
      globalThis.trail = createTrail({
        deployment: 'shop',
        endpoint: collector(origin),
        consent: 'granted',
        flush: { ageMs: 100 },
        ...options,
      })
      return globalThis.trail.ready()
    },
    { origin, options },
  )
}

const shiftClock = (page, shift) =>
  page.evaluate((shift) => {
    globalThis.realNow ??= Date.now.bind(Date)
    Date.now = () => globalThis.realNow() + shift
  }, shift)

const trackAndFlush = (page, name) =>
  page.evaluate((name) => {
    globalThis.trail.track(name)
    return globalThis.trail.flush()
  }, name)

const continuity = (page, options) => page.evaluate((options) => globalThis.trail.continuity(options), options)

/** Every value that the browser keeps for the client beside its rows. */
const metas = (page) =>
  page.evaluate(
    () =>
      new Promise((done) => {
        indexedDB.open('nymtrail/shop').onsuccess = ({ target: { result: database } }) => {
          const found = database.transaction('metas').objectStore('metas').getAll()
          found.onsuccess = () => {
            database.close()
            done(found.result.join('\n'))
          }
        }
      }),
  )

scenario('what an owner keeps connects two epochs, a minute apart; nobody else can', async ({ t, site, profile }) => {
  const collector = await openCollector(t, '--demo', '--allow-origin', site.origin)
  const page = await profile.open(site.url('/page'))
  const open = (shift) => visit(page, site.url('/page'), shift, collector.origin, { continuity: true })
  await open(-DAY)
  assert.deepEqual(await trackAndFlush(page, 'yesterday'), { done: true })
  assert.deepEqual(await continuity(page), [], 'there is one epoch so far')

  await open(0)
  // The new epoch goes at once; what closes the old one waits for a minute at least.
  assert.deepEqual(await trackAndFlush(page, 'today'), { done: false, code: 'epochs_apart' })
  const rowsOf = async () =>
    Object.fromEntries((await collector.verify()).chains.map(({ chain, rows }) => [chain, rows]))
  const [text, ...more] = await continuity(page)
  assert.equal(more.length, 0)
  const opening = JSON.parse(text)
  assert.deepEqual(await rowsOf(), { [opening.old]: 2, [opening.new]: 2 })
  await shiftClock(page, 3 * MINUTE)
  assert.deepEqual(await page.evaluate(() => globalThis.trail.flush()), { done: true })
  assert.deepEqual(await rowsOf(), { [opening.old]: 3, [opening.new]: 2 })
  const { rows, ndjson } = await exportOf(page)
  const [, last, close] = rows.filter(({ chain }) => chain === opening.old)
  assert.deepEqual([Object.keys(JSON.parse(close.body)), close.t], [['nx', 'x'], last.t], 'it tells no time')

  const dir = folder(t)
  const check = async (opening, rows = collector.db) => {
    writeFileSync(join(dir, 'opening'), opening)
    const { code, stdout } = await nymtrail('verify', rows, '--opening', join(dir, 'opening'), '--format', 'json')
    const { verdict, continuity } = JSON.parse(stdout)
    return [code, verdict, continuity[0].back, continuity[0].forth]
  }
  writeFileSync(join(dir, 'rows.ndjson'), ndjson)
  for (const rows of [collector.db, join(dir, 'rows.ndjson')])
    assert.deepEqual(await check(text, rows), [0, 'holds', 'holds', 'holds'])
  const wrong = (name) => JSON.stringify({ ...opening, [name]: '5a'.repeat(32) })
  assert.deepEqual(await check(wrong('blind')), [2, 'discontinuous', 'broken', 'holds'])
  assert.deepEqual(await check(wrong('r')), [2, 'discontinuous', 'holds', 'broken'])

  assert.equal((await verdictOf(page)).verdict, 'holds')
  const stats = await statsOf(page)
  assertAddsUp(stats)
  assert.deepEqual([stats.captured, stats.sent, stats.acknowledged, stats.pending], [2, 2, 2, 0], 'events alone count')

  assert.ok((await metas(page)).includes(opening.blind))
  assert.deepEqual(await continuity(page, { forget: true }), [text], 'for the last time')
  await open(3 * MINUTE)
  assert.deepEqual(await continuity(page), [])
  const kept = await metas(page)
  for (const secret of [opening.blind, opening.r]) assert.ok(!kept.includes(secret), 'forgotten')
})

scenario('unless it is asked for, nothing is closed or kept', async ({ t, site, profile }) => {
  const collector = await openCollector(t, '--demo', '--allow-origin', site.origin)
  const page = await profile.open(site.url('/page'))
  for (const shift of [-DAY, 0]) {
    await visit(page, site.url('/page'), shift, collector.origin)
    assert.deepEqual(await trackAndFlush(page, `at ${shift}`), { done: true })
  }
  assert.deepEqual(await continuity(page), [])
  const { rows } = await exportOf(page)
  assert.deepEqual([rows.length, new Set(rows.map(({ chain }) => chain)).size], [4, 2])
  assert.ok(!rows.some(({ body }) => body.includes('"close"')))
})

// The client in workers of each kind: alone, beside a page, and when the one that sends is ended.
import assert from 'node:assert/strict'
import { sleep, until } from '../browsers/page.mjs'
import {
  assertAddsUp,
  bare,
  begin,
  driver,
  exportOf,
  names,
  scenario,
  statsOf,
  track,
  verdictOf,
} from '../scenario.mjs'
import { ask, start } from '../workers.mjs'

const numbered = (prefix, count) => Array.from({ length: count }, (_, i) => `${prefix}${i}`)
const chainsOf = (rows) => [...new Set(rows.map(({ chain }) => chain))]

/** No event arrived twice, and all that were expected did. */
function assertOnce(rows, expected) {
  assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length, 'every event once')
  assert.deepEqual(names(rows).sort(), [...expected].sort())
}

/** Refuses for a second at a time: without that, the time to the next try doubles while a busy machine is slow. */
const refuse = () => ({ status: 503, headers: { 'retry-after': '1' } })

/** Nothing went wrong in a worker, and everything in the store adds up and holds. */
async function assertSound(page, kind, captured) {
  await until(async () => (await ask(page, kind, 'stats')).pending === 0, 'everything is settled')
  const stats = await ask(page, kind, 'stats')
  assert.deepEqual([stats.captured, stats.acknowledged, stats.storage], [captured, captured, 'indexeddb'])
  assertAddsUp(stats)
  assert.equal((await ask(page, kind, 'verify')).verdict, 'holds')
  assert.deepEqual(await ask(page, kind, 'problems'), [])
}

const SCOPES = {
  dedicated: 'DedicatedWorkerGlobalScope',
  'dedicated module': 'DedicatedWorkerGlobalScope',
  'dedicated blob': 'DedicatedWorkerGlobalScope',
  shared: 'SharedWorkerGlobalScope',
  'shared module': 'SharedWorkerGlobalScope',
  service: 'ServiceWorkerGlobalScope',
  'service module': 'ServiceWorkerGlobalScope',
}

for (const [kind, scope] of Object.entries(SCOPES))
  scenario(`a worker (${kind}) records and delivers`, async ({ site, profile }) => {
    const page = await profile.open(site.url('/plain'))
    await start(page, kind)
    assert.equal(await ask(page, kind, 'scope'), scope)
    assert.deepEqual(await ask(page, kind, 'begin'), { state: 'ready', storage: 'indexeddb' })
    await ask(page, kind, 'track', 20, 'event-')
    await ask(page, kind, 'page')
    await until(() => site.taken().length >= 21, 'everything is delivered')
    await sleep(300)
    assertOnce(site.taken(), [...numbered('event-', 20), 'view'])
    // Its own address is that of a script.
    assert.equal(site.taken().find(({ event }) => event.k === 'page').event.c, undefined)
    const { rows } = await ask(page, kind, 'export')
    assert.equal(chainsOf(rows).length, 1)
    await assertSound(page, kind, 21)
  })

for (const kind of ['dedicated', 'service'])
  scenario(`a worker (${kind}) fetches the wasm of the slim entry`, async ({ site, profile }) => {
    const page = await profile.open(site.url('/plain'))
    await start(page, kind)
    const wasm = site.url('/dist/nymtrail.wasm')
    assert.deepEqual(await ask(page, kind, 'begin', { wasm }), { state: 'ready', storage: 'indexeddb' })
    await ask(page, kind, 'track', 5, 'event-')
    await until(() => site.taken().length >= 5, 'everything is delivered')
    await assertSound(page, kind, 5)
  })

scenario('a worker waits for consent, and touches nothing before', async ({ site, profile }) => {
  const page = await profile.open(site.url('/plain'))
  await start(page, 'dedicated')
  assert.equal((await ask(page, 'dedicated', 'begin', { consent: 'pending' })).state, 'waiting')
  await ask(page, 'dedicated', 'track', 3, 'event-')
  await sleep(500)
  const stored = () => page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name))
  assert.deepEqual([await stored(), site.batches().length], [[], 0])
  await ask(page, 'dedicated', 'consent', 'granted')
  await until(() => site.taken().length === 3, 'delivered')
  assert.deepEqual(await stored(), ['nymtrail/shop'])
  await ask(page, 'dedicated', 'consent', 'denied')
  await until(async () => (await stored()).length === 0, 'deleted')
})

scenario('a worker that has closed its client loses nothing when it is terminated', async ({ site, profile }) => {
  const page = await profile.open(site.url('/page'))
  const options = { flush: { ageMs: 60_000 } }
  for (let round = 0; round < 10; round++) {
    await start(page, 'dedicated')
    await ask(page, 'dedicated', 'begin', options)
    await ask(page, 'dedicated', 'track', 50, `${round}-`)
    await ask(page, 'dedicated', 'close')
    await page.evaluate(() => globalThis.workers.dedicated.terminate())
  }
  await begin(page, options)
  const { rows } = await exportOf(page)
  assert.equal(new Set(names(rows)).size, 500)
  assert.equal((await verdictOf(page)).verdict, 'holds')
})

scenario('consent withdrawn in a page ends the recording of a worker, too', async ({ site, profile }) => {
  const page = await profile.open(site.url('/page'))
  await start(page, 'dedicated')
  await ask(page, 'dedicated', 'begin')
  await begin(page)
  await ask(page, 'dedicated', 'track', 5, 'before-')
  await until(() => site.taken().length === 5, 'delivered')
  await page.evaluate(() => globalThis.trail.consent('denied'))
  const stored = () => page.evaluate(async () => (await indexedDB.databases()).length)
  await until(async () => (await stored()) === 0, 'deleted')
  await ask(page, 'dedicated', 'track', 5, 'after-')
  await sleep(800)
  assert.deepEqual([await stored(), names(site.taken()).length], [0, 5])
})

scenario('two pages have one client in their shared worker', async ({ site, profile }) => {
  const [one, two] = [await profile.open(site.url('/plain')), await profile.open(site.url('/plain'))]
  for (const page of [one, two]) {
    await start(page, 'shared')
    await ask(page, 'shared', 'begin')
  }
  await Promise.all([ask(one, 'shared', 'track', 10, 'one-'), ask(two, 'shared', 'track', 10, 'two-')])
  await until(() => site.taken().length >= 20, 'everything is delivered')
  // It lives on while one of them does.
  await one.close()
  await ask(two, 'shared', 'track', 5, 'late-')
  await until(() => site.taken().length >= 25, 'everything is delivered')
  await sleep(300)
  assertOnce(site.taken(), [...numbered('one-', 10), ...numbered('two-', 10), ...numbered('late-', 5)])
  assert.equal(chainsOf((await ask(two, 'shared', 'export')).rows).length, 1)
  await assertSound(two, 'shared', 25)
})

scenario('a service worker that waits for flush() has delivered when its event ends', async ({ site, profile }) => {
  const page = await profile.open(site.url('/plain'))
  await start(page, 'service')
  await page.until(() => !!navigator.serviceWorker.controller)
  for (let visit = 0; visit < 3; visit++)
    await page.evaluate((visit) => fetch(`/plain-tracked-${visit}`).then((response) => response.text()), visit)
  await until(() => site.taken().length >= 3, 'everything is delivered')
  assertOnce(site.taken(), numbered('/plain-tracked-', 3))
  await assertSound(page, 'service', 3)
})

scenario('a page and two workers write a lane each, and one of them sends for all', async ({ site, profile }) => {
  site.answer = () => ({ delay: 30 })
  const page = await profile.open(site.url('/page'))
  await begin(page)
  for (const kind of ['dedicated', 'service']) {
    await start(page, kind)
    await ask(page, kind, 'begin')
  }
  for (let round = 0; round < 5; round++) {
    await Promise.all([
      track(page, 20, `page-${round}-`),
      ask(page, 'dedicated', 'track', 20, `dedicated-${round}-`),
      ask(page, 'service', 'track', 20, `service-${round}-`),
    ])
    await sleep(50)
  }
  const all = ['page', 'dedicated', 'service'].flatMap((kind) =>
    [0, 1, 2, 3, 4].flatMap((round) => numbered(`${kind}-${round}-`, 20)),
  )
  await until(() => site.taken().length >= all.length, 'everything is delivered', 20_000)
  await sleep(300)
  assertOnce(site.taken(), all)
  assert.equal(site.most, 1, 'never two requests in flight')
  const { rows } = await exportOf(page)
  const lanes = chainsOf(rows).map((chain) => names(rows.filter((row) => row.chain === chain)))
  assert.deepEqual(lanes.map((lane) => [...new Set(lane.map((name) => name.split('-')[0]))].join()).sort(), [
    'dedicated',
    'page',
    'service',
  ])
  await assertSound(page, 'service', 300)
  await assertSound(page, 'dedicated', 300)
  assert.equal((await verdictOf(page)).verdict, 'holds')
  assert.deepEqual(page.warnings(), [])
})

scenario('a page takes over when the worker that sends is terminated', async ({ site, profile }) => {
  const page = await profile.open(site.url('/page'))
  await start(page, 'dedicated')
  await ask(page, 'dedicated', 'begin')
  await ask(page, 'dedicated', 'track', 5, 'worker-')
  await until(() => site.taken().length === 5, 'the worker sends')
  await begin(page)
  await track(page, 5, 'page-')
  await until(() => site.taken().length === 10, 'it sends for the page, too')
  site.answer = refuse
  await ask(page, 'dedicated', 'track', 5, 'left-')
  await until(() => site.batches().some(({ status }) => status === 503), 'refused for now')
  await page.evaluate(() => globalThis.workers.dedicated.terminate())
  site.answer = () => ({})
  await track(page, 5, 'over-')
  const all = ['worker-', 'page-', 'left-', 'over-'].flatMap((prefix) => numbered(prefix, 5))
  await until(() => new Set(names(site.taken())).size === all.length, 'the page delivers all', 15_000)
  assert.deepEqual([...new Set(names(site.taken()))].sort(), all.sort())
  await until(async () => (await statsOf(page)).pending === 0, 'settled')
  assertAddsUp(await statsOf(page))
  assert.equal((await verdictOf(page)).verdict, 'holds')
})

scenario('a worker takes over when the page that sends is closed', async ({ site, profile }) => {
  const keeper = await profile.open(site.url('/plain'))
  const page = await profile.open(site.url('/page'))
  await begin(page)
  await track(page, 5, 'page-')
  await until(() => site.taken().length === 5, 'the page sends')
  await start(keeper, 'shared')
  await ask(keeper, 'shared', 'begin')
  site.answer = refuse
  await track(page, 5, 'left-')
  await until(() => site.batches().some(({ status }) => status === 503), 'refused for now')
  await page.close()
  site.answer = () => ({})
  await ask(keeper, 'shared', 'track', 5, 'worker-')
  const all = ['page-', 'left-', 'worker-'].flatMap((prefix) => numbered(prefix, 5))
  await until(() => new Set(names(site.taken())).size === all.length, 'the worker delivers all', 15_000)
  await assertSound(keeper, 'shared', 15)
})

bare('a service worker that the browser stops goes on with its lane when it is back', async ({ t, site }) => {
  const browser = await driver.launch({ idle: 1000 })
  t.after(() => browser.close())
  const profile = await browser.profile()
  const page = await profile.open(site.url('/page'))
  await start(page, 'service')
  await ask(page, 'service', 'begin')
  await ask(page, 'service', 'track', 5, 'first-')
  await until(() => site.taken().length === 5, 'it sends')
  await begin(page)
  site.answer = refuse
  await ask(page, 'service', 'track', 5, 'left-')
  await until(() => site.batches().some(({ status }) => status === 503), 'refused for now')
  const id = await ask(page, 'service', 'id')
  await page.stopServiceWorkers()
  await sleep(2000)
  site.answer = () => ({})
  await track(page, 5, 'page-')
  await until(() => new Set(names(site.taken())).size === 15, 'the page sends for it', 15_000)
  // The next message starts it again.
  await ask(page, 'service', 'begin')
  assert.notEqual(await ask(page, 'service', 'id'), id)
  await ask(page, 'service', 'track', 5, 'again-')
  await until(() => new Set(names(site.taken())).size === 20, 'delivered')
  const { rows } = await ask(page, 'service', 'export')
  const lanes = chainsOf(rows).map((chain) => names(rows.filter((row) => row.chain === chain)).join(' '))
  const [again] = lanes.filter((lane) => lane.includes('again-0'))
  assert.equal(again, [...numbered('first-', 5), ...numbered('left-', 5), ...numbered('again-', 5)].join(' '))
  await assertSound(page, 'service', 20)
})

// Before consent nothing is touched; after it everything is recorded; after a refusal nothing is left.
import assert from 'node:assert/strict'
import { sleep, until } from '../browsers/page.mjs'
import { assertAddsUp, begin, exportOf, names, scenario, statsOf, track } from '../scenario.mjs'
import { dump } from '../storage.mjs'

/** Counts every way there is to store, to fetch, to send and to speak to other pages. */
const TRAPS = `
window.touched = {}
const count = (name) => { touched[name] = (touched[name] ?? 0) + 1 }
const trap = (holder, name, label) => {
  const original = holder[name]
  holder[name] = function (...args) { count(label); return original.apply(this, args) }
}
for (const name of ['open', 'deleteDatabase', 'databases']) trap(IDBFactory.prototype, name, 'indexedDB.' + name)
for (const name of ['request', 'query']) trap(LockManager.prototype, name, 'locks.' + name)
for (const name of ['getItem', 'setItem', 'removeItem']) trap(Storage.prototype, name, 'storage.' + name)
for (const name of ['open', 'match', 'has', 'keys']) trap(CacheStorage.prototype, name, 'caches.' + name)
trap(window, 'fetch', 'fetch')
trap(Navigator.prototype, 'sendBeacon', 'sendBeacon')
trap(XMLHttpRequest.prototype, 'open', 'XMLHttpRequest')
for (const name of ['BroadcastChannel', 'WebSocket', 'EventSource', 'Worker', 'SharedWorker', 'Image']) {
  window[name] = new Proxy(window[name], { construct(target, args) { count(name); return Reflect.construct(target, args) } })
}
const cookie = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie')
Object.defineProperty(Document.prototype, 'cookie', {
  get() { count('cookie'); return cookie.get.call(this) },
  set(value) { count('cookie'); cookie.set.call(this, value) },
})
`
const touched = (page) => page.evaluate(() => globalThis.touched)

scenario('the traps see what a client at work touches', async ({ site, profile }) => {
  site.head = TRAPS
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
    await Promise.all([trail.flush(), trail.stats(), trail.verify(), trail.export(), trail.ready()])
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
  assert.deepEqual(await exportOf(page), { rows: [], ndjson: '', code: 'consent_denied' })
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

for (const [name, signal] of [
  [
    'Global Privacy Control',
    "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true, configurable: true })",
  ],
  ['Do Not Track', "Object.defineProperty(Navigator.prototype, 'doNotTrack', { get: () => '1', configurable: true })"],
])
  scenario(`${name} counts as denied`, async ({ site, profile }) => {
    site.head = TRAPS + signal
    const page = await profile.open(site.url('/page'))
    const state = await begin(page, { consent: undefined, salt: '/epochs' })
    assert.deepEqual(state, { state: 'inert', code: 'consent_denied' })
    await track(page, 3)
    await sleep(500)
    assert.deepEqual(await touched(page), {})
    assert.deepEqual(site.requests, [])
    const stats = await statsOf(page)
    assert.equal(stats.dropped.consent, 3)
    assertAddsUp(stats)
    // What the visitor says to the page itself counts for more.
    await page.evaluate(() => globalThis.trail.consent('granted'))
    await track(page, 1, 'chosen-')
    await until(() => names(site.taken()).includes('chosen-0'), 'an explicit choice')
  })

// Pseudonyms with a key server: the real one beside the real collector, and one that answers late, never, or for another epoch.
import assert from 'node:assert/strict'
import { sleep, until } from '../browsers/page.mjs'
import { nymtrail, openCollector, openKeyServer } from '../collector.mjs'
import { beginWithKeys, makeKey, pseudonymUnder, serveKeys, signIn, today } from '../keys.mjs'
import { assertAddsUp, exportOf, names, scenario, statsOf, theBrowser, verdictOf } from '../scenario.mjs'
import { HANG } from '../server.mjs'

const ANN = 'ann.example@mail.example'

/** Events that are stored, by name. */
async function stored(page) {
  const { rows } = await exportOf(page)
  const bodies = rows.filter(({ body }) => body).map(({ body }) => JSON.parse(body))
  return Object.fromEntries(bodies.map((body) => [body.n ?? body.k ?? body.x, body]))
}

const again = async (page) => {
  await page.reload()
  await page.until(() => 'oprf' in globalThis && 'createTrail' in globalThis)
}

scenario(
  'one person has one pseudonym in an epoch, on every device, and nobody else has it',
  async ({ t, site, profile }) => {
    const keys = await openKeyServer(t, '--allow-origin', site.origin)
    const collector = await openCollector(t, '--demo', '--allow-origin', site.origin)
    const options = { server: keys.origin, collector: collector.origin }
    const page = await profile.open(site.url('/page-oprf'))
    await beginWithKeys(page, options)
    await signIn(page, ANN, 'first', { account: '4711' })
    await page.evaluate(() => {
      globalThis.trail.track('second', { account: 4711, note: 'ann.example@mail.example wrote' })
      globalThis.trail.identify('somebody else')
      globalThis.trail.track('third')
    })
    await page.until(async () => (await globalThis.trail.stats()).captured >= 5)
    const { first, second, third } = await stored(page)
    assert.match(first.u, /^p2\.[\w-]{22}$/)
    assert.match(first.p.account, /^p2\.[\w-]{22}$/)
    assert.equal(second.u, first.u)
    assert.equal(second.p.account, first.p.account)
    assert.equal(second.p.note, '[email] wrote')
    assert.match(third.u, /^p2\./)
    assert.notEqual(third.u, first.u)

    await again(page)
    await beginWithKeys(page, options)
    await signIn(page, ANN, 'fourth')
    const other = await (await theBrowser()).profile()
    t.after(() => other.close())
    const elsewhere = await other.open(site.url('/page-oprf'))
    await beginWithKeys(elsewhere, options)
    await signIn(elsewhere, ANN, 'fifth')
    for (const [place, event] of [
      [page, 'fourth'],
      [elsewhere, 'fifth'],
    ]) {
      await until(async () => (await stored(place))[event], event)
      assert.equal((await stored(place))[event].u, first.u)
      assert.deepEqual(await place.evaluate(() => globalThis.trail.flush()), { done: true })
      assert.deepEqual(place.warnings(), [])
      assertAddsUp(await statsOf(place))
    }
    assert.equal((await collector.verify()).verdict, 'holds')
    // Three in the first page, in two requests, as the number was known the second time; one in each of the others.
    const shown = await nymtrail('keys', 'show', '--db', keys.db)
    assert.match(shown.output, / 5 evaluations in 4 requests: evaluated\n/)
    assert.equal((await nymtrail('verify', keys.db)).code, 1, 'it is no store of the collector')
  },
)

scenario(
  'nothing is asked before consent; another epoch has another key and another pseudonym',
  async ({ site, profile }) => {
    const [id, next] = [today(), makeKey()]
    const keys = serveKeys(site, { id, key: makeKey(), next })
    const first = pseudonymUnder(keys.key, id, { type: 'email', canonical: ANN })
    const page = await profile.open(site.url('/page-oprf'))
    await beginWithKeys(page, { consent: 'pending' })
    await signIn(page, ANN, 'first', { account: '4711' })
    await sleep(300)
    assert.deepEqual(site.requests, [])
    await page.evaluate(() => globalThis.trail.consent('granted'))
    await until(() => names(site.taken()).includes('first'), 'delivered')
    const body = (await stored(page)).first
    assert.equal(body.u, first)
    assert.equal(body.p.account, pseudonymUnder(keys.key, id, { namespace: 'prop:account', canonical: '4711' }))

    Object.assign(keys, { id: id + 1, key: next, next: makeKey() })
    await again(page)
    await beginWithKeys(page, {})
    await signIn(page, ANN, 'second')
    // It is sent a minute after the first one: requests of two epochs keep apart.
    await until(async () => (await stored(page)).second, 'recorded')
    const second = pseudonymUnder(next, id + 1, { type: 'email', canonical: ANN })
    assert.equal((await stored(page)).second.u, second)
    assert.notEqual(second, first)
    await until(() => names(site.taken()).includes('second'), 'delivered', 90_000)
    const sent = (name) =>
      site.requests.find(({ body }) => body.toString('latin1').includes(`\\"n\\":\\"${name}\\"`)).at
    assert.ok(sent('second') - sent('first') >= 60_000, `${sent('second') - sent('first')} ms apart`)
    const verdict = await verdictOf(page)
    assert.equal(verdict.verdict, 'holds', JSON.stringify(verdict))
    assert.deepEqual(page.warnings(), [])
    const all = Buffer.concat(site.requests.flatMap(({ url, body }) => [Buffer.from(url), body])).toString('latin1')
    for (const needle of ['ann.example', Buffer.from(ANN).toString('base64'), '4711'])
      assert.ok(!all.includes(needle), needle)
  },
)

for (const [name, answer, warning, patience] of [
  ['answers nothing', () => HANG, 'keys_unreachable', 2500],
  ['is down', () => ({ status: 503 }), 'keys_unreachable', 0],
  ['gives no more', () => ({ status: 429, headers: { 'retry-after': '60' } }), 'keys_refused', 0],
])
  scenario(`a key server that ${name}: events go in order, without a pseudonym`, async ({ site, profile }) => {
    serveKeys(site, { id: today(), key: makeKey() })
    const well = site.answer
    let healthy = true
    site.answer = (request) => (request.path === '/v1/evaluate' && !healthy ? answer() : well(request))
    const page = await profile.open(site.url('/page-oprf'))
    await beginWithKeys(page, {})
    await signIn(page, 'bob the other', 'before')
    await until(() => names(site.taken()).includes('before'), 'delivered')
    healthy = false
    const begun = Date.now()
    await signIn(page, ANN, 'first', { account: '4711' })
    await page.evaluate(() => globalThis.trail.track('second', { account: '4711', from: 'ann.example@mail.example' }))
    await until(() => names(site.taken()).includes('second'), 'delivered')
    assert.ok(Date.now() - begun >= patience, 'they wait')
    const { before, first, second } = await stored(page)
    assert.match(before.u, /^p2\./)
    for (const body of [first, second]) assert.deepEqual([body.u, body.p?.account], [undefined, undefined])
    assert.equal(second.p.from, '[email]')
    assert.deepEqual(names(site.rows()), ['before', 'first', 'second'])
    const codes = page.warnings()
    assert.ok(codes.includes(warning), codes.join(' '))
    assert.deepEqual(codes, [...new Set(codes)])
    const stats = await statsOf(page)
    assert.equal(stats.pseudonym_failures, 3)
    assertAddsUp(stats)
    // It is left alone for a while: the next ones do not wait.
    const asked = site.requests.filter(({ path }) => path === '/v1/evaluate').length
    await signIn(page, ANN, 'third')
    await until(() => names(site.taken()).includes('third'), 'delivered')
    assert.equal(site.requests.filter(({ path }) => path === '/v1/evaluate').length, asked)
  })

scenario('a page that is left while it waits keeps its events, without a pseudonym', async ({ site, profile }) => {
  serveKeys(site, { id: today(), key: makeKey() })
  const well = site.answer
  site.answer = (request) => (request.path === '/v1/evaluate' ? HANG : well(request))
  const page = await profile.open(site.url('/page-oprf'))
  await beginWithKeys(page, { flush: { ageMs: 60_000 } })
  await page.evaluateLast(() => {
    globalThis.trail.identify('ann.example@mail.example')
    for (let i = 0; i < 20; i++) globalThis.trail.track(`event-${i}`, { i })
    location.href = '/plain'
  })
  await page.at('/plain')
  await until(() => site.rows().length >= 20, 'sent by the page as it leaves')
  assert.deepEqual(
    names(site.rows()),
    Array.from({ length: 20 }, (_, i) => `event-${i}`),
  )
  assert.ok(site.rows().every(({ event }) => !('u' in event)))
})

// 1,000 events through whatever becomes of pages, browsers and endpoints: all of them arrive, none is accepted twice by
// a receiver that tells events by their ids, and the account adds up.
import assert from 'node:assert/strict'
import { sleep, until } from '../browsers/page.mjs'
import { bare, begin, driver, folder, scenario, statsOf, track } from '../scenario.mjs'
import { HANG } from '../server.mjs'
import { assertArrive, assertSettled, COUNT, numbered, open, received, reopen } from '../thousand.mjs'

const EVENTS = numbered('event-', COUNT)

/** Tracks events and makes the page go away, all in one task. */
function trackAndLeave({ count, to }) {
  for (let i = 0; i < count; i++) globalThis.trail.track(`event-${i}`, { i })
  if (to) location.href = to
  else window.close()
}

scenario('1,000 events of the task in which the tab is closed arrive', async ({ t, site, profile }) => {
  const opener = await profile.open(site.url('/page'))
  const tab = await profile.opened(() =>
    opener.evaluate(() => {
      globalThis.tab = window.open('/page')
    }),
  )
  await tab.until(() => 'createTrail' in globalThis)
  await begin(tab)
  await tab.evaluateLast(trackAndLeave, { count: COUNT })
  await opener.until(() => globalThis.tab.closed)
  t.diagnostic(`${received(site).size} had arrived when the tab was gone`)
  await begin(opener)
  await assertArrive(site, EVENTS)
  await assertSettled(opener, site)
})

scenario('1,000 events of the task that navigates away arrive', async ({ t, site, profile }) => {
  const page = await open(profile, site)
  await page.evaluateLast(trackAndLeave, { count: COUNT, to: '/plain' })
  await page.at('/plain')
  t.diagnostic(`${received(site).size} had arrived when the next page was there`)
  await reopen(page, site)
  await assertArrive(site, EVENTS)
  await assertSettled(page, site)
})

/** Like `begin()`, for a page that says to the site when the store has confirmed as many events. */
const beginTelling = (page, count) =>
  page.evaluate(async (count) => {
    let stored = 0
    const debug = ({ type, rows }) => {
      if (type !== 'stored') return
      stored += rows.filter((line) => JSON.parse(line).seq > 0).length
      if (stored === count) fetch('/stored')
    }
    const options = { deployment: 'shop', endpoint: '/ingest', consent: 'granted', flush: { ageMs: 200 }, debug }
    globalThis.trail = globalThis.createTrail(options)
    await globalThis.trail.ready()
  }, count)

/** Tracks 1,000 events, kills the browser after `ms`, and at the earliest once `check` says so. True: it all arrived. */
async function killed({ t, site }, ms, check = () => true) {
  const directory = folder(t)
  const stored = () => site.requests.some(({ path }) => path === '/stored')
  const first = await driver.launchOn(directory)
  const page = await (await first.profile()).open(site.url('/page'))
  await beginTelling(page, COUNT)
  await page.evaluate(trackAndLeave, { count: COUNT, to: '#stay' })
  await sleep(ms)
  await until(() => check(stored()), 'it is time')
  const confirmed = stored()
  await first.kill()
  const second = await driver.launchOn(directory)
  t.after(() => second.close())
  const again = await open(await second.profile(), site)
  const { captured } = await statsOf(again)
  t.diagnostic(`killed ${confirmed ? 'after' : 'before'} the store had confirmed: ${captured} are stored`)
  // A task's events are one transaction: without its confirmation nobody knows, but a part of them is never there.
  if (!confirmed && captured === 0) return false
  await assertArrive(site, EVENTS)
  await assertSettled(again, site)
  return true
}

bare('1,000 events arrive when the browser is killed 100 ms after the call, if they were stored', async (world) => {
  // Storing them takes tens of milliseconds, on a busy machine more: then it is killed once more, as soon as they are.
  if (!(await killed(world, 100))) await killed(world, 0, (stored) => stored)
})

scenario('1,000 events arrive at an endpoint that answers 503 for 5 s', async ({ site, profile }) => {
  let since
  site.answer = ({ at }) => {
    since ??= at
    return at < since + 5000 ? { status: 503 } : {}
  }
  const page = await open(profile, site)
  await track(page, COUNT)
  await assertArrive(site, EVENTS, 40_000)
  await assertSettled(page, site)
  assert.equal(site.most, 1, 'one request at a time')
})

for (const [name, header, reloads] of [
  ['429 with Retry-After in seconds is obeyed', () => '3', false],
  // A date has no fractions of a second.
  ['429 with Retry-After as a date is obeyed', (at) => new Date(at + 4000).toUTCString(), false],
  ['Retry-After survives a reload', () => '8', true],
])
  scenario(`${name}, and 1,000 events arrive`, async ({ site, profile }) => {
    let earliest
    site.answer = ({ at }, number) => {
      if (number) return {}
      const after = header(at)
      earliest = /^\d+$/.test(after) ? at + 1000 * after : Date.parse(after)
      return { status: 429, headers: { 'retry-after': after } }
    }
    const page = await open(profile, site)
    await track(page, COUNT)
    await until(() => earliest, 'refused')
    if (reloads) {
      // The answer is in the page, and what it asks for in the store, once its outcome is.
      await until(async () => (await statsOf(page)).sent > 0, 'the answer was read')
      for (let round = 0; round < 2; round++) {
        await reopen(page, site)
        await page.evaluate(() => globalThis.trail.flush())
      }
      assert.ok(Date.now() < earliest, 'reloaded within the wait')
      assert.equal(site.batches().length, 1)
    }
    await assertArrive(site, EVENTS)
    await assertSettled(page, site)
    const { at } = site.batches()[1]
    assert.ok(at >= earliest, `sent ${earliest - at} ms too early`)
    assert.ok(at < earliest + 3000, `sent ${at - earliest} ms late`)
  })

// Offline it fails as often as at an endpoint that is blocked, which the next page would have to know.
for (const [name, leaves] of [
  ['when the page is loaded again', false],
  ['with the next page, when theirs was left offline', true],
])
  scenario(`1,000 events tracked offline arrive within seconds ${name}`, async ({ t, site, profile }) => {
    const page = await open(profile, site)
    await profile.offline(true)
    await track(page, COUNT)
    await sleep(5000)
    assert.equal(site.batches().length, 0)
    assert.equal((await statsOf(page)).pending, COUNT)
    if (leaves) await page.goto('about:blank')
    await profile.offline(false)
    await reopen(page, site)
    const back = Date.now()
    await until(() => site.taken().length > 0, 'the first events arrive', 5000)
    await assertArrive(site, EVENTS)
    t.diagnostic(`arrived ${Date.now() - back} ms after the page was there`)
    await assertSettled(page, site)
  })

// The client breaks a request off after 30 s, and another one after as long again.
scenario(
  '1,000 events arrive at an endpoint that hangs for 60 s',
  async ({ site, profile }) => {
    let since
    site.answer = ({ at }) => {
      since ??= at
      return at < since + 60_000 ? HANG : {}
    }
    const page = await open(profile, site)
    await track(page, COUNT)
    await assertArrive(site, EVENTS, 90_000)
    await assertSettled(page, site)
    assert.equal(site.most, 1, 'no request beside one that hangs')
  },
  150_000,
)

/** Tracks 1,000 events; one of them, in the middle, is not like the others. */
function trackWithOdd({ count, odd, name, props }) {
  for (let i = 0; i < count; i++) globalThis.trail.track(i === odd ? name : `event-${i}`, i === odd ? props : { i })
}
const others = EVENTS.filter((_, i) => i !== 517)
const oddOne = (name, props) => ({ count: COUNT, odd: 517, name, props })

/** Its place in the chain arrives in its stead, with what it takes to link the others over it. */
async function assertDeclared(site) {
  await until(() => site.gaps().length === 1, 'its place is declared')
  const [gap] = site.gaps()
  const [chain, seq] = gap.split(':')
  const seqs = [...received(site).values()].filter((row) => row.chain === chain).map((row) => row.seq)
  assert.deepEqual(
    seqs.sort((a, b) => a - b),
    numbered('', COUNT + 1)
      .map(Number)
      .filter((one) => one > 0 && one !== Number(seq)),
  )
}

scenario('413 for one giant event: 999 arrive, it is counted, its place is declared', async ({ site, profile }) => {
  site.answer = ({ body }) => (JSON.parse(body).events.some((row) => row.body?.length > 9000) ? { status: 413 } : {})
  const page = await open(profile, site)
  await page.evaluate(trackWithOdd, oddOne('giant', { text: Array(50).fill('x y '.repeat(60)) }))
  await assertArrive(site, others)
  await assertSettled(page, site, { acknowledged: COUNT - 1, too_large: 1 })
  await assertDeclared(site)
})

scenario('400 for one poisoned event: 999 arrive, it is counted, its place is declared', async ({ site, profile }) => {
  site.answer = ({ body }) => (body.includes('poison') ? { status: 400 } : {})
  const page = await open(profile, site)
  await page.evaluate(trackWithOdd, oddOne('poison', {}))
  await assertArrive(site, others)
  await assertSettled(page, site, { acknowledged: COUNT - 1, poison: 1 })
  await assertDeclared(site)
})

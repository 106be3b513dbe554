// What was tracked in the task in which the page goes away is stored: navigation, closing, a killed browser.
import assert from 'node:assert/strict'
import { sleep } from '../browsers/page.mjs'
import { bare, begin, driver, exportOf, folder, names, scenario, verdictOf } from '../scenario.mjs'

const EVENTS = 50

/** Tracks 50 events and notes how far it has got, where the next page finds it. */
function trackAndNote({ count, prefix }) {
  for (let i = 0; i < count; i++) {
    globalThis.trail.track(`${prefix}${i}`, { i })
    localStorage.setItem(prefix, String(i + 1))
  }
}

/** Tracks 50 events and makes the page go away, all in one task. */
function trackAndLeave({ count, prefix, to }) {
  for (let i = 0; i < count; i++) globalThis.trail.track(`${prefix}${i}`, { i })
  if (to) location.href = to
  else window.close()
}

const expected = (prefix) => Array.from({ length: EVENTS }, (_, i) => `${prefix}${i}`)

/** The store holds each of them once, in order, and every chain holds. */
async function assertKept(page, prefixes) {
  const { rows } = await exportOf(page)
  const found = names(rows)
  for (const prefix of prefixes) {
    const ours = found.filter((name) => name.startsWith(prefix))
    assert.equal(ours.length, EVENTS, `${prefix}: ${ours.length} of ${EVENTS} are stored`)
    assert.deepEqual(ours, expected(prefix))
  }
  assert.equal(found.length, prefixes.length * EVENTS, 'nothing else is stored')
  const { verdict, chains } = await verdictOf(page)
  assert.equal(verdict, 'holds', JSON.stringify(chains))
}

scenario('50 of 50 events of the task that navigates away are stored, ten times', async ({ site, profile }) => {
  site.answer = () => ({ status: 503 })
  const page = await profile.open(site.url('/page'))
  const prefixes = []
  for (let round = 0; round < 10; round++) {
    await begin(page)
    const prefix = `away-${round}-`
    prefixes.push(prefix)
    await page.evaluateLast(trackAndLeave, { count: EVENTS, prefix, to: `/page?${round}` })
    await page.at(`?${round}`)
    await page.until(() => 'createTrail' in globalThis)
  }
  await begin(page)
  await assertKept(page, prefixes)
})

scenario(
  '50 of 50 events of the task in which a window closes itself are stored, ten times',
  async ({ site, profile }) => {
    site.answer = () => ({ status: 503 })
    const opener = await profile.open(site.url('/page'))
    const prefixes = []
    for (let round = 0; round < 10; round++) {
      const prefix = `close-${round}-`
      prefixes.push(prefix)
      const popup = await profile.opened(() =>
        opener.evaluate(() => {
          globalThis.popup = window.open('/page')
        }),
      )
      await popup.until(() => 'createTrail' in globalThis)
      await begin(popup)
      await popup.evaluateLast(trackAndLeave, { count: EVENTS, prefix })
      await opener.until(() => globalThis.popup.closed)
    }
    await begin(opener)
    await assertKept(opener, prefixes)
  },
)

/**
 * Of each task nothing is stored, or all that it tracked. That may be less than it was to track: Firefox ends the script
 * that runs when it closes a site's last tab in a process (`dom.abort_script_on_child_shutdown`), and what was tracked
 * until then is kept.
 * @returns how many tasks left something
 */
async function assertAllOrNothing(page, prefixes) {
  const { rows } = await exportOf(page)
  const found = names(rows)
  const notes = await page.evaluate(() => ({ ...localStorage }))
  let kept = 0
  for (const prefix of prefixes) {
    const ours = found.filter((name) => name.startsWith(prefix))
    if (!ours.length) continue
    kept += ours.length
    assert.deepEqual(ours, expected(prefix).slice(0, ours.length), `${prefix}: in order, from the first on`)
    // One more when it was ended before it could note that. A browser may lose notes; then this asks for less.
    const tracked = Number(notes[prefix] ?? 0)
    assert.ok(ours.length >= tracked, `${prefix}: ${ours.length} of ${tracked} that were tracked are stored`)
  }
  assert.equal(found.length, kept, 'nothing else is stored')
  const { verdict, chains } = await verdictOf(page)
  assert.equal(verdict, 'holds', JSON.stringify(chains))
  return prefixes.filter((prefix) => found.some((name) => name.startsWith(prefix))).length
}

scenario('what was tracked is stored when the tab is closed from outside, ten times', async ({ site, profile }) => {
  site.answer = () => ({ status: 503 })
  const prefixes = []
  for (let round = 0; round < 10; round++) {
    const prefix = `tab-${round}-`
    prefixes.push(prefix)
    const page = await profile.open(site.url('/page'))
    await begin(page)
    // The order to close the tab is given before the page has answered that it is done.
    const tracked = page.evaluateLast(trackAndNote, { count: EVENTS, prefix })
    await Promise.all([tracked, page.close()])
  }
  const page = await profile.open(site.url('/page'))
  await begin(page)
  // An order that overtakes the script leaves nothing at all.
  const ran = await assertAllOrNothing(page, prefixes)
  assert.ok(ran >= 5, `only ${ran} of 10 scripts ran before the tab closed`)
})

scenario('a tab that is closed in the middle of a write leaves all of it or nothing, ten times', async (given) => {
  const { site, profile } = given
  site.answer = () => ({ status: 503 })
  const prefixes = []
  for (let round = 0; round < 10; round++) {
    const prefix = `write-${round}-`
    prefixes.push(prefix)
    const page = await profile.open(site.url('/page'))
    await begin(page)
    // So that the script can be ended between two rows: the first ones, which are asked for last, would be missing.
    await page.evaluate(() => {
      const { add } = IDBObjectStore.prototype
      IDBObjectStore.prototype.add = function (...row) {
        const end = performance.now() + 10
        while (performance.now() < end);
        return add.apply(this, row)
      }
    })
    const tracked = page.evaluateLast(trackAndNote, { count: EVENTS, prefix })
    await sleep(40 * round)
    await Promise.all([tracked, page.close()])
  }
  const page = await profile.open(site.url('/page'))
  await begin(page)
  await assertAllOrNothing(page, prefixes)
})

bare('50 of 50 events are stored when the browser is killed 100 ms later', async ({ t, site }) => {
  site.answer = () => ({ status: 503 })
  const directory = folder(t)
  const first = await driver.launchOn(directory)
  const page = await (await first.profile()).open(site.url('/page'))
  await begin(page)
  await page.evaluate(trackAndLeave, { count: EVENTS, prefix: 'killed-', to: '#stay' })
  await sleep(100)
  await first.kill()
  const second = await driver.launchOn(directory)
  t.after(() => second.close())
  const again = await (await second.profile()).open(site.url('/page'))
  await begin(again)
  await assertKept(again, ['killed-'])
})

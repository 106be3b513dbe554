// What was tracked in the task in which the page goes away is stored: navigation, closing, a killed browser.
import assert from 'node:assert/strict'
import { sleep } from '../browsers/page.mjs'
import { bare, begin, driver, exportOf, folder, names, scenario, verdictOf } from '../scenario.mjs'

const EVENTS = 50

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

scenario('50 of 50 events are stored when the tab is closed from outside, ten times', async ({ site, profile }) => {
  site.answer = () => ({ status: 503 })
  const prefixes = []
  for (let round = 0; round < 10; round++) {
    const prefix = `tab-${round}-`
    prefixes.push(prefix)
    const page = await profile.open(site.url('/page'))
    await begin(page)
    // The order to close the tab is given before the page has answered that it is done.
    const tracked = page.evaluateLast(trackAndLeave, { count: EVENTS, prefix, to: '#stay' })
    await Promise.all([tracked, page.close()])
  }
  const page = await profile.open(site.url('/page'))
  await begin(page)
  const found = names((await exportOf(page)).rows)
  // An order that overtakes the script leaves nothing at all; a part of a task is never kept.
  const ran = prefixes.filter((prefix) => found.some((name) => name.startsWith(prefix)))
  assert.ok(ran.length >= 5, `only ${ran.length} of 10 scripts ran before the tab closed`)
  await assertKept(page, ran)
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

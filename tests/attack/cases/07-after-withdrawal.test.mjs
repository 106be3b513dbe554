// Is anything left, or sent, once consent was withdrawn: in this tab, in another, in the next day?
import assert from 'node:assert/strict'
import { sleep, until } from '../../e2e/browsers/page.mjs'
import { CLOCK } from '../../e2e/clock.mjs'
import { document } from '../../e2e/epochs.mjs'
import { assertAddsUp, begin, exportOf, scenario, statsOf, track } from '../../e2e/scenario.mjs'
import { dump } from '../../e2e/storage.mjs'
import { measured } from '../report.mjs'
import { SALT } from '../victim.mjs'

const DAY = 86_400_000
/** What tells the endpoint to delete is wanted, once for each epoch; anything else is not. */
const isDeletion = ({ url }) => url.includes('erase')
const others = (site) => site.requests.filter((request) => !isDeletion(request)).length

scenario('the databases are gone, and for a day nothing is asked for or sent', async ({ t, site, profile }) => {
  site.head = CLOCK
  site.answer = ({ path }, number) =>
    path === '/epochs' ? { body: document(SALT) } : number < 4 ? {} : { status: 503 }
  const page = await profile.open(site.url('/page'))
  const other = await profile.open(site.url('/page'))
  await begin(page, { salt: '/epochs' })
  await begin(other, { salt: '/epochs' })
  await track(page, 10)
  await track(other, 10, 'other-')
  await until(() => site.batches().length >= 2, 'requests are made')
  // Control: while there is consent, a day brings requests of its own accord.
  const quiet = site.requests.length
  // Firefox lets the timers of a tab that is not looked at run once a second.
  await page.front()
  await page.evaluate((ms) => globalThis.clock.pass(ms), DAY)
  const busy = site.requests.length - quiet
  assert.ok(busy > 1, 'a day of a page at work is seen')

  // Something is left to send, something is on its way, and another tab is at work as well.
  await page.evaluate(() => globalThis.trail.track('left'))
  await page.evaluate(() => globalThis.trail.consent('denied'))
  await until(async () => (await dump(page)).databases.length === 0, 'the databases are gone')
  await until(() => other.evaluate(() => globalThis.trail.consent() === 'denied'), 'the other tab knows')
  await sleep(100)
  const before = others(site)
  for (const tab of [page, other]) {
    await tab.front()
    await track(tab, 5, 'refused-')
    await tab.evaluate(async (ms) => {
      for (let hours = 0; hours < 24; hours += 6) {
        for (const name of ['online', 'pagehide', 'pageshow', 'blur', 'focus']) dispatchEvent(new Event(name))
        document.dispatchEvent(new Event('visibilitychange'))
        globalThis.trail.track('refused')
        await globalThis.trail.flush()
        await globalThis.clock.pass(ms)
      }
    }, DAY / 4)
  }
  await sleep(500)
  assert.equal(others(site), before, 'no request follows')
  assert.deepEqual((await dump(page)).databases, [], 'nor does the other tab bring anything back')
  const deletions = site.requests.filter(isDeletion).length
  assert.ok(deletions <= 1, 'one epoch, one message')
  const stats = await statsOf(page)
  assert.equal(stats.dropped.consent, 9)
  assertAddsUp(stats)
  const { rows, records, code } = await exportOf(page)
  assert.deepEqual([rows, records, code], [[], {}, 'consent_denied'])
  measured(t, `a day with consent: ${busy} requests; a day without: 0, no database, ${deletions} deletion messages`)
})

for (const [name, endpoint] of [
  ['json', '/ingest'],
  ['collector, with signed chains', 'collector'],
])
  scenario(
    `withdrawal while another tab is in mid-flush brings nothing back: ${name}`,
    async ({ t, site, profile }) => {
      const start = async (page) => {
        await page.evaluate(async (endpoint) => {
          const { createTrail, collector } = globalThis
          globalThis.trail = createTrail({
            deployment: 'shop',
            endpoint: endpoint === 'collector' ? collector('/trail') : endpoint,
            consent: 'granted',
            flush: { ageMs: 50 },
          })
          await globalThis.trail.ready()
        }, endpoint)
      }
      const sending = () => site.requests.filter(({ method, url }) => method === 'POST' && !url.includes('erase'))
      // Answers are late, so that the other tab is at any point of its round when it hears of the withdrawal.
      for (const wait of [0, 5, 20, 60, 150, 400]) {
        const [page, other] = [await profile.open(site.url('/page')), await profile.open(site.url('/page'))]
        site.answer = ({ body }) => {
          const { rows = [] } = JSON.parse(body)
          return { delay: 300, body: JSON.stringify({ results: rows.map(() => ({ status: 'stored' })) }) }
        }
        await start(other)
        await start(page)
        const first = site.requests.length
        await track(other, 5, 'other-')
        const flushed = other.evaluate(() => globalThis.trail.flush())
        await until(() => site.requests.length > first, 'a request is on its way')
        await sleep(wait)
        await other.evaluate(() => {
          // At work all the time, also while it hears.
          globalThis.busy = setInterval(() => globalThis.trail.track('busy'), 1)
        })
        await page.evaluate(() => globalThis.trail.consent('denied'))
        await until(async () => (await dump(page)).databases.length === 0, 'the databases are gone')
        await until(() => other.evaluate(() => globalThis.trail.consent() === 'denied'), 'the other tab knows')
        const before = sending().length
        await flushed
        await sleep(700)
        assert.equal(sending().length, before, `no request follows, after ${wait} ms`)
        assert.deepEqual((await dump(page)).databases, [], `nothing comes back, after ${wait} ms`)
        assert.deepEqual((await exportOf(other)).rows, [])
        assertAddsUp(await statsOf(other))
        await page.page.close()
        await other.page.close()
      }
      measured(t, `${name}: withdrawn at six moments of a flush, nothing came back`)
    },
  )

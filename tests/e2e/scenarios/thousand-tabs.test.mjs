// 1,000 events of several tabs, of which one sends for all: the same reckoning as for one tab.
import assert from 'node:assert/strict'
import { until } from '../browsers/page.mjs'
import { engine, scenario, statsOf, track } from '../scenario.mjs'
import { assertArrive, assertSettled, COUNT, numbered, open, received } from '../thousand.mjs'
import { ask, start } from '../workers.mjs'

const chains = (site) => new Set([...received(site).values()].map(({ chain }) => chain)).size

for (const tabs of [2, 8])
  scenario(`1,000 events of ${tabs} tabs arrive, never two requests at once`, async ({ site, profile }) => {
    const share = COUNT / tabs
    const pages = []
    for (let tab = 0; tab < tabs; tab++) pages.push(await open(profile, site))
    // The first one sends. Browsers give the timers of other tabs one turn a second.
    await pages[0].front()
    await Promise.all(pages.map((page, tab) => track(page, share, `tab-${tab}-`)))
    await assertArrive(
      site,
      pages.flatMap((_, tab) => numbered(`tab-${tab}-`, share)),
    )
    await assertSettled(pages.at(-1), site)
    assert.equal(site.most, 1)
    assert.equal(chains(site), tabs, 'a lane each')
  })

scenario(
  '1,000 events of eight tabs and a service worker arrive, never two requests at once',
  async ({ site, profile }) => {
    const tabs = Array.from({ length: 8 }, (_, tab) => ({ prefix: `tab-${tab}-`, count: 110 }))
    const worker = { prefix: 'worker-', count: COUNT - 8 * 110 }
    const pages = []
    for (const _ of tabs) pages.push(await open(profile, site))
    const [first] = pages
    await start(first, 'service')
    assert.deepEqual(await ask(first, 'service', 'begin'), { state: 'ready', storage: 'indexeddb' })
    await first.front()
    await Promise.all([
      ...tabs.map(({ prefix, count }, tab) => track(pages[tab], count, prefix)),
      ask(first, 'service', 'track', worker.count, worker.prefix),
    ])
    await assertArrive(
      site,
      [...tabs, worker].flatMap(({ prefix, count }) => numbered(prefix, count)),
    )
    await assertSettled(pages.at(-1), site)
    assert.equal(site.most, 1)
    assert.equal(site.taken().length, COUNT, 'none came twice')
    assert.equal(chains(site), 9, 'a lane each')
    const { captured, acknowledged, pending } = await ask(first, 'service', 'stats')
    assert.deepEqual([captured, acknowledged, pending], [COUNT, COUNT, 0], 'the worker has the same account')
    assert.deepEqual(await ask(first, 'service', 'problems'), [])
  },
)

const HALF = COUNT / 2
const halves = [...numbered('frozen-', HALF), ...numbered('other-', HALF)]

/** A tab that sends, has a request under way and more to send, and another one. */
async function sending(profile, site) {
  site.answer = () => ({ delay: 300 })
  const sender = await open(profile, site)
  await track(sender, HALF, 'frozen-')
  await until(() => site.batches().length === 3, 'it is in the midst of it')
  const other = await open(profile, site)
  return [sender, other]
}

if (engine === 'chromium')
  // How long it is frozen does not matter: before it is, it gives up the sending, and another tab goes on at once.
  scenario(
    '1,000 events arrive when the tab that sends is frozen: another one takes over',
    async ({ site, profile }) => {
      const [sender, other] = await sending(profile, site)
      const devtools = await profile.context.newCDPSession(sender.page)
      await devtools.send('Page.enable')
      await devtools.send('Page.setWebLifecycleState', { state: 'frozen' })
      await track(other, HALF, 'other-')
      await assertArrive(site, halves)
      await assertSettled(other, site)
      await devtools.send('Page.setWebLifecycleState', { state: 'active' })
      await track(sender, 1, 'thawed-')
      await until(() => received(site).size === COUNT + 1, 'the frozen tab goes on')
      await until(async () => (await statsOf(sender)).acknowledged === COUNT + 1, 'and has the same account')
    },
  )

// A debugger, a modal dialogue, a laptop's lid: the tab holds the lock and cannot answer. 60 s are longer than every limit
// of time in the client, so more would show nothing else. A synchronous request stops a tab without taking a processor.
scenario(
  '1,000 events arrive when the tab that sends is stopped without notice, and then goes on',
  async ({ t, site, profile }) => {
    const [sender, other] = await sending(profile, site)
    site.answer = ({ path }) => (path === '/stop' ? { delay: 60_000 } : { delay: 300 })
    const stopped = sender.evaluate(() => {
      const request = new XMLHttpRequest()
      request.open('GET', '/stop', false)
      request.send()
    })
    await until(() => site.requests.some(({ path }) => path === '/stop'), 'it is stopped')
    await track(other, HALF, 'other-')
    const flushed = await other.evaluate(() => globalThis.trail.flush())
    t.diagnostic(
      `meanwhile ${received(site).size} had arrived; flush() of the other tab said ${JSON.stringify(flushed)}`,
    )
    await stopped
    await assertArrive(site, halves)
    await assertSettled(other, site)
  },
  150_000,
)

// What the scenarios with 1,000 events share: a receiver that tells events by their ids, and the reckoning at the end.
import assert from 'node:assert/strict'
import { until } from './browsers/page.mjs'
import { assertAddsUp, begin, names, statsOf, verdictOf } from './scenario.mjs'

export const COUNT = 1000

export const numbered = (prefix, count) => Array.from({ length: count }, (_, i) => `${prefix}${i}`)

/** What such a receiver has: each event by its id, however often it came. One id is one event, and the other way round. */
export function received(site) {
  const byId = new Map()
  for (const row of site.taken()) {
    const known = byId.get(row.id)
    if (known) assert.deepEqual([row.link, row.body], [known.link, known.body], `${row.id} is one event`)
    else byId.set(row.id, row)
  }
  const found = names([...byId.values()])
  assert.equal(new Set(found).size, found.length, 'no event came under two ids')
  return byId
}

/** Opens a page of the site with a client. */
export async function open(profile, site, options) {
  const page = await profile.open(site.url('/page'))
  await begin(page, options)
  return page
}

/** Goes to a page of the site again, in the same tab, and creates the client anew. */
export async function reopen(page, site) {
  await page.goto(site.url('/page?again'))
  await page.until(() => 'createTrail' in globalThis)
  await begin(page)
}

/** Waits until these events have arrived, and checks that nothing else has. */
export async function assertArrive(site, expected, timeout = 30_000) {
  const arrived = () => received(site).size
  await until(() => arrived() >= expected.length, `${expected.length} events arrive`, timeout).catch((error) => {
    throw new Error(`${error.message}: ${arrived()} have`)
  })
  assert.deepEqual(names([...received(site).values()]).sort(), [...expected].sort())
}

/** Every event of the client in `page` has its fate, the account adds up, the chains hold, and still none came twice. */
export async function assertSettled(page, site, { acknowledged = COUNT, ...dropped } = {}) {
  const stats = await until(
    async () => {
      const stats = await statsOf(page)
      return stats.pending === 0 && stats.waiting === 0 && stats
    },
    'everything is settled',
    30_000,
  )
  assertAddsUp(stats)
  const none = Object.fromEntries(Object.keys(stats.dropped).map((reason) => [reason, 0]))
  assert.deepEqual(stats.dropped, { ...none, ...dropped })
  assert.deepEqual([stats.captured, stats.acknowledged], [COUNT, acknowledged])
  const { verdict, chains } = await verdictOf(page)
  assert.equal(verdict, 'holds', JSON.stringify(chains))
  assert.equal(received(site).size, acknowledged)
}

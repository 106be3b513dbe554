// Browsers that are killed while they write and send, and profiles that are older than what the collector has. More of it:
// npm run kills
import assert from 'node:assert/strict'
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../browsers/page.mjs'
import { runKills } from '../kills/run.mjs'
import { isTorn, logsIn } from '../kills/torn.mjs'
import { bare, begin, driver, engine, exportOf, folder, names, statsOf, track, verdictOf } from '../scenario.mjs'

// Not a scenario that is tried once more: what is lost once is lost.
test('nothing acknowledged is lost, nor taken for a fork, when the browser is killed and its profile restored', async (context) => {
  const last = []
  const t = { after: (undo) => last.unshift(undo) }
  try {
    const { found, counts } = await runKills(t, { engine, kills: 4, restores: 1, seed: 1 })
    context.diagnostic(JSON.stringify(counts))
    assert.deepEqual(found, [])
    assert.ok(counts.confirmed && counts.acknowledged, 'there was something to lose')
  } finally {
    for (const undo of last) await undo()
  }
})

/** A record of LevelDB of which nothing but the header was written: what a kill between two writes leaves. */
const TORN = Buffer.from([0, 0, 0, 0, 200, 0, 1])

/** Tracks five events in a browser that is killed afterwards, when `done` says so. */
async function visit({ directory, site, prefix, done }) {
  const browser = await driver.launchOn(directory)
  try {
    const page = await (await browser.profile()).open(site.url('/page'))
    await page.until(() => 'createTrail' in globalThis)
    await begin(page)
    await track(page, 5, prefix)
    await until(async () => done(await statsOf(page)), 'it is time')
    const rows = (await exportOf(page)).rows
    return { stats: await statsOf(page), verdict: await verdictOf(page), rows, warnings: page.warnings() }
  } finally {
    await browser.kill()
  }
}

// Others keep IndexedDB in SQLite.
if (engine === 'chromium')
  bare(
    'when the browser throws its database away, that is said, and what follows is a new chain',
    async ({ t, site }) => {
      const directory = folder(t)
      const settled = ({ acknowledged, pending }) => acknowledged >= 5 && !pending
      const first = await visit({ directory, site, prefix: 'first-', done: settled })
      const [log] = logsIn(join(directory, 'Default', 'IndexedDB'))
      assert.equal(isTorn(readFileSync(log)), false)
      appendFileSync(log, TORN)
      assert.equal(isTorn(readFileSync(log)), true)
      // Chromium takes the record for one that nobody was promised, and writes on behind it: unreadable from then on.
      site.answer = () => ({ status: 503 })
      const second = await visit({ directory, site, prefix: 'second-', done: ({ stored }) => stored === 10 })
      assert.deepEqual(second.warnings, [])
      site.answer = () => ({})
      const third = await visit({ directory, site, prefix: 'third-', done: settled })
      assert.deepEqual(third.warnings, ['storage_lost'])
      assert.deepEqual([third.stats.captured, third.verdict.verdict], [5, 'holds'])
      const arrived = site.taken()
      assert.deepEqual(
        names(arrived),
        ['first-', 'third-'].flatMap((prefix) => [0, 1, 2, 3, 4].map((i) => prefix + i)),
      )
      const chainsOf = (rows) => new Set(rows.map(({ chain }) => chain))
      assert.deepEqual(
        [...chainsOf(third.rows)].filter((chain) => chainsOf(first.rows).has(chain)),
        [],
      )
    },
  )

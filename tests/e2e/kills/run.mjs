// Kills a browser again and again while it writes and sends, and restores old copies of its profile.
import { cpSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { sleep, until } from '../browsers/page.mjs'
import { openCollector } from '../collector.mjs'
import { folder } from '../folder.mjs'
import { openLedger } from './ledger.mjs'
import { openPost } from './post.mjs'
import { between, randomFrom } from './random.mjs'
import { tornLogs } from './torn.mjs'

/** How often everything is sent and compared. */
const CHECK_EVERY = 10
/** Starting a browser on a busy machine takes seconds. */
const PATIENCE = 60_000

/**
 * Runs it: `{ version, found, counts }`, where `found` holds everything that is not as it must be.
 * `t.after` is given what there is to tidy up, `say` a line now and then; no further kill once `goesOn` says no.
 */
export async function runKills(t, { engine, kills, restores, seed, goesOn = () => true, say = () => {} }) {
  const driver = await import(`../browsers/${engine}.mjs`)
  const collector = await openCollector(t)
  const ledger = openLedger(collector)
  const post = await openPost(t, { collector, ledger, seed })
  const place = folder(t)
  const [profile, copy] = [join(place, 'profile'), join(place, 'copy')]
  const counts = {
    kills: 0,
    'while sending': 0,
    'kills that tore the log of a database': 0,
    'starts in vain': 0,
    restores: 0,
    'forked restores': 0,
  }
  const { found } = ledger
  let round = 0
  let version
  let end
  t.after(() => end?.())

  const address = (tab, more = '') => post.site.url(`/plain?round=${round}&tab=${tab}&seed=${seed}${more}`)

  async function launch() {
    const browser = await driver.launchOn(profile)
    end = () => browser.kill().catch(() => {})
    version = browser.version
    return { browser, visitor: await browser.profile() }
  }

  async function kill(browser) {
    counts.kills++
    if (post.underWay) counts['while sending']++
    await browser.kill()
    end = undefined
    if (engine === 'chromium' && tornLogs(join(profile, 'Default', 'IndexedDB'))) {
      counts['kills that tore the log of a database']++
      say(`round ${round}: the kill tore the log of a database`)
    }
  }

  /** Starts a browser whose pages track. One in which no page begins in time is killed, and another one started, once. */
  async function begin(tabs, again = true) {
    ledger.enter(++round)
    const { browser, visitor } = await launch()
    for (let tab = 0; tab < tabs; tab++) visitor.open(address(tab)).catch(() => {})
    try {
      await until(() => ledger.begun.has(round), `the page of round ${round} begins`, PATIENCE)
      return browser
    } catch (error) {
      if (!again) throw error
      await kill(browser)
      counts['starts in vain']++
      return begin(tabs, false)
    }
  }

  /** Starts the browser and lets pages track; `work` says when it is killed. */
  async function trackUntil(work, tabs = 1) {
    const browser = await begin(tabs)
    await work().catch((error) => found.push(`round ${round}: ${error.message}`))
    await kill(browser)
  }

  const choose = () => randomFrom(seed, 'round', round + 1)

  async function killOnce() {
    const random = choose()
    const [after, tabs] = [between(random, 20, 1500), random() < 0.25 ? 2 : 1]
    await trackUntil(() => sleep(after), tabs)
  }

  /** Sends everything that is left and compares. */
  async function check() {
    ledger.enter(++round)
    post.calm = true
    const { browser, visitor } = await launch()
    const page = await visitor.open(address(0, '&quiet'))
    await page.until(() => 'trail' in globalThis, undefined, PATIENCE)
    const state = () =>
      page.evaluate(async () => {
        const { done, code } = await globalThis.trail.flush()
        return { done, code, stats: await globalThis.trail.stats() }
      })
    let last
    await until(
      async () => {
        last = await state()
        return last.done && !last.stats.pending && !last.stats.waiting
      },
      'everything is sent',
      PATIENCE,
    ).catch(() => found.push(`round ${round}: not everything is sent: ${JSON.stringify(last)}`))
    for (const [reason, count] of Object.entries(last.stats.dropped))
      if (count) found.push(`round ${round}: ${count} events were dropped: ${reason}`)
    const { verdict, chains } = await page.evaluate(() => globalThis.trail.verify())
    if (verdict !== 'holds') {
      const bad = chains.filter(({ verdict }) => verdict !== 'holds')
      found.push(`round ${round}: on the device: ${verdict} ${JSON.stringify(bad)}`)
    }
    await browser.close()
    end = undefined
    post.calm = false
    return ledger.check()
  }

  const chainsOf = (round) => [...(ledger.chainsOf.get(round) ?? [])]
  const isIdle = () => until(() => !post.underWay, 'the network is quiet')

  /** An old copy of the profile takes the place of one with which the collector has come further. */
  async function restoreOnce() {
    await killOnce()
    await isIdle()
    const copied = ledger.copied()
    // Also chains of which the collector has nothing yet: the copy may have their rows.
    const known = new Set([...ledger.opened, ...[...ledger.acknowledged.keys()].map((row) => row.split(':')[0])])
    cpSync(profile, copy, { recursive: true, verbatimSymlinks: true })
    const random = choose()
    // What is acknowledged now the copy does not know.
    await trackUntil(async () => {
      await until(() => chainsOf(round).length, 'the collector gets ahead', PATIENCE)
      await sleep(between(random, 0, 500))
    })
    const ahead = chainsOf(round).some((chain) => known.has(chain))
    await isIdle()
    await ledger.rolledBack(copied)
    rmSync(profile, { recursive: true, maxRetries: 20, retryDelay: 100 })
    renameSync(copy, profile)
    counts.restores++
    const forks = ledger.forks().length
    const forked = () => ledger.forks().slice(forks)
    const again = choose()
    await trackUntil(async () => {
      await until(() => forked().length || chainsOf(round).length, 'the collector answers', PATIENCE)
      await sleep(between(again, 0, 600))
    })
    const since = round
    await check()
    if (forked().length) counts['forked restores']++
    if (Boolean(forked().length) !== ahead)
      found.push(`round ${since}: ${ahead ? 'no fork, but the collector was ahead' : 'a fork, but it was not ahead'}`)
    const gone = new Set(forked().map(({ chain }) => chain))
    if (chainsOf(since).some((chain) => gone.has(chain)))
      found.push(`round ${since}: events after the restore are in the chain that forked`)
  }

  /** No fork is right unless a profile was restored. */
  async function withoutForks(work) {
    const forks = ledger.forks().length
    await work()
    const more = ledger.forks().slice(forks)
    if (more.length) found.push(`round ${round}: ${more.length} rows were refused as forks without a reason`)
  }

  // Restores among the kills, evenly.
  const each = restores ? Math.max(1, Math.floor(kills / restores)) : Number.POSITIVE_INFINITY
  let restored = 0
  for (let killed = 1; killed <= kills; killed++) {
    await withoutForks(killOnce)
    if (killed % CHECK_EVERY === 0) await withoutForks(check)
    if (killed % each === 0 && restored < restores) {
      await restoreOnce()
      restored++
    }
    if (killed % CHECK_EVERY === 0) say(`${killed} kills, ${restored} restores, ${ledger.stored.size} events stored`)
    if (found.length > 20 || !goesOn()) break
  }
  for (; restored < restores && found.length <= 20 && goesOn(); restored++) await restoreOnce()
  const store = await withoutForksGiving(check)
  return { version, found, counts: { ...counts, ...ledger.sum(store), faults: post.faults, warnings: ledger.warnings } }

  async function withoutForksGiving(work) {
    let result
    await withoutForks(async () => {
      result = await work()
    })
    return result
  }
}

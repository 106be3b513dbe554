// A scenario is a test with a visitor and a site of its own. One browser serves all scenarios of a file.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openSite } from './server.mjs'

export { folder } from './folder.mjs'

/** The browser under test: `chromium` or `firefox`. */
export const engine = process.env.NYMTRAIL_BROWSER ?? 'chromium'
export const driver = await import(`./browsers/${engine}.mjs`)

let browser
after(async () => (await browser)?.close())

/** The browser of this file, started when it is needed first. */
export const theBrowser = () => {
  browser ??= driver.launch()
  return browser
}

/**
 * A scenario that opens its own browser, or none. One that fails is tried once more, with a site and a profile of its
 * own again, and that is said: on a busy machine a browser may take longer to do something than a scenario waits.
 * What `t.after` is given runs when the try is over, the last one first.
 */
export function bare(name, work, timeout = 120_000) {
  test(name, { timeout: 2 * timeout }, async (context) => {
    const attempt = async () => {
      const last = []
      const t = { after: (undo) => last.unshift(undo), diagnostic: (text) => context.diagnostic(text) }
      const tidy = async () => {
        // One that fails must not keep the others from ending what they have started.
        for (const undo of last.splice(0))
          await Promise.resolve()
            .then(undo)
            .catch((error) => t.diagnostic(String(error)))
      }
      // For a try that is broken off by the time limit.
      context.after(tidy)
      try {
        const site = await openSite()
        t.after(() => site.close())
        await work({ t, site })
      } finally {
        await tidy()
      }
    }
    await attempt().catch((error) => {
      console.log(`tried once more: ${name}\n  because of: ${error?.message}`)
      return attempt()
    })
  })
}

/**
 * `work` gets a `site` and a `profile`, both gone afterwards. No page of the profile may have had an exception that
 * nobody caught, whatever the scenario is about.
 */
export function scenario(name, work, timeout = 90_000) {
  bare(
    name,
    async ({ t, site }) => {
      const profile = await (await theBrowser()).profile()
      t.after(() => profile.close())
      await work({ t, site, profile })
      for (const page of profile.pages) {
        assert.deepEqual(page.errors, [], 'exceptions in the page')
        const uncaught = await page.evaluate(() => globalThis.uncaught ?? []).catch(() => [])
        assert.deepEqual(uncaught, [], 'exceptions in the page')
      }
    },
    timeout,
  )
}

/** Creates `window.trail` in the page, and resolves to what `ready()` says. Events go soon unless said otherwise. */
export function begin(page, options = {}) {
  return page.evaluate(async (options) => {
    const { createTrail } = globalThis
    globalThis.trail = createTrail({
      deployment: 'shop',
      endpoint: '/ingest',
      consent: 'granted',
      flush: { ageMs: 200 },
      ...options,
    })
    return globalThis.trail.ready()
  }, options)
}

/** Tracks `count` events in one task, called `${prefix}0` and so on. */
export function track(page, count, prefix = 'event-') {
  return page.evaluate(
    ({ count, prefix }) => {
      for (let i = 0; i < count; i++) globalThis.trail.track(`${prefix}${i}`, { i })
    },
    { count, prefix },
  )
}

/** Names of the events in rows, in order; control rows such as the genesis have none. */
export const names = (rows) => rows.map((row) => (row.event ?? JSON.parse(row.body)).n).filter(Boolean)

export const exportOf = (page) => page.evaluate(() => globalThis.trail.export())
export const statsOf = (page) => page.evaluate(() => globalThis.trail.stats())
export const verdictOf = (page) => page.evaluate(() => globalThis.trail.verify())

/** Every captured event is in exactly one place, and every stored one too. */
export function assertAddsUp(stats) {
  const { captured, stored, waiting, acknowledged, pending, dropped } = stats
  const { poison, too_large: tooLarge, ...others } = dropped
  const all = Object.values(others).reduce((sum, count) => sum + count, 0)
  const text = JSON.stringify(stats)
  // `too_large` counts on both sides: refused at the call, or by the endpoint.
  const after = stored - acknowledged - pending
  assert.ok(after >= 0 && after <= poison + tooLarge, `stored = acknowledged + pending + dropped since: ${text}`)
  assert.equal(captured, stored + waiting + all + poison + tooLarge - after, `captured adds up: ${text}`)
}

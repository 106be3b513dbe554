// An endpoint that is blocked, by a policy or an ad blocker: hardly any attempts, and hardly a word in the console.
import assert from 'node:assert/strict'
import { sleep, until } from '../browsers/page.mjs'
import { assertAddsUp, begin, scenario, statsOf, track } from '../scenario.mjs'
import { DROP } from '../server.mjs'

/** Keeps count of the requests that are attempted in a tab, also while pages leave, and though they never arrive. */
const COUNTING = `
const original = window.fetch
window.fetch = (...args) => {
  if (String(args[0]).includes('/ingest')) sessionStorage.attempts = 1 + Number(sessionStorage.attempts ?? 0)
  return original(...args)
}`
const CSP =
  "default-src 'self'; img-src data:; connect-src 'none'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'"

const attempts = (page) => page.evaluate(() => Number(sessionStorage.attempts ?? 0))

/** What the browser itself says about requests that fail. */
const complaints = (page) => page.console.filter(({ type, text }) => type === 'error' && !/favicon/.test(text)).length

async function load(page, site) {
  await page.goto(site.url('/page'))
  await page.until(() => 'createTrail' in globalThis)
  await begin(page)
}

for (const [name, block] of [
  [
    'by a content security policy',
    (site) => {
      site.headers = { 'content-security-policy': CSP }
    },
  ],
  [
    'on its way',
    (site) => {
      site.answer = () => DROP
    },
  ],
])
  scenario(
    `an endpoint blocked ${name} is tried three times, then not once on the next pages`,
    async ({ t, site, profile }) => {
      site.head = COUNTING
      block(site)
      const page = await profile.open()
      await load(page, site)
      await track(page, 60, 'one-')
      await until(async () => (await attempts(page)) === 3, 'three attempts')
      await track(page, 60, 'more-')
      await sleep(5000)
      assert.equal(await attempts(page), 3)
      const said = complaints(page)
      for (const round of [2, 3]) {
        await load(page, site)
        await track(page, 60, `page-${round}-`)
        await sleep(3000)
        assert.equal(await attempts(page), 3, `page ${round}`)
      }
      t.diagnostic(`${complaints(page)} lines in the console`)
      assert.ok(complaints(page) === said && said <= 8)
      const stats = await statsOf(page)
      assert.equal(stats.pending, 240)
      assertAddsUp(stats)
    },
  )

// The demo, as a newcomer goes through it: the built page, served by the collector.
import assert from 'node:assert/strict'
import { until } from '../browsers/page.mjs'
import { find } from '../canary.mjs'
import { nymtrail, openCollector } from '../collector.mjs'
import { demo } from '../paths.mjs'
import { scenario } from '../scenario.mjs'

const EMAIL = 'zoe.canary+tag@exaemple-canary.org'
const id = (name) => `[data-testid="${name}"]`

/** A visitor at the demo, and what can be seen of it. */
async function visit(profile, collector, width = 1280, height = 800) {
  const page = await profile.open()
  await page.viewport(width, height)
  await page.goto(collector.url('/'))
  const narrow = width < 800
  const show = (view) => narrow && page.click(id(`view-${view}-tab`))
  const seen = {
    page,
    text: (name) => page.evaluate((selector) => document.querySelector(selector)?.textContent ?? '', id(name)),
    count: (selector) => page.evaluate((selector) => document.querySelectorAll(selector).length, selector),
    verdict: (by) =>
      page.evaluate((selector) => document.querySelector(selector)?.dataset.verdict, id(`verdict-${by}`)),
    /** Clicks something in the shop or in the panel. */
    async shop(name) {
      await show('shop')
      await page.click(id(name))
    },
    async panel(name) {
      await show('panel')
      await page.click(id(name))
    },
    async check(by) {
      await seen.panel('tab-checks')
      await seen.panel(`verify-${by}`)
    },
    delivered: (count) =>
      until(
        async () => (await seen.count(`${id('block')}[data-fate="delivered"]`)) >= count,
        `${count} blocks are delivered`,
      ),
    async fits(where) {
      for (const view of ['shop', 'panel']) {
        await show(view)
        const [wide, room] = await page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement
          return [Math.max(scrollWidth, document.body.scrollWidth), clientWidth]
        })
        assert.ok(wide <= room, `${where}, ${view}: ${wide} px in ${room} px`)
      }
    },
  }
  await page.until((selector) => !!document.querySelector(selector), id('consent-grant'))
  return seen
}

async function signIn(seen) {
  await seen.shop('account-open')
  await seen.page.type(id('email-input'), EMAIL)
  await seen.page.click(id('sign-in'))
}

for (const [width, height] of [
  [1280, 800],
  [390, 844],
])
  scenario(
    `the newcomer's way at ${width} px: consent, sign in, basket, verify, damage, repair`,
    async ({ t, profile }) => {
      const collector = await openCollector(t, '--demo', '--www', demo)
      const seen = await visit(profile, collector, width, height)
      const { page } = seen
      await seen.fits('at first')
      assert.equal(await seen.count(id('block')), 0, 'nothing is stored before consent')

      await seen.shop('consent-grant')
      await signIn(seen)
      assert.equal(await seen.text('signed-in-as'), EMAIL)
      await seen.shop('add-dawn-mug')
      // Genesis, page, identify, sign_in, and at least the product.
      await seen.delivered(5)
      await seen.fits('at work')

      // Nothing of the address reached the collector.
      const [chain] = await page.evaluate(
        (selector) => [
          ...new Set([...document.querySelectorAll(selector)].map(({ dataset }) => dataset.key.split(':')[0])),
        ],
        id('block'),
      )
      const there = await (await fetch(collector.url(`/v1/rows?chain=${chain}`))).text()
      assert.match(there, /p1\./)
      assert.deepEqual(find(there, [EMAIL, 'zoe.canary', 'exaemple-canary']), [])

      for (const by of ['browser', 'server']) {
        await seen.check(by)
        await until(async () => (await seen.verdict(by)) === 'holds', `${by}: holds`)
      }
      await seen.panel('tab-counts')
      await until(async () => (await seen.text('adds-up')) === 'It adds up.', 'the counts add up')

      await seen.panel('tab-checks')
      await seen.panel('damage')
      await until(async () => (await seen.text('damage-said')).includes('was changed'), 'damaged')
      await seen.check('server')
      await until(async () => (await seen.verdict('server')) === 'tampered', 'the server finds it')
      await until(async () => (await seen.count(`${id('block')}[data-fate="broken"]`)) === 1, 'one block is red')
      assert.equal(await seen.count(`${id('block')}[data-fate="broken"]`), 1, 'and one alone')
      const { chains } = await collector.verify()
      const bad = chains.filter(({ verdict }) => verdict === 'tampered')
      assert.equal(bad.length, 1)
      const red = await page.evaluate(
        (selector) => document.querySelector(selector).dataset.key,
        `${id('block')}[data-fate="broken"]`,
      )
      assert.equal(red, `${bad[0].chain}:${bad[0].first_bad}`, 'the red block is the damaged one')
      await seen.fits('damaged')
      await seen.panel('show-broken')
      await until(() => seen.text('event-changed'), 'what was changed is shown')
      await seen.fits('the damage shown')
      await seen.check('browser')
      await until(async () => (await seen.verdict('browser')) === 'holds', "this browser's copy still holds")

      await seen.panel('repair')
      await seen.check('server')
      await until(async () => (await seen.verdict('server')) === 'holds', 'repaired')
      assert.equal(await seen.count(`${id('block')}[data-fate="broken"]`), 0)
      const signed = await nymtrail('verify', collector.db, '--require', 'signed')
      assert.equal(signed.code, 0, signed.output)
      assert.deepEqual(page.warnings(), [])
    },
    60_000,
  )

scenario(
  'the demo in two tabs, and offline',
  async ({ t, profile }) => {
    const collector = await openCollector(t, '--demo', '--www', demo)
    const seen = await visit(profile, collector)
    await seen.shop('consent-grant')
    await signIn(seen)
    await seen.delivered(4)
    const other = await profile.opened(() => seen.page.click(id('second-tab')))
    await other.until((selector) => document.querySelectorAll(selector).length > 0, id('block'))
    await other.until((selector) => document.querySelectorAll(selector).length === 2, id('lane'))
    await seen.page.until((selector) => document.querySelectorAll(selector).length === 2, id('lane'))
    const waiting = () => seen.count(`${id('block')}[data-fate="stored"]`)
    // A lane is shown before its first rows are: only the collector knows that they have arrived.
    const delivered = async () => (await collector.verify()).chains.length === 2 && (await waiting()) === 0
    await until(delivered, 'both tabs have delivered what they did on opening', 20_000)
    const before = (await collector.verify()).chains.reduce((sum, { rows }) => sum + rows, 0)

    await seen.page.front()
    await seen.panel('network-switch')
    await seen.shop('add-dawn-mug')
    await seen.shop('add-dawn-mug')
    await until(async () => (await waiting()) >= 2, 'events wait')
    await seen.panel('tab-wire')
    assert.match(await seen.text('wire-notice'), /^Offline/)
    const during = (await collector.verify()).chains.reduce((sum, { rows }) => sum + rows, 0)
    assert.equal(during, before, 'nothing arrives while it is offline')
    await seen.panel('network-switch')
    await until(async () => (await waiting()) === 0, 'everything is delivered', 20_000)
    const verdict = await collector.verify()
    assert.equal(verdict.verdict, 'holds')
    assert.ok(verdict.chains.reduce((sum, { rows }) => sum + rows, 0) >= before + 2)
    assert.deepEqual([...seen.page.warnings(), ...other.warnings()], [])
  },
  60_000,
)

scenario('the demo declined: nothing is stored and nothing is sent', async ({ t, profile }) => {
  const collector = await openCollector(t, '--demo', '--www', demo)
  const seen = await visit(profile, collector)
  await seen.shop('consent-deny')
  await signIn(seen)
  await seen.shop('add-dawn-mug')
  await new Promise((resolve) => setTimeout(resolve, 2500))
  assert.equal(await seen.count(id('block')), 0)
  assert.deepEqual((await collector.verify()).chains, [])
  const databases = await seen.page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name))
  assert.deepEqual(databases, [])
})

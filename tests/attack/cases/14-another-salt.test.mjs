// Can a server make one visitor known by a salt of his own, or by how the salt is fetched?
import assert from 'node:assert/strict'
import { until } from '../../e2e/browsers/page.mjs'
import { CLOCK } from '../../e2e/clock.mjs'
import { commitment, document, epochOf, pseudonym } from '../../e2e/epochs.mjs'
import { begin, exportOf, names, scenario, statsOf, verdictOf } from '../../e2e/scenario.mjs'
import { documentAt, NOON, salt } from '../linking.mjs'
import { measured } from '../report.mjs'
import { SALT } from '../victim.mjs'

const OTHER = 'c3'.repeat(32)
const DAY = 86_400_000
const WHO = 'ada@example.org'
const quiet = { acknowledgeGuessable: true, salt: '/epochs' }
const under = (secret, epoch = epochOf(Date.now())) => pseudonym({ salt: secret, epoch, type: 'email', canonical: WHO })

/** Loads a page anew, identifies somebody there and tracks `name`; gives how often a commitment was found broken. */
async function visit(page, site, name, options = quiet) {
  await page.goto(site.url(`/page?${name}`))
  await page.evaluate((options) => {
    globalThis.violations = 0
    globalThis.debug = ({ code }) => {
      if (code === 'epochs_commitment') globalThis.violations++
    }
    const { createTrail } = globalThis
    globalThis.createTrail = (more) => createTrail({ ...more, debug: globalThis.debug })
    return options
  }, options)
  await begin(page, options)
  await page.evaluate(
    ({ who, name }) => {
      globalThis.trail.identify(who)
      globalThis.trail.track(name)
    },
    { who: WHO, name },
  )
  await until(() => names(site.taken()).includes(name), 'delivered')
  return page.evaluate(() => globalThis.violations)
}

/** No pseudonym under this salt is stored or sent. */
async function assertUnused(page, site, wrong) {
  for (const { body } of (await exportOf(page)).rows) assert.ok(!body.includes(wrong), 'stored')
  for (const { body } of site.batches()) assert.ok(!body.includes(wrong), 'sent')
}

scenario('another salt for the same epoch is refused, also by a later page', async ({ t, site, profile }) => {
  let secret = SALT
  site.answer = ({ path }) => (path === '/epochs' ? { body: document(secret) } : {})
  const page = await profile.open(site.url('/plain'))
  assert.equal(await visit(page, site, 'first'), 0)
  secret = OTHER
  assert.equal(await visit(page, site, 'second'), 1)
  assert.deepEqual(page.warnings(), ['epochs_commitment'])
  await assertUnused(page, site, under(OTHER))
  assert.equal((await verdictOf(page)).verdict, 'holds')
  // The salt that everybody has is still at hand.
  const users = site.taken().flatMap(({ event }) => event.u ?? [])
  assert.deepEqual([...new Set(users)], [under(SALT)])
  measured(t, 'another salt of the same epoch: not used, 1 violation counted')
})

scenario('a salt for the next epoch that was not committed to: no user at all', async ({ t, site, profile }) => {
  site.head = CLOCK.concat(';clock.set(Number(new URLSearchParams(location.search).get("now")) || Date.now())')
  let now = NOON
  let wrong = false
  site.answer = ({ path }) => {
    if (path !== '/epochs') return {}
    return { body: wrong ? document(OTHER, { now, next: salt(epochOf(now) + 1) }) : documentAt(now) }
  }
  const page = await profile.open(site.url('/plain'))
  assert.equal(await visit(page, site, `now=${now}`), 0)
  now += DAY
  wrong = true
  assert.equal(await visit(page, site, `now=${now}`), 1)
  await assertUnused(page, site, under(OTHER, epochOf(now)))
  const last = site.taken().filter(({ event }) => event.n === `now=${now}`)
  assert.ok(last.length && last.every(({ event }) => !event.u), 'no pseudonym')
  assert.ok((await statsOf(page)).pseudonym_failures >= 1)
  // Control: with the salt that was committed to there is one.
  wrong = false
  now += 1
  assert.equal(await visit(page, site, `now=${now}`), 0)
  assert.ok(site.taken().some(({ event }) => event.u === under(salt(epochOf(now)), epochOf(now))))
  measured(t, 'a salt nobody committed to: no user pseudonym, 1 violation counted')
})

scenario('a pin decides about the very first document', async ({ t, site, profile }) => {
  site.answer = ({ path }) => (path === '/epochs' ? { body: document(OTHER) } : {})
  const page = await profile.open(site.url('/plain'))
  assert.equal(await visit(page, site, 'did', { ...quiet, pin: commitment(epochOf(Date.now()), SALT) }), 1)
  assert.deepEqual(page.warnings(), ['epochs_commitment', 'no_epoch_key'])
  for (const { body } of (await exportOf(page)).rows) assert.ok(!body.includes('p1.'))
  measured(t, 'a first salt that is not the pinned one: no pseudonym, 1 violation counted')
})

scenario('neither ETag, cookie, Vary nor a kept redirect tells visitors apart', async ({ t, site, profile }) => {
  const seen = []
  site.answer = ({ path, headers, url }) => {
    if (!path.startsWith('/epochs')) return {}
    seen.push({ url, headers })
    const own = {
      etag: '"visitor-77"',
      'last-modified': new Date(1e12).toUTCString(),
      'cache-control': 'public, max-age=31536000, immutable',
      'set-cookie': 'visitor=77; path=/; max-age=31536000',
      vary: 'cookie, accept-language',
    }
    if (path === '/epochs-moved') return { status: 301, headers: { ...own, location: '/epochs?visitor=77' } }
    return { body: document(SALT), headers: own }
  }
  const page = await profile.open(site.url('/plain'))
  for (const salt of ['/epochs', '/epochs-moved'])
    for (const round of [1, 2, 3]) {
      seen.length = 0
      assert.equal(await visit(page, site, `${salt.slice(1)}-${round}`, { ...quiet, salt }), 0)
      assert.equal(seen[0]?.url, salt, 'asked for at its own address each time')
      for (const { headers } of seen)
        for (const name of ['cookie', 'if-none-match', 'if-modified-since', 'referer', 'authorization'])
          assert.equal(headers[name], undefined, `${name} in round ${round}`)
    }
  assert.equal(await page.evaluate(() => document.cookie), '', 'no cookie was taken')
  // Control: the page's own request would be known again.
  seen.length = 0
  await page.evaluate(async () => {
    await (await fetch('/epochs-control')).text()
    await (await fetch('/epochs-control', { cache: 'no-cache' })).text()
  })
  assert.equal(seen[1]?.headers['if-none-match'], '"visitor-77"')
  assert.match(seen[1]?.headers.cookie ?? '', /visitor=77/)
  measured(t, '6 fetches with ETag, cookie, Vary and kept redirect: nothing of it came back')
})

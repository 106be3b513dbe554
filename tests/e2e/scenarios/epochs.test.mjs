// Pseudonyms from the epochs document: as they are described, the same in every browser, or none at all.
import assert from 'node:assert/strict'
import { sleep, until } from '../browsers/page.mjs'
import { openCollector } from '../collector.mjs'
import { document, epochOf, pseudonym } from '../epochs.mjs'
import { assertAddsUp, begin, exportOf, names, scenario, statsOf, track } from '../scenario.mjs'
import { HANG } from '../server.mjs'

const SALT = '5a'.repeat(32)
const quiet = { acknowledgeGuessable: true }

/** Identifiers as pages pass them, with their one spelling. */
const PEOPLE = [
  ['ada@example.org', 'email', 'ada@example.org'],
  ['  Ada.Lovelace+X@EXAMPLE.org ', 'email', 'ada.lovelace+x@example.org'],
  ['ada@büro.example', 'email', 'ada@xn--bro-hoa.example'],
  ['+49 (151) 7764-2093', 'phone', '+4915177642093'],
  ['customer 4711', 'opaque', 'customer 4711'],
  ['Amelie\u0301', 'opaque', 'Ameli\u00e9'],
  [4711, 'opaque', '4711'],
]

/** The pseudonyms that identify() and group() gave these people, in order. */
async function pseudonymsOf(page) {
  await page.evaluate((people) => {
    for (const [id] of people) {
      globalThis.trail.identify(id)
      globalThis.trail.group(id)
      globalThis.trail.track('did', { account: String(id) })
    }
  }, PEOPLE)
  await page.until(async (count) => (await globalThis.trail.export()).rows.length > count, PEOPLE.length * 3)
  const bodies = (await exportOf(page)).rows.map(({ body }) => JSON.parse(body))
  return bodies.filter(({ n }) => n === 'did').map(({ u, g, p }) => [u, g, p.account])
}

const expected = (salt, epoch) =>
  PEOPLE.map(([id, type, canonical]) => [
    pseudonym({ salt, epoch, type, canonical }),
    pseudonym({ salt, epoch, type, canonical, namespace: 'group' }),
    pseudonym({ salt, epoch, type: 'opaque', canonical: String(id), namespace: 'prop:account' }),
  ])

scenario('pseudonyms are what PRIVACY says, in every browser', async ({ site, profile }) => {
  site.answer = ({ path }) => (path === '/epochs' ? { body: document(SALT) } : {})
  const page = await profile.open(site.url('/page'))
  await begin(page, { ...quiet, salt: '/epochs', identifiers: ['account'] })
  assert.deepEqual(await pseudonymsOf(page), expected(SALT, epochOf(Date.now())))
  await until(() => site.batches().length, 'sent')
  const fetched = site.requests.filter(({ path }) => path === '/epochs')
  assert.equal(fetched.length, 1)
  assert.equal(fetched[0].headers.cookie, undefined)
  assert.equal(fetched[0].headers.referer, undefined)
  assert.equal(JSON.parse(site.batches()[0].body).epoch, epochOf(Date.now()))
})

scenario(
  "the collector's own salt: stored there under the pseudonym, and the collector verifies it",
  async ({ t, site, profile }) => {
    const collector = await openCollector(t, '--demo', '--allow-origin', site.origin)
    const page = await profile.open(site.url('/page'))
    await page.evaluate((origin) => {
      const { createTrail, collector } = globalThis
      globalThis.trail = createTrail({
        deployment: 'shop',
        endpoint: collector(origin),
        salt: `${origin}/v1/epochs`,
        consent: 'granted',
        identifiers: ['account'],
        acknowledgeGuessable: true,
      })
      return globalThis.trail.ready()
    }, collector.origin)
    const made = await pseudonymsOf(page)
    const { epochs } = await (await fetch(collector.url('/v1/epochs'))).json()
    assert.deepEqual(made, expected(epochs[0].salt, epochs[0].id))
    assert.deepEqual(await page.evaluate(() => globalThis.trail.flush()), { done: true })
    const { rows } = await exportOf(page)
    const verdict = await collector.verify()
    assert.equal(verdict.verdict, 'holds')
    assert.equal(
      verdict.chains.reduce((sum, chain) => sum + chain.rows, 0),
      rows.length,
    )
    const stats = await statsOf(page)
    assert.deepEqual([stats.pending, stats.pseudonym_failures], [0, 0])
    assertAddsUp(stats)
    assert.deepEqual(page.warnings(), [])
  },
)

for (const [name, answer, warning] of [
  ['cannot be reached', () => HANG, undefined],
  ['is not there', () => ({ status: 404 }), 'salt_unreachable'],
  ['is not one', () => ({ body: '<html>' }), 'epochs_malformed'],
  ['is of another deployment', () => ({ body: document(SALT, { deployment: 'blog' }) }), 'wrong_deployment'],
  ['is of last week', () => ({ body: document(SALT, { now: Date.now() - 7 * 86_400_000 }) }), 'epochs_expired'],
])
  scenario(`a document that ${name}: no pseudonym, but the events arrive`, async ({ site, profile }) => {
    site.answer = ({ path }) => (path === '/epochs' ? answer() : {})
    const page = await profile.open(site.url('/page'))
    await begin(page, { ...quiet, salt: '/epochs', identifiers: ['account'] })
    await page.evaluate(() => {
      globalThis.trail.identify('ada@example.org', { plan: 'pro' })
      globalThis.trail.track('did', { account: '4711' })
    })
    await until(() => names(site.taken()).includes('did'), 'delivered')
    for (const { body } of (await exportOf(page)).rows) assert.ok(!body.includes('p1.'), body)
    const stats = await statsOf(page)
    assert.ok(stats.pseudonym_failures >= 2, JSON.stringify(stats))
    assertAddsUp(stats)
    assert.ok(names(site.taken()).length >= 1)
    const codes = page.warnings()
    assert.deepEqual(codes, [...new Set(codes)])
    if (warning) assert.ok(codes.includes(warning), codes.join(' '))
  })

scenario('calls wait for a slow document, and then carry pseudonyms', async ({ site, profile }) => {
  site.answer = ({ path }) => (path === '/epochs' ? { body: document(SALT), delay: 1000 } : {})
  const page = await profile.open(site.url('/page'))
  await page.evaluate(() => {
    globalThis.trail = globalThis.createTrail({
      deployment: 'shop',
      endpoint: '/ingest',
      salt: '/epochs',
      consent: 'granted',
      acknowledgeGuessable: true,
      flush: { ageMs: 100 },
    })
    globalThis.trail.identify('ada@example.org')
    globalThis.trail.track('early')
  })
  await until(() => names(site.taken()).includes('early'), 'delivered')
  const [row] = site.taken().filter(({ event }) => event.n === 'early')
  assert.equal(
    row.event.u,
    pseudonym({ salt: SALT, epoch: epochOf(Date.now()), type: 'email', canonical: 'ada@example.org' }),
  )
})

scenario('signing out: what follows carries neither user, device nor visit of before', async ({ site, profile }) => {
  site.answer = ({ path }) => (path === '/epochs' ? { body: document(SALT) } : {})
  const page = await profile.open(site.url('/page'))
  await begin(page, { ...quiet, salt: '/epochs' })
  await page.evaluate(() => {
    globalThis.trail.identify('ada@example.org')
    globalThis.trail.track('before')
  })
  await sleep(100)
  await page.evaluate(() => {
    globalThis.trail.reset()
    globalThis.trail.track('after')
  })
  await page.until(async () => (await globalThis.trail.export()).ndjson.includes('after'))
  const rows = (await exportOf(page)).rows.map((row) => ({ ...row, event: JSON.parse(row.body) }))
  const [before, after] = ['before', 'after'].map((name) => rows.find(({ event }) => event.n === name))
  assert.ok(before.event.u && !after.event.u)
  assert.notEqual(before.chain, after.chain)
  assert.notEqual(before.event.d, after.event.d)
  assert.notEqual(before.event.s, after.event.s)
  await track(page, 1, 'end-')
})

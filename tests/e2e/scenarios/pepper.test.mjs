// The mode `pepper`: real browsers, the real collector, and what of a pseudonym is left in its files and its log.
import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { until } from '../browsers/page.mjs'
import { find } from '../canary.mjs'
import { nymtrail, openCollector } from '../collector.mjs'
import { pseudonym } from '../epochs.mjs'
import { assertAddsUp, begin, exportOf, folder, scenario, statsOf, verdictOf } from '../scenario.mjs'
import { dump, filesIn } from '../storage.mjs'
import { bytesOf } from '../wire.mjs'

const ADA = 'ada@example.org'
const BOB = '+4915177642093'

const short = (version, digest) => `${version}.${digest.subarray(0, 16).toString('base64url')}`
const sha256 = (text) => createHash('sha256').update(text).digest()
const ndjson = (text) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))

/** A page whose events go to this collector. */
async function open(site, profile, collector, more) {
  const page = await profile.open(site.url('/page'))
  await start(page, collector, more)
  return page
}

function start(page, { origin }, more = { pepper: true }) {
  return page.evaluate(
    async ({ origin, more }) => {
      const { createTrail, collector } = globalThis
      globalThis.trail = createTrail({
        deployment: 'shop',
        endpoint: collector(origin, more),
        salt: `${origin}/v1/epochs`,
        consent: 'granted',
        identifiers: ['account'],
        acknowledgeGuessable: true,
        flush: { ageMs: 100 },
      })
      return globalThis.trail.ready()
    },
    { origin, more },
  )
}

const flush = (page) => page.evaluate(() => globalThis.trail.flush())

scenario(
  'the store can count people, and no byte of it or of the log is of the first level',
  async ({ t, site, profile }) => {
    process.env.RUST_LOG = 'trace'
    const file = join(folder(t), 'shop.pepper')
    const collector = await openCollector(t, '--demo', '--allow-origin', site.origin, '--pepper', file)
    const page = await open(site, profile, collector)
    await page.evaluate(
      ([ada, bob]) => {
        const { trail } = globalThis
        trail.track('before')
        trail.identify(ada)
        trail.group('acme')
        trail.track('bought', { account: 'DE-4711' })
        trail.track('bought', { account: 'DE-4711' })
        trail.reset()
        trail.identify(bob)
        trail.track('looked')
      },
      [ADA, BOB],
    )
    assert.deepEqual(await flush(page), { done: true })
    // An event goes out with its page, or by the next one; and after a reload the visitor is still known.
    await page.evaluateLast((url) => {
      globalThis.trail.track('left')
      location.href = url
    }, '/page/next')
    await page.until(() => location.pathname === '/page/next' && 'createTrail' in globalThis)
    await start(page, collector)
    await page.evaluate(() => globalThis.trail.track('came back'))
    assert.deepEqual(await flush(page), { done: true })
    const stored = async (...more) => ndjson((await nymtrail('export', '--db', collector.db, ...more)).stdout)
    const named = (rows) => rows.filter(({ body }) => body).map((row) => ({ ...row, event: JSON.parse(row.body) }))
    await until(async () => named(await stored()).some(({ event }) => event.n === 'left'), 'the last event arrives')

    // What is to be found there.
    const { epochs } = await (await fetch(collector.url('/v1/epochs'))).json()
    const [{ salt, id: epoch }] = epochs
    const first = (type, canonical, namespace) => pseudonym({ salt, epoch, type, canonical, namespace })
    const people = {
      ada: first('email', ADA),
      bob: first('phone', BOB),
      acme: first('opaque', 'acme', 'group'),
      account: first('opaque', 'DE-4711', 'prop:account'),
    }
    const pepper = new RegExp(`^${epoch} ([\\da-f]{64})$`, 'm').exec(readFileSync(file, 'utf8'))[1]
    const second = (p1) => short('s1', createHmac('sha256', Buffer.from(pepper, 'hex')).update(`s1|${p1}`).digest())
    const rows = named(await stored())
    const table = await stored('--pseudonyms')
    const whose = ({ chain, seq }, field) =>
      table.find((line) => line.chain === chain && line.seq === seq && line.field === field)?.pseudonym
    const by = (name) => rows.filter(({ event }) => event.n === name)
    for (const row of by('bought')) {
      assert.equal(whose(row, 'u'), second(people.ada))
      assert.equal(whose(row, 'g'), second(people.acme))
      assert.equal(whose(row, 'p.account'), second(people.account))
    }
    for (const name of ['looked', 'left', 'came back'])
      for (const row of by(name)) assert.equal(whose(row, 'u'), second(people.bob), name)
    assert.deepEqual([by('bought').length, by('left').length, by('came back').length], [2, 1, 1])
    const aliases = rows.flatMap(({ event }) => [event.u, event.g, event.p?.account]).filter(Boolean)
    assert.equal(aliases.length, table.length, 'each alias that was taken stands for somebody')
    assert.equal(new Set(aliases).size, aliases.length, 'each row has aliases of its own')
    assert.ok(aliases.every((alias) => /^a1\.[\w-]{22}$/.test(alias)))
    assert.equal(
      new Set(table.filter(({ field }) => field === 'u').map((line) => line.pseudonym)).size,
      2,
      'two people',
    )

    // Control: the first level and the veils are in the browser, and fit what was stored.
    const kept = (await dump(page)).text
    const veils = [...new Set(kept.match(/(?<="veil":")[^"]+/g))]
    assert.equal(veils.length, rows.filter(({ event }) => event.u).length)
    const lifted = veils.flatMap((veil) => {
      const [blind, ...behind] = veil.split(' ')
      return behind.map((p1) => short('a1', sha256(`a1|${blind}|${p1}`)))
    })
    assert.deepEqual(lifted.sort(), aliases.sort())

    // The files, once everything is in them and while it runs, and the log.
    const secrets = [...Object.values(people), ...veils.slice(0, 2).map((veil) => veil.split(' ')[0])]
    const files = filesIn(dirname(collector.db))
    const said = collector.output()
    assert.match(said, /DEBUG.*batch/, 'the log tells of batches')
    const bytes = Buffer.concat([...files.map(({ bytes }) => bytes), Buffer.from(said)])
    assert.ok(bytes.includes(aliases[0]) && bytes.includes(second(people.ada)), 'the search looks at what is stored')
    for (const secret of secrets) {
      const alone = secret.replace('p1.', '')
      const raw = Buffer.from(alone, 'base64url')
      assert.deepEqual(find(bytes, [alone]), [])
      for (const form of [raw, raw.subarray(0, 8), raw.toString('hex'), raw.toString('hex').toUpperCase()])
        assert.ok(!bytes.includes(form), `${secret} as bytes`)
    }
    assert.ok(!bytes.includes(pepper) && !bytes.includes(Buffer.from(pepper, 'hex')), 'nor is the pepper there')

    assert.equal((await collector.verify()).verdict, 'holds')
    assert.equal((await verdictOf(page)).verdict, 'holds')
    const { ndjson: text } = await exportOf(page)
    assert.ok(!text.includes('veil') && !text.includes('p1.'), 'an export is rows')
    assertAddsUp(await statsOf(page))
    assert.deepEqual(page.warnings(), [])

    // And it goes with the device's data.
    await page.evaluate(() => globalThis.trail.erase())
    assert.ok(!(await dump(page)).text.includes('veil'))
  },
)

scenario(
  'where nothing can be made of an alias the events wait, and no other endpoint gets a veil',
  async ({ t, site, profile }) => {
    const collector = await openCollector(t, '--allow-origin', site.origin)
    const page = await open(site, profile, collector)
    await page.evaluate((ada) => {
      globalThis.trail.identify(ada)
      globalThis.trail.track('bought', { account: 'DE-4711' })
    }, ADA)
    assert.equal((await flush(page)).code, 'retrying')
    const stats = await statsOf(page)
    assert.deepEqual([stats.acknowledged, stats.dropped.poison], [0, 0])
    assert.ok(page.warnings().includes('endpoint_refused'))
    assert.ok((await dump(page)).text.includes('"veil"'))

    // The site goes over to a service of its own.
    await page.reload()
    await begin(page, { salt: collector.url('/v1/epochs'), acknowledgeGuessable: true })
    await page.evaluate(() => globalThis.trail.flush())
    await until(() => site.taken().some(({ event }) => event.n === 'bought'), 'the events arrive')
    const events = site.taken().map(({ event }) => event)
    assert.ok(events.some(({ u, p }) => u?.startsWith('a1.') && p?.account.startsWith('a1.')))
    const wire = Buffer.concat(site.requests.map(bytesOf))
    assert.ok(!wire.includes('veil') && !wire.includes('p1.'))
  },
)

scenario('a page that knows nothing of the pepper gets no pseudonym into the store', async ({ t, site, profile }) => {
  const file = join(folder(t), 'pepper')
  const collector = await openCollector(t, '--demo', '--allow-origin', site.origin, '--pepper', file)
  const page = await open(site, profile, collector, {})
  await page.evaluate((ada) => {
    globalThis.trail.track('before')
    globalThis.trail.identify(ada)
    globalThis.trail.track('bought')
  }, ADA)
  assert.deepEqual(await flush(page), { done: true })
  const stats = await statsOf(page)
  assert.deepEqual([stats.acknowledged, stats.dropped.poison], [1, 2])
  assert.equal((await collector.verify()).verdict, 'holds')
  const bytes = Buffer.concat(filesIn(dirname(collector.db)).map(({ bytes }) => bytes))
  assert.ok(bytes.includes('"before') && !bytes.includes('p1.'))
})

// Every byte that leaves the browser and every byte it keeps: what was passed to identify() is nowhere among them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sleep, until } from '../browsers/page.mjs'
import { find, forms } from '../canary.mjs'
import { document } from '../epochs.mjs'
import {
  assertAddsUp,
  bare,
  begin,
  driver,
  exportOf,
  folder,
  names,
  scenario,
  statsOf,
  verdictOf,
} from '../scenario.mjs'
import { dump } from '../storage.mjs'
import { bytesOf } from '../wire.mjs'

const EMAIL = 'Zoe.Canary+tag@exaemple-canary.org'
const PHONE = '+49 151 7764 2093'
const ID = 'kd-QZX-77319-Omikron'
/** What is looked for: as it was passed, as it is normalised, and the parts that alone would give it away. */
const SECRETS = [EMAIL, 'zoe.canary', 'exaemple-canary', PHONE, '+4915177642093', '4915177642093', '15177642093', ID]

const SALT = '5a'.repeat(32)

/** Passes the secrets wherever a page could pass them, in one page after another. */
async function visit(profile, site, { afterEpochs = true } = {}) {
  const encoded = encodeURIComponent(EMAIL)
  // The page before has an address that gives the visitor away, and is the referrer of the next.
  const page = await profile.open(site.url(`/plain/${encoded}?mail=${encoded}&phone=${encodeURIComponent(PHONE)}`))
  await page.evaluateLast(
    ({ encoded, id }) => {
      location.href = `/page/${encoded}/${id}/x?email=${encoded}&utm_source=${encoded}&utm_term=${id}#${encoded}`
    },
    { encoded, id: ID },
  )
  await page.until(() => 'createTrail' in globalThis)
  await begin(page, { salt: afterEpochs ? '/epochs' : undefined, identifiers: ['account'], acknowledgeGuessable: true })
  await page.evaluate(
    ({ email, phone, id }) => {
      const { trail } = globalThis
      const props = {
        email,
        account: email,
        sentence: `please write to ${email} or call ${phone}, customer ${id}`,
        nested: { deep: [{ deeper: email }, [phone, id]] },
        link: `https://shop.example/u/${encodeURIComponent(email)}?e=${encodeURIComponent(encodeURIComponent(email))}`,
        upper: email.toUpperCase(),
        lower: email.toLowerCase(),
        quoted: JSON.stringify({ email, phone }),
        [email]: 'as a name',
      }
      // An e-mail address is seen by its form; a phone and a customer number once they were passed to identify().
      trail.track('before', { email, sentence: `${email}, ${email}`, account: phone })
      trail.identify(email, { email, plan: 'pro' })
      trail.identify(phone, { phone, email })
      trail.identify(id, { customer: id })
      trail.identify(email, { phone, customer: id })
      trail.page()
      trail.page(email, props)
      trail.track('canary-control', props)
      trail.track(email, props)
      trail.track(`signed in as ${email}`)
      trail.track(`order of ${id}`, { ...props, phone, customer: id, customers: [id, `x ${id} y`, [phone]] })
      trail.track(phone)
      trail.group(id, { name: id, contact: email, phone })
      trail.group(email, { contact: email })
      trail.track('fourth', props)
      trail.reset()
      trail.track('after reset', { email })
    },
    { email: EMAIL, phone: PHONE, id: ID },
  )
  return page
}

test('the search finds every form of a text when it is there', () => {
  for (const secret of SECRETS)
    for (const { name, buffer } of forms(secret)) {
      const hay = Buffer.concat([Buffer.from('xy'), buffer, Buffer.from('z')])
      assert.ok(find(hay, [secret]).length, `${secret} as ${name}`)
    }
  for (const offset of [0, 1, 2, 3, 4]) {
    const text = `${'-'.repeat(offset)}${EMAIL}!`
    assert.ok(find(Buffer.from(text).toString('base64'), [EMAIL]).length, `base64 of a longer text, at ${offset}`)
  }
  assert.deepEqual(find('nothing of the kind, and 0123456789 times nothing', SECRETS), [])
})

bare('no byte of any request and no byte of the store gives the visitor away', async ({ t, site }) => {
  site.answer = ({ path }) => (path === '/epochs' ? { body: document(SALT) } : {})
  const directory = folder(t)
  const browser = await driver.launchOn(directory)
  let closed = false
  t.after(() => closed || browser.close())
  const profile = await browser.profile()
  const page = await visit(profile, site)
  await until(() => names(site.taken()).includes('fourth'), 'everything is delivered')
  await page.evaluate(() => globalThis.trail.track('left-in-store'))
  // Also what is sent while the page leaves, and by the page after it.
  await page.evaluateLast((url) => {
    globalThis.trail.track('on leaving')
    location.href = url
  }, '/page/next')
  await page.until(() => location.pathname === '/page/next' && 'createTrail' in globalThis)
  await begin(page, { salt: '/epochs' })
  await page.evaluate(() => globalThis.trail.flush())
  const last = () => ['after reset', 'on leaving'].every((name) => names(site.taken()).includes(name))
  await until(last, 'the rest is delivered')

  // The run did what it was meant to: pseudonyms were made, and events came through.
  const { rows, ndjson } = await exportOf(page)
  const bodies = rows.map(({ body }) => JSON.parse(body))
  assert.ok(new Set(bodies.map(({ u }) => u).filter(Boolean)).size >= 3, 'three users had three pseudonyms')
  assert.ok(new Set(bodies.map(({ g }) => g).filter(Boolean)).size >= 2, 'two groups had two pseudonyms')
  assert.ok(
    bodies.some(({ p }) => p?.account?.startsWith('p1.')),
    'a declared property became a pseudonym',
  )
  assert.equal((await verdictOf(page)).verdict, 'holds')
  assertAddsUp(await statsOf(page))

  // The wire.
  assert.ok(site.requests.some(({ path }) => path === '/epochs'))
  const wire = site.requests.map(bytesOf)
  assert.ok(find(Buffer.concat(wire), ['canary-control']).length, 'the search looks at what was sent')
  site.requests.forEach(({ url }, at) => {
    assert.deepEqual(find(wire[at], SECRETS), [], `request ${at} to ${url}`)
  })

  // What was printed, and what is handed to whoever asks.
  const said = page.console.map(({ text }) => text).join('\n')
  assert.deepEqual(find(said, SECRETS), [], 'the console')
  assert.deepEqual(find(ndjson, SECRETS), [], 'the export')
  const stats = JSON.stringify([await statsOf(page), await verdictOf(page)])
  assert.deepEqual(find(stats, SECRETS), [], 'stats() and verify()')

  // The store, as the page can read it and as it is on the disk.
  const kept = await dump(page)
  assert.ok(kept.text.includes('canary-control'), 'the search looks at what is stored')
  assert.deepEqual(find(kept.text, SECRETS), [], 'IndexedDB')
  await page.evaluate(() => globalThis.trail.close())
  await sleep(200)
  closed = true
  await browser.close()
  const files = driver.databasesIn(directory)
  assert.ok(
    find(Buffer.concat(files.map(({ bytes }) => bytes)), ['canary-control']).length,
    'the search looks at the files',
  )
  for (const { path, bytes } of files) assert.deepEqual(find(bytes, SECRETS), [], path)
  assert.deepEqual(page.errors, [])
})

scenario('without a salt nothing is told apart, and no byte gives the visitor away', async ({ site, profile }) => {
  const page = await visit(profile, site, { afterEpochs: false })
  await until(() => names(site.taken()).includes('fourth'), 'everything is delivered')
  for (const [at, request] of site.requests.entries())
    assert.deepEqual(find(bytesOf(request), SECRETS), [], `request ${at} to ${request.url}`)
  assert.deepEqual(find((await dump(page)).text, SECRETS), [])
  const { rows } = await exportOf(page)
  assert.ok(rows.every(({ body }) => !('u' in JSON.parse(body)) && !body.includes('p1.')))
  assert.deepEqual(page.warnings(), ['no_salt'])
  assertAddsUp(await statsOf(page))
})

scenario('a request while the page leaves names neither the page nor its visitor', async ({ site, profile }) => {
  site.answer = ({ path }) => (path === '/epochs' ? { body: document(SALT) } : {})
  const page = await visit(profile, site)
  await until(() => names(site.taken()).includes('fourth'), 'everything is delivered')
  site.requests.length = 0
  await page.evaluateLast(() => {
    // As if other keepalive requests had taken the page's budget.
    globalThis[Symbol.for('nymtrail/1')].bytes = 60_000
    globalThis.trail.track('over budget')
    location.href = '/plain'
  })
  await page.at('/plain')
  await sleep(500)
  for (const [at, request] of site.requests.entries()) {
    assert.deepEqual(find(bytesOf(request), SECRETS), [], `request ${at} to ${request.url}`)
    assert.equal(request.headers.referer, undefined, 'a request named the page')
    assert.equal(request.headers.cookie, undefined, 'a request carried cookies')
  }
  // Whether it was sent or not, it is not lost.
  await page.goto(site.url('/page'))
  await begin(page, { salt: '/epochs' })
  await page.evaluate(() => globalThis.trail.flush())
  await until(() => names(site.taken()).includes('over budget'), 'the event arrives in the end')
})

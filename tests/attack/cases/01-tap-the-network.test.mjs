// Is the visitor in anything that leaves the browser: addresses, headers, bodies, unpacked too, and names that are looked up?
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sleep, until } from '../../e2e/browsers/page.mjs'
import { find, forms } from '../../e2e/canary.mjs'
import { document } from '../../e2e/epochs.mjs'
import { bare, begin, driver, exportOf, names, scenario, statsOf, verdictOf } from '../../e2e/scenario.mjs'
import { bytesOf } from '../../e2e/wire.mjs'
import { measured } from '../report.mjs'
import { openTap } from '../tap.mjs'
import { CONTROL, intoAddress, passEverywhere, SALT, SECRETS } from '../victim.mjs'

test('the search finds every form of a text when it is there', (t) => {
  for (const secret of SECRETS)
    for (const { name, buffer } of forms(secret)) {
      const hay = Buffer.concat([Buffer.from('xy'), buffer, Buffer.from('z')])
      assert.ok(find(hay, [secret]).length, `${secret} as ${name}`)
    }
  for (const offset of [0, 1, 2, 3, 4]) {
    const text = `${'-'.repeat(offset)}${SECRETS[0]}!`
    assert.ok(find(Buffer.from(text).toString('base64'), SECRETS).length, `base64 of a longer text, at ${offset}`)
  }
  assert.deepEqual(find('nothing of the kind, and 0123456789 times nothing', SECRETS), [])
  const kinds = new Set(forms(SECRETS[0]).map(({ name }) => name.replace(/ (lower|upper|reversed|NFK?[CD])$/, '')))
  assert.ok(kinds.size >= 20)
  measured(
    t,
    `${kinds.size} encodings, each in up to eight spellings: ${forms(SECRETS[0]).length} forms of one address`,
  )
})

/** What the page itself sends away of somebody, by every way there is. */
function plant(page, control) {
  return page.evaluate(async (control) => {
    const packed = await new Response(
      new Response(control).body.pipeThrough(new CompressionStream('gzip')),
    ).arrayBuffer()
    const quiet = (url, options) => fetch(url, options).catch(() => {})
    await quiet(`http://${control.split('@')[1]}/`)
    await quiet('/own/header', { headers: { 'x-who': control } })
    await quiet('/own/body', { method: 'POST', body: control })
    await quiet('/own/packed', { method: 'POST', body: packed, headers: { 'content-encoding': 'gzip' } })
    await quiet(`/own/address?who=${encodeURIComponent(control)}`)
    // The address of the page, in Referer.
    await quiet('/own/referrer', { referrerPolicy: 'unsafe-url' })
    navigator.sendBeacon('/own/beacon', control)
    const socket = new WebSocket(`ws://${location.host}/own/socket?who=${encodeURIComponent(btoa(control))}`)
    await new Promise((done) => {
      socket.onerror = socket.onclose = done
      setTimeout(done, 2000)
    })
  }, control)
}

bare('no byte and no name that leaves the browser gives the visitor away', async ({ t, site }) => {
  site.answer = ({ path }) => (path === '/epochs' ? { body: document(SALT) } : {})
  const tap = await openTap(t)
  const browser = await driver.launch({ proxy: tap.address })
  t.after(() => browser.close())
  const profile = await browser.profile()
  const page = await profile.open(site.url('/page'))
  await begin(page, { salt: '/epochs', identifiers: ['account'], acknowledgeGuessable: true })
  await intoAddress(page)
  await passEverywhere(page)
  await page.evaluate(() => {
    globalThis.trail.reset()
    globalThis.trail.track('after reset')
  })
  await until(() => names(site.taken()).includes('after reset'), 'everything is delivered')
  await page.evaluate(() => globalThis.trail.track('on leaving'))
  await page.evaluate((control) => {
    globalThis.trail.page()
    history.replaceState(null, '', `/page/${encodeURIComponent(control)}`)
  }, CONTROL)
  await plant(page, CONTROL)
  await page.evaluateLast(() => {
    location.href = '/page/next'
  })
  await page.until(() => location.pathname === '/page/next' && 'createTrail' in globalThis)
  await begin(page, { salt: '/epochs' })
  await page.evaluate(() => globalThis.trail.flush())
  await until(() => names(site.taken()).includes('on leaving'), 'the rest is delivered')

  // The visit did what it was meant to: pseudonyms were made, and events came through.
  const { rows, ndjson } = await exportOf(page)
  const bodies = rows.map(({ body }) => JSON.parse(body))
  assert.ok(new Set(bodies.map(({ u }) => u).filter(Boolean)).size >= 4, 'four users had four pseudonyms')
  assert.ok(new Set(bodies.map(({ g }) => g).filter(Boolean)).size >= 2, 'two groups had two pseudonyms')
  assert.ok(
    bodies.some(({ p }) => p?.account?.startsWith('p1.')),
    'a declared property became a pseudonym',
  )
  assert.equal((await verdictOf(page)).verdict, 'holds')

  // Every request on its own, unpacked; then everything that passed, byte for byte, the browser's own requests too.
  const own = site.requests.filter(({ path }) => path.startsWith('/own/'))
  for (const request of own.filter(({ path }) => !/socket/.test(path)))
    assert.ok(find(bytesOf(request), [CONTROL]).length, `the search looks at ${request.url.split('?')[0]}`)
  assert.equal(own.length >= 7, true, own.map(({ path }) => path).join(' '))
  for (const request of site.requests) assert.deepEqual(find(bytesOf(request), SECRETS), [], request.url)
  const streams = tap.streams()
  const searched = Buffer.concat(streams)
  const planted = new Set(find(searched, [CONTROL]))
  for (const form of ['raw', 'percent 1', 'base64 at 0'])
    assert.ok(
      [...planted].some((found) => found.includes(`(${form}`)),
      `the search looks at what passed: ${form}`,
    )
  assert.ok(searched.includes('/own/socket'), 'sockets pass as well')
  for (const bytes of streams) assert.deepEqual(find(bytes, SECRETS), [])
  const looked = tap.hosts()
  const host = CONTROL.split('@')[1]
  assert.ok(
    looked.some((name) => name.startsWith(host)),
    `names that would be looked up are seen: ${looked}`,
  )
  assert.deepEqual(find(looked.join('\n'), SECRETS), [], 'names that would be looked up')
  measured(
    t,
    `0 needles in ${site.requests.length} requests and ${searched.length.toLocaleString('en')} bytes on the wire`,
  )

  assert.deepEqual(find(ndjson, SECRETS), [], 'the export')
  const said = JSON.stringify([await statsOf(page), await verdictOf(page)])
  assert.deepEqual(find(said, SECRETS), [], 'stats() and verify()')
  // Firefox counts what it says about the page's own requests.
  const errors = page.errors.filter((text) => !text.includes(host) && !text.includes('/own/'))
  assert.deepEqual(errors, [])
})

scenario('without a salt nothing is told apart, and no byte gives the visitor away', async ({ site, profile }) => {
  const page = await profile.open(site.url('/page'))
  await begin(page, { identifiers: ['account'] })
  await intoAddress(page)
  await passEverywhere(page)
  await until(() => names(site.taken()).includes('fourth'), 'everything is delivered')
  for (const request of site.requests) assert.deepEqual(find(bytesOf(request), SECRETS), [], request.url)
  const { rows } = await exportOf(page)
  assert.ok(rows.every(({ body }) => !('u' in JSON.parse(body)) && !body.includes('p1.')))
  assert.deepEqual(page.warnings(), ['no_salt'])
})

scenario('a request while the page leaves names neither the page nor its visitor', async ({ site, profile }) => {
  site.answer = ({ path }) => (path === '/epochs' ? { body: document(SALT) } : {})
  const page = await profile.open(site.url('/page'))
  await begin(page, { salt: '/epochs', acknowledgeGuessable: true })
  await intoAddress(page)
  await passEverywhere(page)
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
  for (const request of site.requests) {
    assert.deepEqual(find(bytesOf(request), SECRETS), [], request.url)
    assert.equal(request.headers.referer, undefined, 'a request named the page')
    assert.equal(request.headers.cookie, undefined, 'a request carried cookies')
  }
  // Whether it was sent or not, it is not lost.
  await page.goto(site.url('/page'))
  await begin(page, { salt: '/epochs' })
  await page.evaluate(() => globalThis.trail.flush())
  await until(() => names(site.taken()).includes('over budget'), 'the event arrives in the end')
})

// What a person can have done about what was recorded: by the real collector, which a real browser asks.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { until } from '../browsers/page.mjs'
import { nymtrail, openCollector } from '../collector.mjs'
import { exportOf, scenario } from '../scenario.mjs'
import { dump } from '../storage.mjs'

/** A page whose events go to the collector at `url`, and which keeps what it had erased. */
async function start(site, profile, url, options = {}) {
  const page = await profile.open(site.url('/page'))
  await page.evaluate(
    async ({ url, options }) => {
      const { createTrail, collector } = globalThis
      globalThis.asked = []
      const { erase, ...endpoint } = collector(url)
      globalThis.trail = createTrail({
        deployment: 'shop',
        endpoint: {
          ...endpoint,
          erase(asked) {
            globalThis.asked.push(asked)
            return erase(asked)
          },
        },
        consent: 'granted',
        flush: { ageMs: 100 },
        ...options,
      })
      return globalThis.trail.ready()
    },
    { url, options },
  )
  return page
}

const send = (page, ...names) =>
  page.evaluate((names) => {
    for (const name of names) globalThis.trail.track(name)
    return globalThis.trail.flush()
  }, names)

const rowsOf = async (collector) => {
  const { stdout } = await nymtrail('export', '--db', collector.db)
  const lines = stdout.split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line))
}

/** What `nymtrail verify` says of the erasures of a chain. */
async function erasuresOf(collector, chain) {
  const { code, stdout } = await nymtrail('verify', collector.db, '--format', 'json')
  const { verdict, chains } = JSON.parse(stdout)
  const { erasures, erased } = chains.find((found) => found.chain === chain)
  return { code, verdict, erased, logged: erasures?.logged, why: erasures?.why }
}

scenario('erase() at the real collector: gone, logged, and the chain holds', async ({ t, site, profile }) => {
  const collector = await openCollector(t, '--allow-origin', site.origin)
  const page = await start(site, profile, collector.origin, { salt: `${collector.origin}/v1/epochs` })
  await page.evaluate(() => globalThis.trail.identify('customer-8421', { plan: 'pro' }))
  await send(page, 'a', 'b')
  const shown = await page.evaluate(async () => {
    const { inspect, pseudonyms, readable } = await import('nymtrail/rights')
    const { trail } = globalThis
    return {
      inspected: await inspect(trail),
      known: await pseudonyms(trail),
      text: JSON.stringify(await readable(trail)),
    }
  })
  const [{ chain, erasable, acknowledged }] = shown.inspected.chains
  assert.deepEqual([erasable, acknowledged], ['now', 3])
  assert.equal(shown.inspected.client.host, new URL(collector.origin).host)
  const [{ namespace, pseudonym }] = shown.known
  // The operator finds by it what the browser shows.
  const found = await nymtrail('subject', '--pseudonym', pseudonym, '--db', collector.db, 'export')
  const { events } = JSON.parse(found.stdout)
  assert.deepEqual([namespace, events.map(({ seq }) => seq)], ['user', [1, 2, 3]])
  assert.ok(shown.text.includes(pseudonym) && !shown.text.includes('8421'))

  const erasure = await page.evaluate(() => globalThis.trail.erase())
  assert.deepEqual(erasure, { asked: 1, erased: 1, left: 0 })
  const asked = await page.evaluate(() => globalThis.asked)
  assert.deepEqual(
    asked.map((request) => request.chain),
    [chain],
  )
  const rows = (await rowsOf(collector)).filter((row) => row.chain === chain)
  assert.deepEqual(
    rows.map(({ body }) => body !== undefined),
    [true, false, false, false],
  )
  const { et } = JSON.parse(rows[0].body)
  assert.equal(createHash('sha256').update(`t1|${asked[0].token}`).digest('hex'), et)
  assert.deepEqual(await erasuresOf(collector, chain), {
    code: 0,
    verdict: 'holds',
    erased: 3,
    logged: 3,
    why: ['device'],
  })
  assert.deepEqual((await dump(page)).databases, [])
  const again = await nymtrail('subject', '--pseudonym', pseudonym, '--db', collector.db, 'export')
  assert.match(again.output, /nothing_held/)
  // Another token, and the same one again.
  const answers = await page.evaluate(
    async ({ url, chain, token }) => {
      const post = (body) => fetch(url, { method: 'POST', body: JSON.stringify(body) })
      const wrong = token.replace(/./g, (digit) => (digit === '0' ? '1' : '0'))
      return [(await post({ chain, token: wrong })).status, (await post({ chain, token })).status]
    },
    { url: collector.url('/v1/erase'), ...asked[0] },
  )
  assert.deepEqual(answers, [403, 204])
  assert.deepEqual(page.warnings(), [])
})

scenario('withdrawn while another tab is in mid-flush: nothing comes back', async ({ t, site, profile }) => {
  const collector = await openCollector(t)
  const asked = []
  /** Requests go through the site, which counts them and passes them on late. */
  site.answer = async ({ path, body }) => {
    await new Promise((done) => setTimeout(done, 200))
    const response = await fetch(collector.url(path.replace('/trail', '')), { method: 'POST', body })
    if (path.endsWith('/erase')) asked.push({ status: response.status, ...JSON.parse(body) })
    return { status: response.status, body: await response.text() }
  }
  const chains = new Set()
  for (const wait of [0, 30, 150, 400]) {
    asked.length = 0
    const other = await start(site, profile, '/trail')
    await send(other, 'other')
    const page = await start(site, profile, '/trail')
    await send(page, 'mine')
    const { rows } = await exportOf(page)
    await other.evaluate(() => {
      globalThis.busy = setInterval(() => globalThis.trail.track('busy'), 5)
      globalThis.trail.flush()
    })
    await new Promise((done) => setTimeout(done, wait))
    await page.evaluate(() => {
      globalThis.trail.consent('denied')
    })
    await until(async () => (await dump(page)).databases.length === 0, 'the databases are gone')
    await until(() => other.evaluate(() => globalThis.trail.consent() === 'denied'), 'the other tab knows')
    const here = [...new Set(rows.map(({ chain }) => chain))]
    await until(() => asked.length >= here.length, `the collector is asked, after ${wait} ms`)
    await new Promise((done) => setTimeout(done, 1200))
    const requests = site.requests.length
    await new Promise((done) => setTimeout(done, 800))
    assert.equal(site.requests.length, requests, `no request follows, after ${wait} ms`)
    assert.deepEqual((await dump(page)).databases, [], `nothing comes back, after ${wait} ms`)
    assert.deepEqual(asked.map(({ chain }) => chain).sort(), here.sort(), 'one request for each chain')
    assert.deepEqual(
      asked.map(({ status }) => status),
      here.map(() => 204),
    )
    for (const chain of here) chains.add(chain)
    for (const tab of [page, other]) await tab.page.close()
  }
  for (const row of await rowsOf(collector))
    assert.ok(!chains.has(row.chain) || !row.seq || row.body === undefined, 'every event is erased, also a late one')
  for (const chain of chains) {
    const { code, verdict, erased, logged } = await erasuresOf(collector, chain)
    assert.deepEqual([code, verdict, logged], [0, 'holds', erased])
    assert.ok(erased >= 1)
  }
})

scenario('several tabs that are told at once: one of them asks', async ({ t, site, profile }) => {
  const collector = await openCollector(t, '--allow-origin', site.origin)
  const pages = [await start(site, profile, collector.origin)]
  await send(pages[0], 'one')
  pages.push(await start(site, profile, collector.origin))
  await send(pages[1], 'two')
  const { rows } = await exportOf(pages[0])
  await Promise.all(
    pages.map((page) =>
      page.evaluate(() => {
        globalThis.trail.consent('denied')
      }),
    ),
  )
  const here = [...new Set(rows.map(({ chain }) => chain))]
  const asked = async () => (await Promise.all(pages.map((page) => page.evaluate(() => globalThis.asked)))).flat()
  await until(async () => (await asked()).length >= here.length, 'the collector is asked')
  await new Promise((done) => setTimeout(done, 500))
  assert.deepEqual((await asked()).map(({ chain }) => chain).sort(), here.sort())
  await until(async () => (await erasuresOf(collector, here[0])).erased === 1, 'and has erased')
})

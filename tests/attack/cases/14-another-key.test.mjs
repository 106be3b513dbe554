// Gives one visitor another key than all others, which would tell this visitor's events from everybody else's.
import assert from 'node:assert/strict'
import { until } from '../../e2e/browsers/page.mjs'
import { beginWithKeys, commitmentTo, keysDocument, makeKey, serveKeys, signIn, today } from '../../e2e/keys.mjs'
import { exportOf, names, scenario, statsOf } from '../../e2e/scenario.mjs'

const id = today()

/** Opens a page, signs in, and checks that what follows has a pseudonym or has none, and why. */
async function visit({ site, page, pin, event, refused }) {
  await beginWithKeys(page, { pin })
  await signIn(page, 'somebody', event)
  await until(() => names(site.taken()).includes(event), 'delivered')
  const rows = (await exportOf(page)).rows.filter(({ body }) => body).map(({ body }) => JSON.parse(body))
  const { u } = rows.find(({ n }) => n === event)
  const stats = await statsOf(page)
  if (!refused) return assert.match(u ?? '', /^p2\./)
  assert.equal(u, undefined)
  assert.equal(stats.pseudonym_failures, 1)
  assert.equal(page.warnings().filter((code) => code === refused).length, 1, page.warnings().join(' '))
}

const again = async (page) => {
  await page.reload()
  await page.until(() => 'oprf' in globalThis && 'createTrail' in globalThis)
}

scenario('oprf: another key for an epoch that is known, by whatever way', async ({ site, profile }) => {
  const keys = serveKeys(site, { id, key: makeKey(), next: makeKey() })
  const page = await profile.open(site.url('/page-oprf'))
  await visit({ site, page, event: 'first' })
  const well = site.answer
  const other = makeKey()

  const ways = {
    'another document': () => ({ body: keysDocument(id, other) }),
    'a redirect': ({ url }) =>
      url === '/v1/keys'
        ? { status: 302, headers: { location: '/v1/keys?visitor=7' } }
        : { body: keysDocument(id, other) },
    'a tag that comes back': ({ headers }) => ({
      headers: { etag: '"visitor-7"', vary: 'cookie', 'set-cookie': 'visitor=7', 'cache-control': 'max-age=86400' },
      body: keysDocument(id, headers.cookie || headers['if-none-match'] ? keys.key : other),
    }),
    'a next key that was not committed to': () => ({ body: keysDocument(id + 1, other) }),
  }
  for (const [way, answer] of Object.entries(ways)) {
    site.answer = (request) => (request.path === '/v1/keys' ? answer(request) : well(request))
    keys.evaluates = other
    await again(page)
    page.console.length = 0
    await visit({ site, page, event: way, refused: 'epochs_commitment' })
  }
  for (const { headers, path } of site.requests.filter(({ path }) => path.startsWith('/v1/')))
    for (const name of ['cookie', 'if-none-match', 'if-modified-since', 'referer', 'authorization'])
      assert.equal(headers[name], undefined, `${name} to ${path}`)
  // The honest key is taken again.
  site.answer = well
  keys.evaluates = undefined
  await again(page)
  await visit({ site, page, event: 'last' })
})

scenario('oprf: another key for a visitor who is new, but has a pin', async ({ site, profile }) => {
  const [key, other] = [makeKey(), makeKey()]
  const keys = serveKeys(site, { id, key: other })
  const page = await profile.open(site.url('/page-oprf'))
  await visit({ site, page, pin: commitmentTo(id, key), event: 'first', refused: 'epochs_commitment' })
  keys.key = key
  await again(page)
  await visit({ site, page, pin: commitmentTo(id, key), event: 'second' })
})

scenario('oprf: the published key, and evaluations with another', async ({ site, profile }) => {
  serveKeys(site, { id, key: makeKey(), evaluates: makeKey() })
  const page = await profile.open(site.url('/page-oprf'))
  await visit({ site, page, event: 'first', refused: 'oprf_refused' })
})

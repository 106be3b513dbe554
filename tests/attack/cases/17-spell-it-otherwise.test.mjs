// Does one person get two pseudonyms, or two persons one, by spelling: other alphabets, forms and widths, invisible
// characters, a Turkish browser? The vectors are made by tests/vectors/pseudonyms.py; Node and Rust read them, too.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { bare, driver } from '../../e2e/scenario.mjs'
import { measured } from '../report.mjs'

const { vectors, epoch, deployment, salt } = JSON.parse(
  readFileSync(new URL('../../vectors/pseudonyms.json', import.meta.url), 'utf8'),
)

/** Runs in the page: the client's own pseudonyms after each of the identifiers, in order. One that it refuses changes nothing. */
async function pseudonymsOf({ vectors, deployment, epoch, salt }) {
  const { createTrail } = globalThis
  const start = epoch * 86_400_000
  const real = Date.now
  Date.now = () => start + 1000
  const epochs = JSON.stringify({
    deployment,
    epochs: [{ id: epoch, not_before: start, not_after: start + 86_400_000, salt }],
  })
  const fetchNow = globalThis.fetch
  globalThis.fetch = async (url, ...rest) =>
    String(url).endsWith('/epochs') ? new Response(epochs) : fetchNow(url, ...rest)
  const trail = createTrail({
    deployment,
    endpoint: '/ingest',
    salt: '/epochs',
    consent: 'granted',
    acknowledgeGuessable: true,
    flush: { ageMs: 1e6 },
  })
  await trail.ready()
  vectors.forEach(({ id, times = 1, type }, at) => {
    trail.identify(id.repeat(times), undefined, type ? { type } : undefined)
    trail.track(`did ${at}`)
  })
  const { rows } = await trail.export()
  const stats = await trail.stats()
  const users = new Map(rows.map(({ body }) => JSON.parse(body)).map(({ n, u }) => [n, u ?? null]))
  Date.now = real
  return {
    users: vectors.map((_, at) => users.get(`did ${at}`)),
    stats,
    lower: 'I'.toLocaleLowerCase([]),
    locale: Intl.DateTimeFormat().resolvedOptions().locale,
  }
}

for (const locale of [undefined, 'tr-TR'])
  bare(
    `500 identifiers have the pseudonyms that are worked out elsewhere, ${locale ?? 'in English'}`,
    async ({ t, site }) => {
      assert.equal(vectors.length, 500)
      const browser = await driver.launch({ locale })
      t.after(() => browser.close())
      const profile = await browser.profile()
      const page = await profile.open(site.url('/page'))
      const {
        users,
        stats,
        lower,
        locale: found,
      } = await page.evaluate(pseudonymsOf, { vectors, deployment, epoch, salt })
      if (locale) assert.equal(lower, 'ı', `the browser speaks Turkish: ${found}`)
      let last = null
      const expected = vectors.map(({ pseudonym }) => {
        last = pseudonym ?? last
        return last
      })
      const wrong = vectors.filter((_, at) => users[at] !== expected[at])
      assert.deepEqual(
        wrong.map(({ of, id, type }) => [of, id.slice(0, 40), type]),
        [],
      )
      assert.equal(stats.rejected.invalid_identifier, vectors.filter(({ kind }) => !kind).length)
      assert.deepEqual(page.errors, [])
      measured(t, `${users.length - wrong.length} of ${vectors.length} the same, in a browser that speaks ${found}`)
    },
  )

// Is the visitor in any file of the browser's profile: after a visit, after a crash, after consent was withdrawn?
import assert from 'node:assert/strict'
import { sleep, until } from '../../e2e/browsers/page.mjs'
import { find } from '../../e2e/canary.mjs'
import { document } from '../../e2e/epochs.mjs'
import { bare, begin, driver, folder, names } from '../../e2e/scenario.mjs'
import { dump, filesIn } from '../../e2e/storage.mjs'
import { measured } from '../report.mjs'
import { CONTROL, passEverywhere, SALT, SECRETS } from '../victim.mjs'

/** What the page itself keeps of somebody, wherever a page can. */
function plant(page, control) {
  return page.evaluate(async (control) => {
    localStorage.setItem('own', control)
    document.cookie = `own=${encodeURIComponent(control)}; max-age=1000`
    const cache = await caches.open('own')
    await cache.put('/own', new Response(btoa(control)))
    await new Promise((done) => {
      const request = indexedDB.open('own', 1)
      request.onupgradeneeded = () => request.result.createObjectStore('own').put(control, 1)
      request.onsuccess = () => done(request.result.close())
    })
  }, control)
}

async function visit(profile, site) {
  site.answer = ({ path }) => (path === '/epochs' ? { body: document(SALT) } : {})
  const page = await profile.open(site.url('/page'))
  await begin(page, { salt: '/epochs', identifiers: ['account'], acknowledgeGuessable: true })
  await plant(page, CONTROL)
  await passEverywhere(page)
  await until(() => names(site.taken()).includes('fourth'), 'everything is delivered')
  await page.evaluate(() => globalThis.trail.track('left-in-store'))
  const kept = await dump(page)
  assert.ok(kept.text.includes('canary-control'), 'the search looks at what is stored')
  assert.deepEqual(find(kept.text, SECRETS), [], 'what scripts can read')
  return page
}

/** Every file of the profile, and the values that Firefox has packed. */
function search(directory, t, when) {
  const files = [...filesIn(directory), ...driver.databasesIn(directory)]
  const all = new Set()
  let bytes = 0
  for (const file of files) {
    bytes += file.bytes.length
    const found = find(file.bytes, [...SECRETS, CONTROL])
    const planted = found.filter((name) => name.startsWith(CONTROL))
    assert.deepEqual(
      found.filter((name) => !planted.includes(name)),
      [],
      `${when}: ${file.path}`,
    )
    for (const name of planted) all.add(/\((.*)\)/.exec(name)[1])
  }
  assert.ok(all.has('raw') && all.size > 3, `the search looks at the files: ${[...all].join(', ')}`)
  measured(
    t,
    `${when}: 0 needles in ${files.length} files of ${(bytes / 1e6).toFixed(1)} MB; the planted one in ${all.size} forms`,
  )
}

bare('no file of the profile gives the visitor away after a visit', async ({ t, site }) => {
  const directory = folder(t)
  const browser = await driver.launchOn(directory)
  let closed = false
  t.after(() => closed || browser.close())
  const page = await visit(await browser.profile(), site)
  await page.evaluate(() => globalThis.trail.close())
  await sleep(200)
  closed = true
  await browser.close()
  search(directory, t, 'after a visit')
})

bare('nor after the browser was killed', async ({ t, site }) => {
  const directory = folder(t)
  const browser = await driver.launchOn(directory)
  let killed = false
  t.after(() => killed || browser.kill())
  await visit(await browser.profile(), site)
  await sleep(500)
  killed = true
  await browser.kill()
  search(directory, t, 'after a kill')
})

bare('nor after consent was withdrawn, when our databases are gone', async ({ t, site }) => {
  const directory = folder(t)
  const browser = await driver.launchOn(directory)
  let closed = false
  t.after(() => closed || browser.close())
  const page = await visit(await browser.profile(), site)
  await page.evaluate(() => globalThis.trail.consent('denied'))
  await until(async () => !(await dump(page)).databases.some((name) => name.startsWith('nymtrail')), 'it is gone')
  closed = true
  await browser.close()
  search(directory, t, 'after withdrawal')
})

// Plausible's own tracker, in a page that is made up: whether the double takes what it sends, and whether we send the same.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const needs = ['npm:@plausible-analytics/tracker']

export default async ({ check, sdk, temp, nodeModules, run }) => {
  const { chainOf, deliver, doubles } = sdk
  const url = 'https://shop.example/order/:id?utm_source=mail'
  const events = [
    { k: 'page', c: { url, ref: 'https://news.example' } },
    { k: 'track', n: 'checkout', p: { plan: 'pro', note: 'für “dich”' } },
    { k: 'identify', p: { plan: 'pro' } },
  ]
  const calls = [
    ['pageview', { url }, 'https://news.example'],
    ['checkout', { url: 'https://shop.example/', props: events[1].p }, ''],
    ['identify', { url: 'https://shop.example/', props: events[2].p, interactive: false }, ''],
  ]
  /** Has the official tracker make these calls on a page of ours. */
  const official = async (address, calls) => {
    const page = `
      globalThis.window = globalThis
      globalThis.location = new URL('https://shop.example/')
      Object.defineProperty(globalThis, 'navigator', { value: { userAgent: 'x' }, configurable: true })
      globalThis.addEventListener = () => {}
      globalThis.ResizeObserver = class { observe() {} }
      const size = { scrollHeight: 10, clientHeight: 5 }
      globalThis.document = { referrer: '', visibilityState: 'visible', hasFocus: () => false, addEventListener() {}, body: size, documentElement: size }
      const { init, track } = await import(${JSON.stringify(join(nodeModules, '@plausible-analytics/tracker/plausible.js'))})
      init({ domain: ${JSON.stringify(doubles.DOMAIN)}, endpoint: ${JSON.stringify(`${address}/api/event`)}, autoCapturePageviews: false })
      for (const [name, options, referrer] of ${JSON.stringify(calls)}) {
        document.referrer = referrer
        await new Promise((callback) => track(name, { ...options, callback }))
      }
      process.exit()
    `
    const file = join(temp, 'page.mjs')
    writeFileSync(file, page)
    const { code, stderr } = await run(process.execPath, [file])
    assert.equal(code, 0, stderr)
  }
  /** What came to the double, without the tracker's version and what is null. */
  const bodies = ({ requests }) =>
    requests.map(({ body }) => {
      const { v, ...sent } = JSON.parse(body)
      return Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== null))
    })

  await check('the double takes what the official tracker sends', async () => {
    const double = await doubles.openPlausible()
    await official(double.url, calls)
    assert.deepEqual(
      double.events.map(({ name }) => name),
      ['pageview', 'checkout', 'identify'],
    )
    await double.close()
  })
  await check('we send the same: fields, values and media type', async () => {
    const [theirs, ours] = [await doubles.openPlausible(), await doubles.openPlausible()]
    await official(theirs.url, calls)
    const endpoint = sdk.endpoints.plausible({ domain: doubles.DOMAIN, url: ours.url })
    assert.equal((await deliver(endpoint, chainOf(events))).events, 'aaa')
    assert.deepEqual(bodies(ours), bodies(theirs))
    for (const { headers } of [...ours.requests, ...theirs.requests])
      assert.match(headers['content-type'], /^text\/plain\b/)
    await theirs.close()
    await ours.close()
  })
  await check('the double refuses a value that Plausible would leave out, also from the official tracker', async () => {
    const double = await doubles.openPlausible()
    await official(double.url, [['checkout', { url, props: { items: { a: 3 } } }, ''], calls[1]])
    assert.deepEqual([double.requests.length, double.events.length], [2, 1])
    await double.close()
  })
}

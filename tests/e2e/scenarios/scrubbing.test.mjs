// One example of each thing that detectors look for, passed wherever a page can pass it: nothing of it leaves or is kept.
import assert from 'node:assert/strict'
import { until } from '../browsers/page.mjs'
import { find } from '../canary.mjs'
import { assertAddsUp, begin, exportOf, names, scenario, statsOf } from '../scenario.mjs'
import { dump } from '../storage.mjs'
import { bytesOf } from '../wire.mjs'

const jwt = [{ alg: 'none' }, { sub: 'Canary-4711' }].map((part) =>
  Buffer.from(JSON.stringify(part)).toString('base64url'),
)
/** What is passed, and the parts that alone would give it away. */
const EXAMPLES = {
  email: ['ada.canary@exaemple-canary.org', 'ada.canary', 'exaemple-canary'],
  phone: ['+49 711 2093 7764', '711 2093 7764', '71120937764', '2093 7764'],
  card: ['4539 1488 0343 6467', '4539148803436467', '0343 6467'],
  iban: ['DE89 3704 0044 0532 0130 00', 'DE89370400440532013000', '0044 0532'],
  ip: ['198.51.100.237', '51.100.237'],
  token: [`${jwt.join('.')}.c2lnbmF0dXJl`, 'Canary-4711', 'c2lnbmF0dXJl'],
  ssn: ['219-09-9999', '219 09 9999'],
  gps: ['52.51627, 13.37770', '52.51627', '13.37770'],
}
const WORDS = Object.fromEntries(Object.keys(EXAMPLES).map((kind) => [kind, `[${kind}]`]))
const SECRETS = Object.values(EXAMPLES).flat()

scenario('what looks like personal data is replaced before it is stored or sent', async ({ site, profile }) => {
  const page = await profile.open(site.url('/page'))
  await begin(page)
  await page.evaluate((examples) => {
    const { trail } = globalThis
    for (const [kind, [example]] of Object.entries(examples)) {
      trail.track(kind, {
        value: example,
        sentence: `seen: ${example}, twice: ${example} today`,
        deep: { list: [example, [example]] },
        percent: encodeURIComponent(encodeURIComponent(example)),
        base64: btoa(example),
        hex: [...example].map((char) => char.charCodeAt(0).toString(16).padStart(2, '0')).join(''),
        wide: example.replace(/[!-~]/g, (char) => String.fromCharCode(char.charCodeAt(0) + 0xfee0)),
        hidden: [...example].join('\u200b'),
        [example]: 'as a name',
      })
      trail.track(`${kind} in a name: ${example}`)
      trail.page(example, { [`is ${example}`]: example })
    }
    trail.track('card', { number: 4539148803436467 })
    trail.track('last', { kept: 'what is nobody' })
  }, EXAMPLES)
  await page.evaluate(() => globalThis.trail.flush())
  await until(() => names(site.taken()).includes('last'), 'everything is delivered')

  const bodies = site.taken().map(({ body }) => JSON.parse(body))
  for (const [kind, word] of Object.entries(WORDS)) {
    const { p } = bodies.find(({ n }) => n === kind)
    assert.deepEqual(p, {
      base64: word,
      deep: { list: [word, [word]] },
      hex: word,
      hidden: word,
      percent: word,
      sentence: `seen: ${word}, twice: ${word} today`,
      value: word,
      wide: word,
    })
    assert.ok(
      bodies.some(({ n }) => n === `${kind} in a name: ${word}`),
      kind,
    )
    assert.deepEqual(bodies.find(({ n, k }) => k === 'page' && n === word)?.p, undefined)
  }
  assert.deepEqual(bodies.find(({ p }) => p?.number)?.p, { number: '[card]' })

  const wire = Buffer.concat(site.requests.map(bytesOf))
  assert.ok(find(wire, ['what is nobody']).length, 'the search looks at what was sent')
  assert.deepEqual(find(wire, SECRETS), [], 'the wire')
  const kept = (await dump(page)).text
  assert.ok(find(kept, ['what is nobody']).length, 'the search looks at what is stored')
  assert.deepEqual(find(kept, SECRETS), [], 'the store')
  assert.deepEqual(find((await exportOf(page)).ndjson, SECRETS), [], 'the export')
  assert.deepEqual(find(page.console.map(({ text }) => text).join('\n'), SECRETS), [], 'the console')
  assertAddsUp(await statsOf(page))
})

scenario('a schema lets through what it declares, and strict mode throws the rest', async ({ site, profile }) => {
  const page = await profile.open(site.url('/page'))
  await page.evaluate(async () => {
    const { createTrail } = globalThis
    const { choice, identifier, number, schema } = await import('nymtrail/schema')
    const shop = schema({
      events: {
        order: {
          properties: {
            items: number('How many'),
            list: choice('Where from', ['home', 'mail']),
            customer: identifier('Whose'),
          },
        },
      },
    })
    const options = { endpoint: '/ingest', consent: 'granted', salt: { secret: 'ab'.repeat(32) }, schema: shop }
    globalThis.trail = createTrail({ deployment: 'shop', ...options })
    globalThis.strict = createTrail({ deployment: 'strict', ...options, strict: true })
    await Promise.all([globalThis.trail.ready(), globalThis.strict.ready()])
  })
  const said = await page.evaluate(() => {
    const said = []
    const props = { items: 2, list: 'mail', customer: 'Omikron-Canary', note: 'undeclared canary' }
    for (const trail of [globalThis.trail, globalThis.strict])
      for (const call of [
        () => trail.track('order', props),
        () => trail.track('order', { ...props, list: 'wrong canary' }),
        () => trail.track('unknown canary', props),
        () => trail.page('unknown canary'),
      ])
        try {
          said.push(call() ?? 'nothing')
        } catch (error) {
          said.push(error.code, error.message)
        }
    return said
  })
  assert.deepEqual(said.slice(0, 4), Array(4).fill('nothing'))
  assert.deepEqual(
    said.slice(4).filter((_, at) => at % 2 === 0),
    ['undeclared_property', 'wrong_property', 'unknown_schema', 'unknown_schema'],
  )
  assert.deepEqual(find(said.join('\n'), ['canary']), [])
  await page.evaluate(() => globalThis.trail.flush())
  const bodies = site.taken().map(({ body }) => JSON.parse(body))
  const orders = bodies.filter(({ n }) => n === 'order').map(({ p }) => ({ ...p, customer: p.customer.slice(0, 3) }))
  assert.deepEqual(orders, [
    { customer: 'p1.', items: 2, list: 'mail' },
    { customer: 'p1.', items: 2 },
  ])
  assert.deepEqual(find(Buffer.concat(site.requests.map(bytesOf)), ['canary']), [])
  assert.deepEqual(find((await dump(page)).text, ['canary']), [])
  const stats = await statsOf(page)
  assert.deepEqual(stats.properties, { undeclared_property: 2, wrong_property: 1 })
  assert.equal(stats.dropped.unknown_schema, 2)
  assertAddsUp(stats)
})

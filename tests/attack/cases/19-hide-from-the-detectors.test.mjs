// What of a corpus of personal data gets past the detectors as they are shipped, what do they take for it, and can a text
// hold them up?
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { until } from '../../e2e/browsers/page.mjs'
import { find } from '../../e2e/canary.mjs'
import { assertAddsUp, begin, exportOf, names, scenario, statsOf } from '../../e2e/scenario.mjs'
import { dump } from '../../e2e/storage.mjs'
import { bytesOf } from '../../e2e/wire.mjs'
import { Device } from '../device.mjs'
import { NOON } from '../linking.mjs'
import { host, measured, percent } from '../report.mjs'
import { source } from '../wasm.mjs'

const corpus = JSON.parse(readFileSync(new URL('../../vectors/detectors.json', import.meta.url), 'utf8'))
const word = (kind) => `[${['jwt', 'key'].includes(kind) ? 'token' : kind}]`
/** The bar keeps scanners for leaked keys from taking ours for real ones. */
const plain = (kind, text) => (kind === 'key' ? text.replaceAll('|', '') : text)

/** What becomes of each text as the value of a property. */
function recorded(texts) {
  const device = new Device({ config: 'shop random', now: NOON })
  device.open()
  for (const text of texts) assert.equal(device.track('did', JSON.stringify({ text })), '')
  const bodies = device.rows().map((line) => JSON.parse(JSON.parse(line).body))
  return bodies.filter(({ n }) => n).map(({ p }) => p.text)
}

host('of each kind of personal data as much is found as is promised', (t) => {
  const shares = []
  for (const [kind, least] of Object.entries({ email: 1, iban: 1, ip: 1, ssn: 1, jwt: 1, card: 0.8, phone: 0.9 })) {
    const cases = corpus.personal[kind]
    const found = recorded(cases.map(({ text }) => plain(kind, text))).filter((out, at) => {
      const rest = out.replace(word(kind), '')
      const parts = plain(kind, cases[at].value).split(/[^\p{L}\p{N}]+/u)
      return out.includes(word(kind)) && !parts.some((part) => part.length > 3 && rest.includes(part))
    }).length
    assert.ok(cases.length >= 90 && found / cases.length >= least, `${kind}: ${found} of ${cases.length}`)
    shares.push(`${kind} ${percent(found / cases.length)}`)
  }
  measured(t, `found: ${shares.join(', ')}`)
})

host('what only looks like it stays', (t) => {
  const shares = []
  for (const [kind, most] of Object.entries({ timestamp: 0, uuid: 0, price: 0, version: 0, sentence: 0.03 })) {
    const cases = corpus.clean[kind]
    const replaced = recorded(cases).filter((out, at) => out !== cases[at]).length
    assert.ok(cases.length >= 100 && replaced / cases.length <= most, `${kind}: ${replaced} of ${cases.length}`)
    shares.push(`${kind} ${percent(replaced / cases.length)}`)
  }
  measured(t, `replaced without need: ${shares.join(', ')}`)
})

host('a name that was passed to identify() is found in every disguise but two', (t) => {
  const name = 'Xquenza Ombrivölk'
  const disguises = {
    'as it was': name,
    'in a sentence': `for ${name}, today`,
    'other case of ASCII letters': 'xQUENZA oMBRIVöLK',
    percent: encodeURIComponent(encodeURIComponent(name)),
    base64: Buffer.from(`to ${name}`).toString('base64'),
    hex: Buffer.from(name).toString('hex'),
    'full width': name.replace(/[!-~]/g, (char) => String.fromCharCode(char.charCodeAt(0) + 0xfee0)),
    'invisible characters': [...name].join('\u200b'),
    'no-break blanks': name.replace(' ', '\u00a0'),
    // Tables for these would cost the wasm more than everything else; docs/PRIVACY.md says so.
    'letters in pieces': name.normalize('NFD'),
    'other case of other letters': name.toUpperCase(),
  }
  const found = Object.entries(disguises).filter(([, text]) => {
    const device = new Device({ config: 'shop random', now: NOON })
    device.open()
    device.identify(name)
    device.track('did', JSON.stringify({ text }))
    return JSON.parse(JSON.parse(device.rows().at(-1)).body).p.text === '[id]'
  })
  const missed = Object.keys(disguises).filter((kind) => !found.some(([name]) => name === kind))
  assert.deepEqual(missed, ['letters in pieces', 'other case of other letters'])
  measured(
    t,
    `a known name: found in ${found.length} of ${Object.keys(disguises).length} disguises; known limit: ${missed.join(', ')}`,
  )
})

/** What makes a scanner look far, begin often, or nearly find something. */
const HOSTILE = [
  'a',
  '@',
  'a@',
  'a@a.bc ',
  '1 ',
  '4111 ',
  '+1 (',
  'DE89370400440532013',
  '1.2.3.4.',
  '1:2::',
  '1.2345, ',
  'eyJa.eyJa ',
  '%2541',
  'QUFB/',
  'a1B',
  '1a',
  'A-',
  '\u200b1',
]
const MEGABYTE = 1 << 20

/** As many strings of 250 characters as an object may have. */
const pieces = (text) => Array.from({ length: 256 }, (_, at) => text.slice(250 * at, 250 * at + 250))

/** How long this thread has had a processor, in ms, where Linux says so: on a busy machine it waits longer than it works. */
function worked() {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6
  } catch {
    return performance.now()
  }
}

/** The time of the quicker of two. */
function quickest(work) {
  const times = [0, 1].map(() => {
    const began = worked()
    work()
    return worked() - began
  })
  return Math.min(...times)
}

host('a hostile text takes time in proportion to its length', async (t) => {
  const { readIdentifier, guessable } = await source('normalise.ts')
  const { reduceUrl } = await source('context.ts')
  const device = new Device({ config: 'shop random', now: NOON })
  device.open()
  device.identify('Somebody Known 4711')
  const ways = {
    'a property': (text) => device.track('did', JSON.stringify({ text })),
    'a key': (text) => device.track('did', JSON.stringify({ [text]: 1 })),
    'a name': (text) => device.track(text),
    'many properties': (text) => device.track('did', JSON.stringify(pieces(text))),
    'an address': (text) => reduceUrl(`https://shop.example/a/${text}?utm_source=${text}#${text}`),
    'an identifier': (text) => {
      const found = readIdentifier(text.slice(0, 4096))
      return found && guessable(found)
    },
  }
  for (const [way, work] of Object.entries(ways)) {
    let slowest = [0, '']
    for (const unit of HOSTILE) {
      const whole = unit.repeat(MEGABYTE / unit.length)
      const eighth = whole.slice(0, whole.length / 8)
      // In proportion it is 8 times as much, quadratic 64. A busy machine may be late once, not each time.
      let time = Number.POSITIVE_INFINITY
      const linear = [0, 1, 2, 3, 4].some(() => {
        const now = quickest(() => work(whole))
        time = Math.min(time, now)
        return now < 24 * quickest(() => work(eighth)) + 20
      })
      assert.ok(linear, `${way}: ${JSON.stringify(unit)} repeated`)
      if (time > slowest[0]) slowest = [time, unit]
    }
    measured(t, `1 MB of hostile text as ${way}: at most ${slowest[0].toFixed(1)} ms (${JSON.stringify(slowest[1])})`)
  }
})

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

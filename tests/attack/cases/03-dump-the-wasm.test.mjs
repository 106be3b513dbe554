// Is the visitor in the memory of the wasm once a call has returned: in its heap, or in what is left on its stack?
import assert from 'node:assert/strict'
import { find, needlesOf, searchFor } from '../../e2e/canary.mjs'
import { document } from '../../e2e/epochs.mjs'
import { begin, scenario } from '../../e2e/scenario.mjs'
import { host, measured } from '../report.mjs'
import { EMAIL, intoAddress, NAME, PHONE, passEverywhere, SALT, SECRETS, UUID } from '../victim.mjs'
import { openWasm, source } from '../wasm.mjs'

const NOW = Date.now()
const HEX = '11'.repeat(32)

for (const [mode, config] of [
  ['a published salt', 'shop salt - - - - - - - - - - account'],
  ['a secret', `shop secret ${HEX} - - - - - - - - - account`],
  ['no salt', 'shop random - - - - - - - - - - account'],
  ['the audience profile', 'shop audience - - - - - - - - - - account'],
  ['strict mode', `shop secret ${HEX} - - - - - - - - 256 account`],
])
  host(`nothing of an identifier is left in the memory after any call, with ${mode}`, async (t) => {
    const { readIdentifier } = await source('normalise.ts')
    let [calls, last] = [0, '']
    const { Core, memory } = openWasm((bytes) => {
      calls++
      assert.deepEqual(find(bytes, SECRETS), [], `after ${last}`)
    })
    const engine = Core.create(config)
    const call = (method, ...values) => {
      last = `${method}(${values.slice(0, 2)})`
      return engine[method](...values, NOW)
    }
    const commit = () => {
      last = 'a commit'
      return engine.feed(3, 0, '', '', NOW)
    }
    const identify = (namespace, id) => {
      const { type, canonical, raw } = readIdentifier(id)
      call('identify', namespace, type, canonical, raw, JSON.stringify({ email: EMAIL, plan: 'pro' }))
    }
    // Deep enough for the reader's recursion, long enough for strings to grow, and with what looks like encodings.
    const nested = (depth, value) => (depth ? `{"a":[${nested(depth - 1, value)}]}` : JSON.stringify(value))
    const props = [
      JSON.stringify({ email: EMAIL, account: EMAIL, [NAME]: NAME, list: [PHONE, [UUID]], plain: 1 }),
      JSON.stringify({ account: NAME, more: `${'to '.repeat(60)}${EMAIL}`, long: `${EMAIL} `.repeat(300) }),
      JSON.stringify({ coded: [btoa(PHONE), encodeURIComponent(encodeURIComponent(EMAIL))] }),
      JSON.stringify({ coded: Buffer.from(EMAIL).toString('base64'), hex: Buffer.from(NAME).toString('hex') }),
      JSON.stringify({ all: Array(200).fill(`${NAME} and ${EMAIL}`) }),
      nested(3, EMAIL),
      nested(40, NAME),
      `{"broken": "${EMAIL}"`,
    ]
    const context = JSON.stringify({ url: `https://shop.example/${encodeURIComponent(EMAIL)}`, ref: EMAIL })
    call('epochs', document(SALT))
    last = 'opening'
    engine.feed(0, 0, '', '', NOW)
    for (const round of [0, 1]) {
      for (const id of [EMAIL, PHONE, UUID, NAME, `${NAME}, `.repeat(200)]) {
        identify('user', id)
        identify('group', id)
        call('capture', 'track', id, '{}', '')
        call('capture', 'page', `seen by ${id}`, JSON.stringify({ id, again: [id, id] }), context)
        commit()
      }
      for (const json of props) call('capture', 'track', 'did', json, '')
      commit()
      if (round === 0) call('reset')
    }
    last = 'the counts'
    engine.stats('')
    const held = memory()
    assert.ok(held.includes('shop') && calls > 60)
    measured(t, `${mode}: 0 needles after each of ${calls} calls, in ${(held.length / 1e6).toFixed(1)} MB`)
    // Control: what an event may hold is there, until its row is stored.
    engine.capture('track', 'kept-by-intent', '{}', '', NOW)
    assert.ok(find(memory(), ['kept-by-intent']).length, 'the search looks at this memory')
  })

/** Runs in the page before anything else: searches the memory after each call into the wasm. */
const WATCH = (needles) => `
  window.watched = { calls: 0, found: [], bytes: 0 }
  {
    const needles = ${JSON.stringify(needles.map((bytes) => bytes.toString('base64')))}
    const bytes = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
    const search = (${searchFor})(needles.map(bytes))
    const { Instance } = WebAssembly
    WebAssembly.Instance = function (...args) {
      const { exports } = new Instance(...args)
      const call = (...values) => {
        const answer = exports.call(...values)
        watched.calls++
        watched.bytes = exports.memory.buffer.byteLength
        for (const number of search(new Uint8Array(exports.memory.buffer))) watched.found.push([watched.calls, number])
        return answer
      }
      return { exports: { ...exports, call } }
    }
  }`

scenario('nor in a page, whatever it does', async ({ t, site, profile }) => {
  const texts = [...SECRETS, 'canary-control']
  const { names, bytes } = needlesOf(texts)
  site.head = WATCH(bytes)
  site.answer = ({ path }) => (path === '/epochs' ? { body: document(SALT) } : {})
  const page = await profile.open(site.url('/page'))
  await begin(page, { salt: '/epochs', identifiers: ['account'], acknowledgeGuessable: true })
  await intoAddress(page)
  await passEverywhere(page)
  await page.evaluate(() => globalThis.trail.flush())
  const { calls, found, bytes: size } = await page.evaluate(() => globalThis.watched)
  const named = found.map(([call, number]) => [call, names[number]])
  assert.ok(calls > 30)
  assert.ok(
    named.some(([, name]) => name.startsWith('canary-control')),
    'the search looks at this memory',
  )
  assert.deepEqual(
    named.filter(([, name]) => !name.startsWith('canary-control')),
    [],
  )
  measured(t, `in the page: 0 needles after each of ${calls} calls, in ${(size / 1e6).toFixed(1)} MB`)
})

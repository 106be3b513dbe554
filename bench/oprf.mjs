#!/usr/bin/env node
// What a pseudonym with a key server costs: the page, in Chromium, and the server, natively. Prints; asserts nothing.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ristretto255_oprf } from '@noble/curves/ed25519.js'
import { buildDir, locked, root } from '../scripts/lib/tools.mjs'
import { at, inPage } from './lib.mjs'

const help = `Measures blinding and finishing an identifier in Chromium, with the wasm of nymtrail/oprf, and evaluations natively.

  npm run bench:oprf [-- --calls 300]

Needs the built package: npm run build
`

const { values } = parseArgs({
  options: { calls: { type: 'string', default: '300' }, help: { type: 'boolean', short: 'h' } },
})
if (values.help) {
  console.log(help)
  process.exit()
}
const calls = Number(values.calls)
const { voprf } = ristretto255_oprf
const { secretKey, publicKey } = voprf.generateKeyPair()
const text = (bytes) => Buffer.from(bytes).toString('base64url')

/** Runs in the page: blinds so many identifiers. */
async function blind({ wasm, calls }) {
  const bytes = Uint8Array.from(atob(wasm), (char) => char.charCodeAt(0))
  const random = (at, length) => void crypto.getRandomValues(new Uint8Array(instance.memory.buffer, at, length))
  const module = await WebAssembly.compile(bytes)
  const instance = new WebAssembly.Instance(module, { page: { random } }).exports
  const line = instance.open()
  globalThis.call = (method, ...texts) => {
    for (const each of texts) {
      const encoded = new TextEncoder().encode(each)
      new Uint8Array(instance.memory.buffer, instance.room(line, encoded.length), encoded.length).set(encoded)
    }
    const at = instance.call(line, method)
    return new TextDecoder().decode(new Uint8Array(instance.memory.buffer, at, instance.length(line)))
  }
  globalThis.call(0, 'shop')
  const asked = []
  const times = []
  for (let n = 0; n < calls; n++) {
    const begun = performance.now()
    asked.push(globalThis.call(1, 'user', 'email', `user.${n}@mail.example`))
    times.push(performance.now() - begun)
  }
  return { asked, times }
}

/** Runs in the page: checks so many answers, each with a proof of its own. */
function finish({ answers, key }) {
  return answers.map(({ number, element, proof }) => {
    const begun = performance.now()
    const made = globalThis.call(2, '20781', key, number, element, proof)
    if (!made.startsWith('p2.')) throw new Error(made)
    return performance.now() - begun
  })
}

const row = (name, times) => {
  const shown = [Math.min(...times), at([...times], 0.5), at([...times], 0.95)]
  console.log(name.padEnd(34) + shown.map((time) => time.toFixed(3).padStart(9)).join(''))
}

await inPage(async ({ page, version }) => {
  const wasm = readFileSync(join(buildDir, 'oprf/oprf.wasm')).toString('base64')
  const { asked, times: blinds } = await page.evaluate(blind, { wasm, calls })
  const answers = asked.map((words) => {
    const [number, element] = words.split(' ')
    const blinded = new Uint8Array(Buffer.from(element, 'base64url'))
    const { evaluated, proof } = voprf.blindEvaluate(secretKey, publicKey, blinded)
    return { number, element: text(evaluated), proof: text(proof) }
  })
  const finishes = await page.evaluate(finish, { answers, key: Buffer.from(publicKey).toString('hex') })
  console.log(`${version}, ${calls} identifiers, ms`)
  console.log(''.padEnd(34) + ['least', 'median', '95 %'].map((word) => word.padStart(9)).join(''))
  row('blind', blinds)
  row('check the proof and finish', finishes)
  row(
    'both (aim: under 2)',
    blinds.map((time, n) => time + finishes[n]),
  )
  // The first ones run before the browser has compiled the wasm for good.
  console.log(`the first identifier of a page: ${(blinds[0] + finishes[0]).toFixed(3)}`)
})

console.log('\nNative, one thread')
const bench = ['run', ...locked, '--quiet', '--release', '--package', 'nymtrail-oprf', '--example', 'evaluations']
execFileSync('cargo', bench, { cwd: root, stdio: 'inherit' })

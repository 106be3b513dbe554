// Our VOPRF against that of @noble/curves: 10,000 outputs that the host tests left in target/tmp, and the whole protocol between our wasm and
// noble's server.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { ristretto255_oprf } from '@noble/curves/ed25519.js'
import { buildDir, targetDir } from '../../scripts/lib/tools.mjs'
import { inputOf, pseudonymOf } from '../vectors/oprf.mjs'

const { voprf } = ristretto255_oprf
const bytes = (hex) => new Uint8Array(Buffer.from(hex, 'hex'))
const hex = (bytes) => Buffer.from(bytes).toString('hex')
const text = (bytes) => Buffer.from(bytes).toString('base64url')

if (isMainThread) {
  test('10,000 outputs of our client and server are those of noble for the same key and input', async () => {
    const [secret, ...lines] = readFileSync(join(targetDir(), 'tmp/oprf-outputs.txt'), 'utf8').split('\n')
    assert.equal(lines.length, 10_000)
    assert.equal(new Set(lines).size, lines.length)
    // Two threads: a curve in JavaScript takes two milliseconds a point.
    const half = lines.length / 2
    const workers = [lines.slice(0, half), lines.slice(half)].map(
      (part) =>
        new Promise((resolve, reject) => {
          const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { secret, lines: part } })
          worker.once('message', resolve)
          worker.once('error', reject)
        }),
    )
    assert.deepEqual(await Promise.all(workers), [half, half])
  })

  test('320 identifiers through our wasm and a server of noble, each batch with its proof', async () => {
    const { secretKey, publicKey } = voprf.generateKeyPair()
    const session = open()
    call(session, 0, 'shop')
    for (let batch = 0; batch < 20; batch++) {
      const identities = Array.from({ length: 16 }, () => ({
        deployment: 'shop',
        namespace: 'user',
        epoch: 20781 + batch,
        type: 'opaque',
        canonical: randomBytes(1 + (randomBytes(1)[0] % 40)).toString('hex'),
      }))
      const asked = identities.map(({ canonical }) => call(session, 1, 'user', 'opaque', canonical).split(' '))
      const elements = asked.map(([, element]) => new Uint8Array(Buffer.from(element, 'base64url')))
      const { evaluated, proof } = voprf.blindEvaluateBatch(secretKey, publicKey, elements)
      const numbers = asked.map(([number]) => number).join(' ')
      const answers = evaluated.map(text).join(' ')
      const made = call(session, 2, `${20781 + batch}`, hex(publicKey), numbers, answers, text(proof)).split(' ')
      const expected = identities.map((identity) => {
        const input = inputOf(identity)
        return pseudonymOf(identity, input, voprf.evaluate(secretKey, input))
      })
      assert.deepEqual(made, expected)
    }
  })
} else {
  const { secret, lines } = workerData
  const key = bytes(secret)
  const same = lines.filter((line) => {
    const [input, output] = line.split(' ')
    return hex(voprf.evaluate(key, bytes(input))) === output
  })
  parentPort.postMessage(same.length)
}

/** A session of the wasm as it was built, without the package's code. */
function open() {
  const module = new WebAssembly.Module(readFileSync(join(buildDir, 'oprf/oprf.wasm')))
  const random = (at, length) => crypto.getRandomValues(new Uint8Array(wasm.memory.buffer, at, length))
  const wasm = new WebAssembly.Instance(module, { page: { random } }).exports
  return { wasm, line: wasm.open() }
}

function call({ wasm, line }, method, ...texts) {
  for (const each of texts) {
    const encoded = new TextEncoder().encode(each)
    new Uint8Array(wasm.memory.buffer, wasm.room(line, encoded.length), encoded.length).set(encoded)
  }
  const at = wasm.call(line, method)
  return new TextDecoder().decode(new Uint8Array(wasm.memory.buffer, at, wasm.length(line)))
}

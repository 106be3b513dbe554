// Makes oprf.json: pseudonyms with a key server, from their description (src/core/pseudonym.rs, docs/OPRF.md), with Node's HMAC and HKDF and
// the VOPRF of @noble/curves, and nothing of ours: node tests/vectors/oprf.mjs
import { createHmac, hkdfSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ristretto255_oprf } from '@noble/curves/ed25519.js'

const { voprf } = ristretto255_oprf

/** A length, then the text's bytes. */
export function lp(text) {
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** What is evaluated. */
export function inputOf({ deployment, namespace, type, canonical }) {
  const parts = [Buffer.of(1), lp(deployment), lp(namespace), lp(type), lp(canonical)]
  return createHmac('sha256', 'nymtrail/o1').update(Buffer.concat(parts)).digest()
}

/** What is made of the evaluation. */
export function pseudonymOf({ deployment, namespace, epoch }, input, output) {
  const id = Buffer.alloc(8)
  id.writeBigUInt64BE(BigInt(epoch))
  const info = Buffer.concat([lp(deployment), lp(namespace), id])
  const key = Buffer.from(hkdfSync('sha256', output, 'nymtrail/p2', info, 32))
  return `p2.${createHmac('sha256', key).update(input).digest().subarray(0, 16).toString('base64url')}`
}

const hex = (bytes) => Buffer.from(bytes).toString('hex')

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const keys = voprf.deriveKeyPair(new Uint8Array(32).fill(0xa3), Buffer.from('nymtrail test key'))
  const identities = [
    ['shop', 'user', 20781, 'email', 'ann@example.org'],
    ['shop', 'user', 20782, 'email', 'ann@example.org'],
    ['shop', 'group', 20781, 'email', 'ann@example.org'],
    ['blog', 'user', 20781, 'email', 'ann@example.org'],
    ['shop', 'user', 20781, 'opaque', 'ann@example.org'],
    ['shop', 'user', 20781, 'phone', '+41791234567'],
    ['shop', 'prop:ab', 20781, 'opaque', 'c'],
    ['shop', 'prop:a', 20781, 'opaque', 'bc'],
    ['a.b_c-d', 'prop:Straße', 2 ** 40, 'opaque', 'Zoë 😀'],
    ['shop', 'user', 0, 'opaque', 'x'.repeat(4096)],
  ]
  const cases = identities.map(([deployment, namespace, epoch, type, canonical]) => {
    const identity = { deployment, namespace, epoch, type, canonical }
    const input = inputOf(identity)
    const output = voprf.evaluate(keys.secretKey, input)
    return { ...identity, input: hex(input), output: hex(output), pseudonym: pseudonymOf(identity, input, output) }
  })
  const vectors = { secret: hex(keys.secretKey), key: hex(keys.publicKey), cases }
  writeFileSync(fileURLToPath(new URL('oprf.json', import.meta.url)), `${JSON.stringify(vectors, null, 1)}\n`)
}

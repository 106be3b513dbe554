// Tries to find out, with everything that is public and everything that was stored, whom a pseudonym stands for: a million
// candidates, among which is the right one.
import assert from 'node:assert/strict'
import { createHash, createHmac, hkdfSync } from 'node:crypto'
import { until } from '../../e2e/browsers/page.mjs'
import { openKeyServer } from '../../e2e/collector.mjs'
import { beginWithKeys, makeKey, pseudonymUnder, serveKeys, signIn, today } from '../../e2e/keys.mjs'
import { exportOf, scenario } from '../../e2e/scenario.mjs'
import { inputOf, lp } from '../../vectors/oprf.mjs'

const CANDIDATES = Number(process.env.NYMTRAIL_GUESSES ?? 1_000_000)
const TARGET = 'user.500000@mail.example'
const candidate = (n) => `user.${n === CANDIDATES >> 1 ? 500000 : n}@mail.example`

/** The key under which pseudonyms of this epoch would be made, were the output of the key server this. */
function keyFrom(output, epoch, tree = 'nymtrail/p2') {
  const id = Buffer.alloc(8)
  id.writeBigUInt64BE(BigInt(epoch))
  return Buffer.from(hkdfSync('sha256', output, tree, Buffer.concat([lp('shop'), lp('user'), id]), 32))
}

const tag = (key, input) => createHmac('sha256', key).update(input).digest().subarray(0, 16).toString('base64url')

/** Makes the pseudonym, and gives all that somebody may have who has the collector's table and saw every request. */
async function recorded(page, options) {
  await beginWithKeys(page, options)
  await signIn(page, TARGET, 'seen')
  const rows = async () => (await exportOf(page)).rows.filter(({ body }) => body).map(({ body }) => JSON.parse(body))
  await until(async () => (await rows()).some(({ n }) => n === 'seen'), 'recorded')
  const body = (await rows()).find(({ n }) => n === 'seen')
  assert.match(body.u ?? '', /^p2\./)
  return body.u
}

scenario(
  'oprf: with the table, the public keys and every message, no pseudonym is found among a million candidates',
  async ({ t, site, profile }) => {
    const keys = await openKeyServer(t, '--allow-origin', site.origin)
    const page = await profile.open(site.url('/page-oprf'))
    const pseudonym = await recorded(page, { server: keys.origin })
    const document = await (await fetch(keys.url('/v1/keys'))).json()
    const [{ id, key, next }] = document.epochs
    const bytes = (hex) => Buffer.from(hex, 'hex')
    // What an attacker may hope the function to be without its key: a hash of what is known, or the input itself.
    const sha = (...parts) => createHash('sha512').update(Buffer.concat(parts)).digest()
    // The public key taken for the secret, with the right one among the candidates; and then more for that one.
    const tree = keyFrom(bytes(key), id)
    const inputFor = (canonical) => inputOf({ deployment: 'shop', namespace: 'user', type: 'email', canonical })
    let found = 0
    for (let n = 0; n < CANDIDATES; n++) {
      if (pseudonym.endsWith(tag(tree, inputFor(candidate(n))))) found++
    }
    const input = inputFor(TARGET)
    const hoped = [
      bytes(next),
      sha(bytes(key)),
      sha(input),
      sha(bytes(key), input),
      input,
      Buffer.alloc(64),
      Buffer.alloc(0),
    ]
    for (const output of hoped) if (pseudonym.endsWith(tag(keyFrom(output, id), input))) found++
    if (pseudonym.endsWith(tag(keyFrom(bytes(key), id, 'nymtrail/p1'), input))) found++
    assert.equal(found, 0)
  },
  400_000,
)

scenario(
  'oprf: the same attack with a stolen key finds the person, so it is the key that protects',
  async ({ site, profile }) => {
    const keys = serveKeys(site, { id: today(), key: makeKey() })
    const page = await profile.open(site.url('/page-oprf'))
    const pseudonym = await recorded(page, {})
    const candidates = ['user.1@mail.example', TARGET, 'user.2@mail.example']
    const matches = candidates.filter(
      (canonical) => pseudonymUnder(keys.key, keys.id, { type: 'email', canonical }) === pseudonym,
    )
    assert.deepEqual(matches, [TARGET])
    // Another epoch's key, which is what is left of it a while later, finds nobody.
    const later = candidates.filter(
      (canonical) => pseudonymUnder(makeKey(), keys.id, { type: 'email', canonical }) === pseudonym,
    )
    assert.deepEqual(later, [])
  },
)

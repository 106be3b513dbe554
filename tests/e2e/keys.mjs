// A key server of another implementation, which can be told to lie; and what a page of the mode `oprf` does. The real one is opened by
// collector.mjs.
import { createHash } from 'node:crypto'
import { ristretto255_oprf } from '@noble/curves/ed25519.js'
import { inputOf, pseudonymOf } from '../vectors/oprf.mjs'

export const { voprf } = ristretto255_oprf
export const DAY = 86_400_000
export const today = () => Math.floor(Date.now() / DAY)

const hex = (bytes) => Buffer.from(bytes).toString('hex')
export const text = (bytes) => Buffer.from(bytes).toString('base64url')
const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64url'))

export const makeKey = () => voprf.generateKeyPair()

/** SHA-256 commitment to an epoch's public key. */
export const commitmentTo = (id, { publicKey }) =>
  createHash('sha256')
    .update(`k1|${id}|${hex(publicKey)}`)
    .digest('hex')

/** The document of one epoch, which is on now. */
export function keysDocument(id, key, next = makeKey()) {
  const span = { not_before: Date.now() - DAY, not_after: Date.now() + DAY }
  const epoch = { id, key: hex(key.publicKey), next: commitmentTo(id + 1, next), ...span }
  return JSON.stringify({ deployment: 'shop', epochs: [epoch] })
}

/** What is answered to a request for evaluations. `lie` gets the true answer and the elements, and gives another. */
export function evaluation(key, body, lie = (answer) => answer) {
  const elements = JSON.parse(body).elements.map(bytes)
  const { evaluated, proof } = voprf.blindEvaluateBatch(key.secretKey, key.publicKey, elements)
  return JSON.stringify(lie({ elements: evaluated.map(text), proof: text(proof) }, elements))
}

/** Makes a site the key server: `keys` is `{ id, key, next?, lie? }`, and may be changed later. */
export function serveKeys(site, keys) {
  site.answer = ({ path, body }) => {
    if (path === '/v1/keys') return { body: keysDocument(keys.id, keys.key, keys.next) }
    if (path === '/v1/evaluate') return { body: evaluation(keys.evaluates ?? keys.key, body, keys.lie) }
    return {}
  }
  return keys
}

/** The pseudonym that an identifier has to have. */
export function pseudonymUnder(key, epoch, { namespace = 'user', type = 'opaque', canonical }) {
  const identity = { deployment: 'shop', namespace, type, canonical, epoch }
  const input = inputOf(identity)
  return pseudonymOf(identity, input, voprf.evaluate(key.secretKey, input))
}

/** Creates `window.trail` in a page of /page-oprf; resolves to what `ready()` says. */
export function beginWithKeys(page, { server, pin, collector, ...options }) {
  return page.evaluate(
    ({ server, pin, collector, options }) => {
      const { createTrail, oprf } = globalThis
      globalThis.trail = createTrail({
        deployment: 'shop',
        endpoint: collector ? globalThis.collector(collector) : '/ingest',
        consent: 'granted',
        flush: { ageMs: 200 },
        salt: oprf(server ?? location.origin, { pin }),
        identifiers: ['account'],
        ...options,
      })
      return globalThis.trail.ready()
    },
    { server, pin, collector, options },
  )
}

/** Somebody signs in and does something. */
export const signIn = (page, who, event, props) =>
  page.evaluate(
    ({ who, event, props }) => {
      globalThis.trail.identify(who)
      globalThis.trail.track(event, props)
    },
    { who, event, props },
  )

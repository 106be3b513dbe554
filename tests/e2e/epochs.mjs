// Epochs documents and pseudonyms, computed from their description alone, with nothing of the package.
import { createHash, createHmac, hkdfSync } from 'node:crypto'

const DAY = 86_400_000
export const epochOf = (now) => Math.floor(now / DAY)

/** SHA-256 commitment to an epoch's salt. */
export const commitment = (id, salt) => createHash('sha256').update(`s1|${id}|${salt}`).digest('hex')

/** The document of the epoch at `now`. */
export function document(salt, { deployment = 'shop', now = Date.now(), next = 'ab'.repeat(32) } = {}) {
  const id = epochOf(now)
  const epoch = { id, not_before: id * DAY, not_after: (id + 1) * DAY, salt, next: commitment(id + 1, next) }
  return JSON.stringify({ deployment, epochs: [epoch] })
}

/** A length, then the text's bytes. */
function lp(text) {
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** The pseudonym of a canonical identifier. */
export function pseudonym({ salt, deployment = 'shop', namespace = 'user', epoch, type, canonical }) {
  const id = Buffer.alloc(8)
  id.writeBigUInt64BE(BigInt(epoch))
  const info = Buffer.concat([lp(deployment), lp(namespace), id])
  const key = Buffer.from(hkdfSync('sha256', Buffer.from(salt, 'hex'), 'nymtrail/p1', info, 32))
  const message = Buffer.concat([Buffer.of(1), lp(type), lp(canonical)])
  return `p1.${createHmac('sha256', key).update(message).digest().subarray(0, 16).toString('base64url')}`
}

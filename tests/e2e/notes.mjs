// Checkpoints in signed notes, as C2SP describes them, checked with what Node has and with none of our code.
import assert from 'node:assert/strict'
import { createHash, createPublicKey, verify } from 'node:crypto'

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()

/** The root of the tree over these rows, as RFC 9162 has it in section 2.1.1, in base64. */
export const rootOf = (rows) => root(rows.map(({ link }) => Buffer.from(link, 'hex'))).toString('base64')

function root(links) {
  if (links.length < 2) return links[0] ?? sha256()
  const half = 2 ** Math.ceil(Math.log2(links.length) - 1)
  return sha256('\x01', root(links.slice(0, half)), root(links.slice(half)))
}

/** What a note says; throws unless the key that the chain's first row names has signed it. */
export function readNote(note, { alg, pk }) {
  const [text, line] = note.split('\n\n')
  const [origin, size, root] = text.split('\n')
  const [dash, name, base64] = line.trimEnd().split(' ')
  const [bytes, key] = [Buffer.from(base64, 'base64'), Buffer.from(pk, 'hex')]
  const coordinates = { x: key.subarray(1, 33).toString('base64url'), y: key.subarray(33).toString('base64url') }
  const jwk = {
    Ed25519: { kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') },
    ES256: { kty: 'EC', crv: 'P-256', ...coordinates },
  }[alg]
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const id = alg === 'Ed25519' ? sha256(`${name}\n\x01`, key) : sha256(spki)
  assert.deepEqual([dash, name, bytes.subarray(0, 4)], ['\u2014', origin, id.subarray(0, 4)])
  const hash = alg === 'Ed25519' ? null : 'sha256'
  assert.ok(verify(hash, Buffer.from(`${text}\n`), publicKey, bytes.subarray(4)), 'the signature')
  return { origin, size: Number(size), root }
}

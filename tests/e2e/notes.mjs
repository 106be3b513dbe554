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

/** The RFC 9162 path from the leaf hash at `index` to the root, section 2.1.3.1: the hashes beside it, the lowest first. */
export function pathOf(leaves, index) {
  if (leaves.length < 2) return []
  const half = 2 ** Math.ceil(Math.log2(leaves.length) - 1)
  const [left, right] = [leaves.slice(0, half), leaves.slice(half)]
  return index < half ? [...pathOf(left, index), root(right)] : [...pathOf(right, index - half), root(left)]
}

/** The key that a chain's first row names, as whoever reads notes of this origin knows it: `{ name, id, publicKey }`. */
export function deviceKey(name, { alg, pk }) {
  const key = Buffer.from(pk, 'hex')
  const coordinates = { x: key.subarray(1, 33).toString('base64url'), y: key.subarray(33).toString('base64url') }
  const jwk = {
    Ed25519: { kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') },
    ES256: { kty: 'EC', crv: 'P-256', ...coordinates },
  }[alg]
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const id = alg === 'Ed25519' ? sha256(`${name}\n\x01`, key) : sha256(spki)
  return { name, id: id.subarray(0, 4), publicKey }
}

/** The same of a vkey of the type 0x01, with which a log signs. */
export function logKey(vkey) {
  const [name, id, ...base64] = vkey.split('+')
  const key = Buffer.from(base64.join('+'), 'base64')
  assert.equal(key[0], 1, 'the type')
  const publicKey = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: key.subarray(1).toString('base64url') },
    format: 'jwk',
  })
  return { name, id: Buffer.from(id, 'hex'), publicKey }
}

/** What a note says; throws unless the key that the chain's first row names has signed it. */
export function readNote(note, { alg, pk }) {
  const [text, line] = note.split('\n\n')
  const [origin, size, root] = text.split('\n')
  const [dash, name, base64] = line.trimEnd().split(' ')
  const bytes = Buffer.from(base64, 'base64')
  const { id, publicKey } = deviceKey(name, { alg, pk })
  assert.deepEqual([dash, name, bytes.subarray(0, 4)], ['\u2014', origin, id])
  const hash = alg === 'Ed25519' ? null : 'sha256'
  assert.ok(verify(hash, Buffer.from(`${text}\n`), publicKey, bytes.subarray(4)), 'the signature')
  return { origin, size: Number(size), root }
}

/** What the file of a proof says, as any verifier of logs takes it: `{ entry, index, path, note }`. */
export function readProof(file) {
  const end = file.indexOf('\n\n')
  const [, extraLine, indexLine, ...path] = file.slice(0, end).split('\n')
  const [extra, ...hashes] = [extraLine.slice('extra '.length), ...path].map((line) => Buffer.from(line, 'base64'))
  assert.equal(extra[0], 'b'.charCodeAt(), 'a row that was not erased')
  const index = Number(indexLine.slice('index '.length))
  const [prev, salt] = [extra.subarray(1, 33).toString('hex'), extra.subarray(33, 49).toString('hex')]
  const [, t, body] = /^(\d+)\|(.*)$/.exec(extra.subarray(49).toString())
  return { entry: entryOf({ seq: index, t, salt, body }, prev), index, path: hashes, note: file.slice(end + 2) }
}

/** What the link of a row is the leaf hash of. */
export const entryOf = ({ seq, t, salt, body }, prev) =>
  Buffer.from(`e1|${seq}|${t}|${prev}|${sha256(`b1|${salt}|${body}`).toString('hex')}`)

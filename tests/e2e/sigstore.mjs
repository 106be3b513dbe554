// Our proofs and checkpoints before npm's @sigstore/verify, unmodified.
//
// It knows an entry of a log by its bytes, a path to the root, and a checkpoint in a signed note, which are those of C2SP. So it takes
// what a log itself signs: a browser its chain, and the collector its log of receipts. Two things of it do not fit: it knows no
// cosignature/v1, the collector's signature in a receipt, and its `Verifier` wants a signed artifact around the entry. Its check of
// entries is therefore called by itself; the package has no list of exports that would forbid it.
import assert from 'node:assert/strict'
import { verifyTLogInclusion } from '@sigstore/verify/dist/tlog/index.js'

/** Throws unless it finds the entry at this place in the log whose checkpoint this key has signed. */
export function check({ entry, index, path, note }, { name, id, publicKey }) {
  const inclusionProof = { logIndex: `${index}`, hashes: path, checkpoint: { envelope: note } }
  const log = { baseURL: name, logID: id, publicKey, validFor: { start: new Date(0), end: new Date() } }
  verifyTLogInclusion({ canonicalizedBody: entry, inclusionProof }, [log])
}

/** It takes the proof, and none in which anything of it is another. `stranger` is a key of another chain or log. */
export function accepts(proof, key, stranger) {
  check(proof, key)
  const [text, signatures] = proof.note.split('\n\n')
  const [origin, size, root] = text.split('\n')
  const flipped = Buffer.from(root, 'base64').map((byte) => byte ^ 1)
  const wrong = {
    'another entry': [{ ...proof, entry: Buffer.concat([proof.entry, Buffer.from('0')]) }, key],
    'another place': [{ ...proof, index: proof.index ^ 1 }, key],
    'a path too short': [{ ...proof, path: proof.path.slice(1) }, key],
    'another path': [{ ...proof, path: proof.path.map((hash) => hash.map((byte) => byte ^ 1)) }, key],
    'another size': [{ ...proof, note: `${origin}\n${size}0\n${root}\n\n${signatures}` }, key],
    'another root': [{ ...proof, note: `${origin}\n${size}\n${flipped.toString('base64')}\n\n${signatures}` }, key],
    'another name': [proof, { ...key, name: stranger.name }],
    'another key': [proof, { ...key, publicKey: stranger.publicKey }],
  }
  for (const [what, [damaged, by]] of Object.entries(wrong))
    assert.throws(() => check(damaged, by), { code: 'TLOG_INCLUSION_PROOF_ERROR' }, what)
}

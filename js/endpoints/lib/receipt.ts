/**
 * A collector's receipts, compared with what this device has: a cosignature/v1 (C2SP tlog-cosignature) over a checkpoint.
 * Beside the endpoints, so that a page pays for it only with one that gives receipts.
 */
import type { Checkpoint, Receipt } from '../../types.js'
import { hexOf } from './bytes.js'
import { node } from './tree.js'

/** The type of a key for cosignatures, in front of it in a vkey. */
const COSIGNATURE = 4

/** What a receipt is compared with. */
export interface LocalChain {
  /** The batch that it answers: its rows, and those before them. */
  readonly checkpoint: Checkpoint
  /** The receipt before, if one was kept. */
  readonly before?: Receipt | undefined
  /** How many rows there are here by now. */
  size(): Promise<number>
  /** The links of rows from one seq up to, but not including, another; fewer if rows are missing. */
  links(from: number, end: number): Promise<string[]>
  /** Of the tree over rows that may be here no more: how many rows, and the roots of its perfect subtrees, largest first. */
  tree(): Promise<{ size: number; peaks: string[] }>
}

/** What came of a receipt. */
export interface CheckedReceipt {
  /** What is to be kept. */
  receipt: Receipt
  /** The service has more of this chain than this device, or other rows than it has yet to send: new events need a new one. */
  ahead?: boolean
}

/** What a receipt says. */
interface Parsed {
  origin: string
  size: number
  /** In hex. */
  root: string
  /** The signed text. */
  text: string
  /** When each key has signed, in s, and its signature, by the key's name and id in hex. */
  signatures: Map<string, { time: number; bytes: Uint8Array<ArrayBuffer> }>
}

/** Bytes of base64. */
const un64 = (base64: string) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))

/** Reads a signed note; throws if it is none. */
function parse(note: string): Parsed {
  const [text = '', lines = '', ...rest] = note.split('\n\n')
  const [origin = '', size = '', root = '', ...more] = text.split('\n')
  const bytes = un64(root)
  if (rest.length || more.length || !/^\d{1,16}$/.test(size) || bytes.length !== 32) throw 0
  const signatures: Parsed['signatures'] = new Map()
  for (const line of lines.trimEnd().split('\n')) {
    const [, name, base64] = /^\u2014 (\S+) (\S+)$/.exec(line) as unknown as [string, string, string]
    const signature = un64(base64)
    const id = hexOf(signature.subarray(0, 4))
    // Ed25519 with a time: others, such as the browser's own, are shorter or longer.
    if (signature.length === 76)
      signatures.set(`${name}+${id}`, {
        time: Number(new DataView(signature.buffer).getBigUint64(4)),
        bytes: signature.slice(12),
      })
  }
  return { origin, size: +size, root: hexOf(bytes), text: `${text}\n`, signatures }
}

/** Whether the key has signed; undefined where the browser cannot tell. */
async function isSigned({ signatures, text }: Parsed, vkey: string): Promise<boolean | undefined> {
  const [, who = '', base64 = ''] = /^([^+]+\+[\da-f]{8})\+(.+)$/.exec(vkey) ?? []
  const [type, ...key] = un64(base64)
  const found = signatures.get(who)
  if (!found || type !== COSIGNATURE) return false
  let publicKey: CryptoKey
  try {
    publicKey = await crypto.subtle.importKey('raw', Uint8Array.from(key), 'Ed25519', false, ['verify'])
  } catch {
    return
  }
  const message = new TextEncoder().encode(`cosignature/v1\ntime ${found.time}\n${text}`)
  return crypto.subtle.verify('Ed25519', publicKey, found.bytes, message)
}

/** The root over this device's first `size` rows; undefined if they, or the tree that stands for them, are not here. */
async function ownRoot({ checkpoint, links, tree }: LocalChain, size: number): Promise<string | undefined> {
  if (size === checkpoint.size && checkpoint.root) return checkpoint.root
  let { size: grown, peaks } = await tree()
  if (grown > size) [grown, peaks] = [0, []]
  for (const link of await links(grown, size)) {
    let hash = link
    // Each one at the end of the size is a perfect subtree that the new leaf completes to a larger one.
    for (let ones = grown++; ones % 2; ones = Math.floor(ones / 2)) hash = await node(peaks.pop() as string, hash)
    peaks.push(hash)
  }
  let root = peaks.pop()
  while (root && peaks.length) root = await node(peaks.pop() as string, root)
  return grown === size ? root : undefined
}

/**
 * Compares a receipt with this device's rows and with the receipt before. `vkey`: the collector's public key; without it
 * no signature is checked.
 */
export async function checkReceipt(note: string, local: LocalChain, vkey?: string): Promise<CheckedReceipt> {
  const { checkpoint, before } = local
  const chain = checkpoint.origin.replace(/.*\//, '')
  const kept: Receipt = before ?? { chain, note: '', size: 0, signed: false, evidence: [] }
  const bad = (code: NonNullable<Receipt['code']>, ...notes: string[]): CheckedReceipt => {
    const evidence = [...new Set([...kept.evidence, ...notes, note])]
    // What was contradicted once stays so.
    return { receipt: { ...kept, code: kept.code === 'receipt_contradicted' ? kept.code : code, evidence } }
  }
  let found: Parsed
  let signed: boolean | undefined
  try {
    found = parse(note)
    signed = vkey ? await isSigned(found, vkey) : undefined
  } catch {
    return bad('receipt_forged')
  }
  const { origin, size, root } = found
  if (origin !== checkpoint.origin || signed === false) return bad('receipt_forged')
  const receipt: Receipt = { ...kept, note, size, signed: !!signed }
  if (kept.note) {
    const earlier = parse(kept.note)
    const [then, now] = [earlier, found].map(({ signatures }) =>
      Math.max(...[...signatures.values()].map((s) => s.time)),
    )
    // Of two answers on their way at once the later one may come first, which its time shows.
    if (size === earlier.size ? root !== earlier.root : size < earlier.size && (now as number) > (then as number))
      return bad('receipt_contradicted', kept.note)
    if (size < earlier.size) return { receipt: kept }
  }
  // The rest of what was said was said of rows that this device may have lost.
  if (size > checkpoint.size && size > (await local.size())) return { receipt, ahead: true }
  const own = await ownRoot(local, size)
  if (own === undefined || own === root) return { receipt }
  // It was not asked yet about the rows behind those that it has acknowledged: there it may know another history.
  return size > checkpoint.size ? { receipt, ahead: true } : bad('receipt_contradicted')
}

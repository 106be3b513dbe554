/**
 * Proofs, in the browser: a file that shows that one event is in a chain of which the collector has signed a receipt. It needs
 * nothing else but the collector's public key. It is a C2SP tlog-proof; docs/PROOFS.md has the format.
 *
 * @packageDocumentation
 */
import { bytesOf } from './endpoints/lib/bytes.js'
import { pathOf } from './endpoints/lib/tree.js'
import type { ExportedData, Receipt, Row } from './types.js'

/**
 * Why there is no proof.
 * - `invalid_id`: an id is the chain's id, a colon and the seq.
 * - `no_such_row`: no such event is stored here, or not any more.
 * - `no_receipt`: no receipt that covers it is here yet; it comes with the answer to the batch that it was in.
 * - `pruned`: an older event of its chain is not here any more, so there is no path from it to the root.
 * - `contradicted`: the receipt is not for these rows.
 * - `failed`: WebCrypto is missing or fails.
 */
export type NoProof = 'invalid_id' | 'no_such_row' | 'no_receipt' | 'pruned' | 'contradicted' | 'failed'

/** A proof's file, or why there is none. */
export type Proved = { proof: string; code?: undefined } | { proof?: undefined; code: NoProof }

/**
 * Makes the proof for one event that is stored on this device. It shows the event to everybody who gets it.
 *
 * @param trail - The client.
 * @param id - The event's chain and seq, as `<chain>:<seq>`.
 * @example
 * ```ts
 * import { prove } from 'nymtrail/prove'
 *
 * const { rows } = await trail.export()
 * const { chain, seq } = rows.find(({ body }) => body?.includes('"n":"signed"'))!
 * const { proof, code } = await prove(trail, `${chain}:${seq}`)
 * if (proof) download('signed.tlog-proof', proof)
 * ```
 */
export async function prove(
  trail: { export(): Promise<Pick<ExportedData, 'rows'>>; receipts(): Promise<Receipt[]> },
  id: string,
): Promise<Proved> {
  const [, chain, digits] = /^([\da-f]{64}):(\d{1,16})$/.exec(id) ?? []
  if (!chain) return { code: 'invalid_id' }
  const seq = Number(digits)
  const [{ rows }, receipts] = await Promise.all([trail.export(), trail.receipts()])
  const own = rows.filter((row) => row.chain === chain)
  const row = own.find((row) => row.seq === seq)
  if (!row) return { code: 'no_such_row' }
  const receipt = receipts.find((receipt) => receipt.chain === chain && receipt.note && receipt.size > seq)
  if (!receipt) return { code: 'no_receipt' }
  const leaves = own.slice(0, receipt.size)
  if (leaves.some((row, at) => row.seq !== at)) return { code: 'pruned' }
  if (leaves.length < receipt.size) return { code: 'contradicted' }
  try {
    const links = leaves.map(({ link }) => link)
    const { path, root } = await pathOf(links, seq)
    if (base64(bytesOf(root)) !== receipt.note.split('\n')[2]) return { code: 'contradicted' }
    return { proof: fileOf(row, links[seq - 1] ?? row.gprev ?? '', path, receipt) }
  } catch {
    return { code: 'failed' }
  }
}

/** The file. `extra` is what the row's link is made of beside its seq. */
function fileOf({ salt, body, bc = '', t, seq }: Row, prev: string, path: string[], { note }: Receipt): string {
  const [kind, secret, rest] = body === undefined ? ['e', bc, `${t}`] : ['b', salt ?? '', `${t}|${body}`]
  const text = (text: string) => [...new TextEncoder().encode(text)]
  const extra = Uint8Array.from([...text(kind), ...bytesOf(prev), ...bytesOf(secret), ...text(rest)])
  const steps = path.map((hash) => `${base64(bytesOf(hash))}\n`).join('')
  return `c2sp.org/tlog-proof@v1\nextra ${base64(extra)}\nindex ${seq}\n${steps}\n${note}`
}

/** Piece by piece: a body may be longer than a call may have arguments. */
const base64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))

/** Trees as RFC 9162 has them in section 2.1, hashes in hex. WebCrypto hashes, so all of it takes time. */
import { bytesOf, hexOf } from './bytes.js'

/** The hash of an inner node. */
export const node = async (left: string, right: string): Promise<string> =>
  hexOf(new Uint8Array(await crypto.subtle.digest('SHA-256', bytesOf(`01${left}${right}`))))

/** The root over at least one leaf. */
async function rootOf(leaves: string[]): Promise<string> {
  if (leaves.length < 2) return leaves[0] as string
  const [left, right] = halves(leaves)
  return node(await rootOf(left), await rootOf(right))
}

/** The path from the leaf at that place to the root (section 2.1.3.1), and the root. */
export async function pathOf(leaves: string[], at: number): Promise<{ path: string[]; root: string }> {
  if (leaves.length < 2) return { path: [], root: leaves[0] as string }
  const [left, right] = halves(leaves)
  if (at < left.length) {
    const [{ path, root }, other] = [await pathOf(left, at), await rootOf(right)]
    return { path: [...path, other], root: await node(root, other) }
  }
  const [{ path, root }, other] = [await pathOf(right, at - left.length), await rootOf(left)]
  return { path: [...path, other], root: await node(other, root) }
}

/** The left half is the largest perfect tree that leaves something for the right one. */
function halves(leaves: string[]): [string[], string[]] {
  const half = 2 ** (Math.ceil(Math.log2(leaves.length)) - 1)
  return [leaves.slice(0, half), leaves.slice(half)]
}

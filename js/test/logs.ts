/** What tests of signatures and receipts need: trees made with Node alone, and a page's locks. */
import { createHash } from 'node:crypto'

/** The SHA-256 of the parts, one after the other. */
export const sha256 = (...parts: (Uint8Array | string)[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()

/** The root over these links: RFC 9162, section 2.1.1. */
export function rootOf(links: Buffer[]): Buffer {
  if (links.length < 2) return links[0] ?? sha256()
  const half = 2 ** Math.ceil(Math.log2(links.length) - 1)
  return sha256('\x01', rootOf(links.slice(0, half)), rootOf(links.slice(half)))
}

/** Web Locks that are granted at once or not at all: nobody waits in these tests. */
const held = new Set<string>()
export const locks = {
  async request(name: string, _: LockOptions, granted: (lock: object | null) => unknown) {
    if (held.has(name)) return granted(null)
    held.add(name)
    try {
      return await granted({ name })
    } finally {
      held.delete(name)
    }
  },
}

/** Recomputes a row's hashes with WebCrypto, by the letter of the format and without the SDK's help. */

import type { Row } from './rows.js'

/** Every step from a row's text to its link. */
export interface Recomputed {
  /** SHA-256 of `b1|salt|body`: the commitment to the text. */
  bc: string
  /** The line that the link is a hash of. */
  entry: string
  /** SHA-256 of a zero byte and the entry. */
  link: string
  /** Whether `link` is the one the row carries. */
  matches: boolean
}

/** @param prev link of the row before, or `gprev` for the first one. */
export async function recompute(row: Row, prev: string): Promise<Recomputed> {
  const bc = row.body === undefined ? (row.bc ?? '') : await sha256(`b1|${row.salt}|${row.body}`)
  const entry = `e1|${row.seq}|${row.t}|${prev}|${bc}`
  const link = await sha256(`\0${entry}`)
  return { bc, entry, link, matches: link === row.link }
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

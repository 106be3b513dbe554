/**
 * Identifiers in one spelling each, so that the same person gets the same pseudonym. This happens here and not in the
 * wasm because `String.normalize` and the URL parser are free in a browser and cost 50 KB in Rust. Version 1.
 */
import type { IdentifierType } from './types.js'

/** An identifier ready for the core. */
export interface Identifier {
  type: IdentifierType
  /** The one spelling. */
  canonical: string
  /** As it was passed, for the search for it in later strings. */
  raw: string
}

/** Reads an identifier, guessing its type unless one is given; undefined for what cannot be one. */
export function readIdentifier(id: unknown, type?: IdentifierType): Identifier | undefined {
  if (typeof id === 'bigint' || (typeof id === 'number' && Number.isFinite(id))) id = String(id)
  if (typeof id !== 'string' || !id.trim() || id.length > 4096) return
  const raw = id
  const as = (kind: IdentifierType, canonical: string | undefined): Identifier | undefined =>
    canonical ? { type: kind, canonical, raw } : undefined
  switch (type) {
    case undefined:
    case null:
      return as('email', email(raw)) ?? as('phone', phone(raw)) ?? as('opaque', raw.normalize())
    case 'email':
      return as(type, email(raw))
    case 'phone':
      return as(type, phone(raw))
    case 'opaque':
      return as(type, raw.normalize())
  }
  return
}

/**
 * NFKC, and nothing invisible: what is copied brings zero-width characters and marks of direction along, which nobody
 * means. They go first, as a blank may stand between them and the text.
 */
const fold = (id: string): string =>
  id
    .replace(/\p{DI}/gu, '')
    .normalize('NFKC')
    .trim()

/** Folded, split at the last `@`: local part lower-cased without locale, domain as the URL parser writes it. */
function email(id: string): string | undefined {
  const [, local, domain] = /^(\S+)@([^\s@/\\?#:[\]%]+)$/.exec(fold(id)) ?? []
  if (!local || !domain) return
  try {
    const { hostname } = new URL(`http://${domain}`)
    // A name with a dot, and no IP address, which the parser makes of any number.
    return /\.[a-z][a-z\d-]*$/.test(hostname) ? `${local.toLowerCase()}@${hostname}` : undefined
  } catch {
    return
  }
}

/** Folded, separators stripped, then `+` and 8 to 15 digits; national formats are not guessed at. */
function phone(id: string): string | undefined {
  const digits = fold(id).replace(/[\s().\-/\u2010-\u2015\u2212]/g, '')
  return /^\+\d{8,15}$/.test(digits) ? digits : undefined
}

/**
 * Overwrites what the engine keeps of the last text that any pattern matched (`RegExp.$_` and its like), for after the
 * last look at an identifier.
 */
export const forgetMatches = (): unknown => /^/.test('')

/** Whether someone with the salt could find the identifier by trying them all: e-mails, phones, IP addresses. */
export const guessable = ({ type, canonical }: Identifier): boolean =>
  type !== 'opaque' || /^(\d{1,3}\.){3}\d{1,3}$|^[\da-f]{0,4}(:[\da-f]{0,4}){2,7}$/i.test(canonical)

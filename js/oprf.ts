/**
 * Pseudonyms with a key server: identifiers leave the page blinded, and nobody can look one up without asking the server, which
 * counts, limits and logs that, and destroys each epoch's key. docs/OPRF.md says how to run one, and what this does not protect
 * against. This entry carries a wasm of its own.
 *
 * @packageDocumentation
 */
import { keepKeys } from './oprf/keeper.js'
import type { KeyServer } from './types.js'

export type { KeyServer } from './types.js'

/** How to ask a key server. */
export interface OprfOptions {
  /**
   * SHA-256 commitment to the key of an epoch, 64 hex digits, as `nymtrail keys show` prints it: an epoch that no commitment leads
   * to is trusted only if it is this one.
   */
  pin?: string | undefined
  /** A ticket from the site's own back end, where the server wants one. Asked for before each request. */
  ticket?: (() => string | Promise<string>) | undefined
}

/**
 * A key server, for the option `salt` of `createTrail()`. Nothing is fetched before consent. While its answer is awaited, events wait
 * in order, at most 3 s; then they go without a pseudonym (`keys_unreachable`, `keys_refused`), as they do when its answer fails
 * the check (`oprf_refused`) or its key is not the one that was committed to (`epochs_commitment`). It never falls back to a salt.
 *
 * @param server - Its address, such as `https://keys.shop.example`.
 * @example
 * ```ts
 * import { createTrail } from 'nymtrail'
 * import { oprf } from 'nymtrail/oprf'
 *
 * const trail = createTrail({
 *   deployment: 'shop',
 *   endpoint: '/ingest',
 *   salt: oprf('https://keys.shop.example'),
 * })
 * trail.identify('ann@example.org')
 * ```
 */
export function oprf(server: string | URL, { pin, ticket }: OprfOptions = {}): KeyServer {
  return { keys: `${`${server}`.replace(/\/+$/, '')}/v1/keys`, pin, keep: keepKeys(ticket) }
}

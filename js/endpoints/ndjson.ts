import type { Endpoint } from '../types.js'
import { receipt } from './lib/answer.js'

/** Options of {@link ndjson}. */
export interface NdjsonOptions {
  /**
   * Headers to add, such as `{ 'content-type': 'application/x-ndjson' }`. Default none: the body goes as `text/plain`.
   * They make a request to another origin need a CORS preflight, so such an endpoint is not used while the page is
   * leaving: events then go at the next visit. Never put a secret here: every visitor can read it.
   */
  headers?: Record<string, string>
  /**
   * Whether the receiver takes `Content-Encoding: gzip`. Default `false`. Bodies over 1 KB are then compressed, except
   * while the page is leaving; on another origin that costs a preflight.
   */
  gzip?: boolean
  /** What the receiver takes in one request: rows, bytes, bytes of one row. Default: no limit known. */
  limits?: { events?: number; bytes?: number; eventBytes?: number }
}

/**
 * Newline-delimited JSON: the rows as they are, one a line, each line ended by a newline. For log shippers, object
 * storage behind a function, and databases that take NDJSON. What arrives can be verified as it is: `nymtrail verify`
 * reads such a file.
 *
 * The answer counts by its status alone, so a 2xx proves no more than the receiver makes it mean.
 * A web page with status 200 is not taken for an answer.
 *
 * @param url - Where to post; may be relative to the page.
 * @example
 * ```ts
 * createTrail({ deployment: 'shop', endpoint: ndjson('https://logs.example/in', { gzip: true }) })
 * ```
 */
export function ndjson(url: string, { headers, gzip = false, limits = {} }: NdjsonOptions = {}): Endpoint {
  return {
    name: 'ndjson',
    limits,
    keepalive: !headers,
    gzip,
    browserSafe: true,
    // The rows are JSON on one line already, to the byte.
    encode: ({ rows }) => ({ url, ...(headers && { headers }), body: `${rows.join('\n')}\n` }),
    settle: receipt,
  }
}

import { settleByStatus } from '../settle.js'
import type { Endpoint } from '../types.js'

export { settleByStatus } from '../settle.js'

/** Options of {@link json}. */
export interface JsonOptions {
  /**
   * Headers to add. They make a request to another origin need a CORS preflight, so such an endpoint is not used while
   * the page is leaving: events then go at the next visit. Never put a secret here: every visitor can read it.
   */
  headers?: Record<string, string>
}

/**
 * Any service of your own that takes JSON: `{"sent_at":…,"deployment":…,"epoch":…,"chain":…,"events":[…rows…]}`, posted
 * as `text/plain` so that no CORS preflight is needed. The answer counts by its status alone, see {@link settleByStatus}.
 *
 * @param url - Where to post; may be relative to the page.
 * @example
 * ```ts
 * createTrail({ deployment: 'shop', endpoint: json('/ingest', { headers: { 'x-site': 'shop' } }) })
 * ```
 */
export function json(url: string, { headers }: JsonOptions = {}): Endpoint {
  return {
    name: 'json',
    limits: {},
    keepalive: !headers,
    browserSafe: true,
    encode({ sentAt, deployment, epoch, chain, rows }) {
      const head = JSON.stringify({ sent_at: sentAt, deployment, epoch, chain })
      // The rows are JSON already, to the byte.
      return { url, ...(headers && { headers }), body: `${head.slice(0, -1)},"events":[${rows.join()}]}` }
    },
    settle: settleByStatus,
  }
}

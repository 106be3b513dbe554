import { settleByStatus } from '../settle.js'
import type { Endpoint, Outcome } from '../types.js'

/** What the collector's answer for one row means. Codes it may learn later mean retry: nothing is lost by waiting. */
const REFUSED: Record<string, Outcome> = {
  bad_link: 'drop',
  malformed_row: 'drop',
  time_back: 'drop',
  unknown_epoch: 'drop',
  wrong_deployment: 'drop',
  fork: 'fork',
}

/**
 * Nymtrail's own collector (`nymtrail serve`). It checks every chain as it arrives and answers for each row, so a bad
 * row costs itself alone, and a row it has already is acknowledged.
 *
 * @param url - Address of the collector, with or without `/v1/batch`; may be relative to the page.
 * @example
 * ```ts
 * createTrail({ deployment: 'shop', endpoint: collector('https://trail.example'), salt: 'https://trail.example/v1/epochs' })
 * ```
 */
export function collector(url: string): Endpoint {
  return {
    name: 'collector',
    // The collector's own limit for a body, unless it was started with another.
    limits: { bytes: 1_048_576 },
    keepalive: true,
    browserSafe: true,
    encode({ deployment, epoch, sentAt, ageMs, rows }) {
      const head = JSON.stringify({ deployment, epoch, sent_at: sentAt, age_ms: ageMs })
      return {
        url: `${url.replace(/(\/v1\/batch)?\/*$/, '')}/v1/batch`,
        body: `${head.slice(0, -1)},"rows":[${rows.join()}]}`,
      }
    },
    settle(response, { rows }) {
      const { status, text } = response
      // The salt of the rows' epoch is gone at the collector: it will never take them.
      if (status === 422) return 'drop'
      // Only results acknowledge: a success without them is of someone else, such as a proxy.
      if ((status < 200 || status > 299) && status !== 409) return status === 403 ? 'retry' : settleByStatus(response)
      const results: { status: string; code?: string }[] = JSON.parse(text).results
      if (results.length !== rows.length) return 'retry'
      const taken = (result: string) => result === 'stored' || result === 'duplicate'
      return { events: results.map(({ status, code = '' }) => (taken(status) ? 'ack' : (REFUSED[code] ?? 'retry'))) }
    },
  }
}

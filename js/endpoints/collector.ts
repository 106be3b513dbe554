import { settleByStatus } from '../settle.js'
import type { Endpoint, Outcome } from '../types.js'
import { defined } from './lib/event.js'
import { deviceSigner } from './lib/signer.js'

export { deviceSigner } from './lib/signer.js'

/** What the collector's answer for one row means. Codes it may learn later mean retry: nothing is lost by waiting. */
const REFUSED: Record<string, Outcome> = {
  bad_link: 'drop',
  chain_erased: 'drop',
  first_level: 'drop',
  malformed_row: 'drop',
  time_back: 'drop',
  unknown_epoch: 'drop',
  wrong_deployment: 'drop',
  fork: 'fork',
}

/** The collector's answer, as docs/COLLECTOR.md has it. */
interface Answer {
  results: { status: string; code?: string }[]
  receipt?: Record<string, string>
  conflict?: Record<string, string[]>
}

/** Options of {@link collector}. */
export interface CollectorOptions {
  /**
   * Compress bodies over 1 KB, except while the page is leaving. Default `false`: for a collector on another origin it
   * costs a CORS preflight, one more request before the first batch and whenever the browser has forgotten the answer.
   * A collector too old to unpack them takes none, and the events wait.
   */
  gzip?: boolean
  /**
   * The collector's public key, as `nymtrail keys show` prints it: signatures of its receipts are checked with it. Without
   * one, receipts are only compared with what this device has and with each other.
   */
  key?: string
  /**
   * The collector was started with `--pepper`: events hold aliases in place of pseudonyms, and its store pseudonyms of a
   * second level alone, made with a secret of its own (docs/PEPPER.md). Needs a `salt` that is a URL. Default `false`.
   */
  pepper?: boolean
}

/**
 * Nymtrail's own collector (`nymtrail serve`). It checks every chain as it arrives and answers for each row, so a bad
 * row costs itself alone, and a row it has already is acknowledged.
 *
 * @param url - Address of the collector, with or without `/v1/batch`; may be relative to the page.
 * @param options - See {@link CollectorOptions}.
 * @example
 * ```ts
 * createTrail({ deployment: 'shop', endpoint: collector('https://trail.example'), salt: 'https://trail.example/v1/epochs' })
 * createTrail({ deployment: 'shop', endpoint: collector('/trail', { gzip: true, pepper: true }), salt: '/trail/v1/epochs' })
 * ```
 */
export function collector(url: string, { gzip = false, key, pepper = false }: CollectorOptions = {}): Endpoint {
  const base = url.replace(/(\/v1\/batch)?\/*$/, '')
  return {
    name: 'collector',
    // The collector's own limit for a body, packed or not, unless it was started with another.
    limits: { bytes: 1_048_576 },
    // What is sent while the page leaves is never compressed, so it needs no preflight either.
    keepalive: true,
    gzip,
    browserSafe: true,
    pepper,
    signer: deviceSigner(key),
    erase: (asked) => ({ url: `${base}/v1/erase`, body: JSON.stringify(asked) }),
    encode({ deployment, epoch, sentAt, ageMs, checkpoints, rows }) {
      const head = JSON.stringify({ deployment, epoch, sent_at: sentAt, age_ms: ageMs, checkpoints })
      return {
        url: `${base}/v1/batch`,
        body: `${head.slice(0, -1)},"rows":[${rows.join()}]}`,
      }
    },
    settle(response, { rows, chain }) {
      const { status, text } = response
      // Something is wrong with how the batch was packed, at either end or between, and not with its events.
      if (status === 400 && text.includes('"malformed_gzip"')) return 'retry'
      // The salt of the rows' epoch is gone at the collector: it will never take them.
      if (status === 422) return 'drop'
      // Only results acknowledge: a success without them is of someone else, such as a proxy.
      if ((status < 200 || status > 299) && status !== 409) return settleByStatus(response)
      const { results, receipt, conflict }: Answer = JSON.parse(text)
      if (results.length !== rows.length) return 'retry'
      const taken = (result: string) => result === 'stored' || result === 'duplicate'
      return {
        events: results.map(({ status, code = '' }) => (taken(status) ? 'ack' : (REFUSED[code] ?? 'retry'))),
        ...defined({ receipt: receipt?.[chain], conflict: conflict?.[chain] }),
      }
    },
  }
}

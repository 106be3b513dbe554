import type { Endpoint } from '../types.js'
import { settleUnread } from './lib/answer.js'
import { isoTime, readEvent } from './lib/event.js'
import { isRelative, trimSlash } from './lib/request.js'
import { toMessage } from './lib/segment-message.js'

/** Options of {@link rudderstack}. */
export interface RudderstackOptions {
  /** The source's write key. It is public: RudderStack's own library has it in the page, too. */
  key: string
  /** Address of the data plane, or of your own proxy. */
  host: string
  /**
   * How the key is told.
   * - `query` (default): `/beacon/v1/batch?writeKey=…`, which needs no CORS preflight, so also while the page is leaving.
   * - `header`: `/v1/batch` with `Authorization`. Needs a preflight; some ad blockers let it pass rather than `/beacon/`.
   */
  auth?: 'query' | 'header'
}

/**
 * RudderStack, cloud or self-hosted. Every row travels as a `track`, `page`, `identify` or `group` message with its
 * columns in `context.nymtrail`; its `messageId` is the same on every try, by which RudderStack drops doubles.
 *
 * What it answers: `OK` for a batch it has stored, or it refuses the batch as a whole. What destinations make of the
 * events later it cannot say: an acknowledgement proves that the gateway has them.
 *
 * @example
 * ```ts
 * import { createTrail } from 'nymtrail'
 * import { rudderstack } from 'nymtrail/endpoints/rudderstack'
 *
 * const endpoint = rudderstack({ key: '…', host: 'https://shop.dataplane.rudderstack.com' })
 * const trail = createTrail({ deployment: 'shop', endpoint })
 * ```
 */
export function rudderstack({ key, host, auth = 'query' }: RudderstackOptions): Endpoint {
  const base = trimSlash(host)
  const target =
    auth === 'query'
      ? { url: `${base}/beacon/v1/batch?writeKey=${encodeURIComponent(key)}` }
      : { url: `${base}/v1/batch`, headers: { authorization: `Basic ${btoa(`${key}:`)}` } }
  return {
    name: 'rudderstack',
    // Gateway.maxReqSizeInKB is 4000.
    limits: { bytes: 4_000_000 },
    keepalive: auth === 'query' || isRelative(base),
    browserSafe: true,
    encode: ({ rows, sentAt }) => ({
      ...target,
      body: JSON.stringify({
        sentAt: isoTime(sentAt),
        // The gateway keeps this in place of the sender's address.
        batch: rows.map((line) => ({ ...toMessage(readEvent(line)), request_ip: '0.0.0.0' })),
      }),
    }),
    settle: (response) =>
      response.status === 200 && /^\s*"?OK"?\s*$/i.test(response.text) ? 'ack' : settleUnread(response),
  }
}

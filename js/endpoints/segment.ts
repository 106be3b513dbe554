import type { Endpoint } from '../types.js'
import { readJson, settleUnread } from './lib/answer.js'
import { isoTime, readEvent } from './lib/event.js'
import { trimSlash } from './lib/request.js'
import { toMessage } from './lib/segment-message.js'

/** Options of {@link segment}. */
export interface SegmentOptions {
  /** The source's write key. It is public: Segment's own library has it in the page, too. */
  key: string
  /** Default `https://api.segment.io`; `https://events.eu1.segmentapis.com` for workspaces in the EU, or your own proxy. */
  host?: string
}

/**
 * Segment. Every row travels as a `track`, `page`, `identify` or `group` message with its columns in `context.nymtrail`;
 * its `messageId` is the same on every try, by which Segment drops doubles.
 *
 * What it answers: 200 `{"success":true}` to everything that is JSON of the right size, also to messages that it then
 * rejects and to a key that it doesn't know. An acknowledgement proves receipt only; the source's debugger shows more.
 *
 * @example
 * ```ts
 * import { createTrail } from 'nymtrail'
 * import { segment } from 'nymtrail/endpoints/segment'
 *
 * const trail = createTrail({ deployment: 'shop', endpoint: segment({ key: '…' }) })
 * ```
 */
export function segment({ key, host = 'https://api.segment.io' }: SegmentOptions): Endpoint {
  return {
    name: 'segment',
    // HTTP API: 500 KB and 2500 messages a request, 32 KB a message, of which the row is but a part.
    limits: { events: 2500, bytes: 500_000, eventBytes: 32_768 },
    keepalive: true,
    browserSafe: true,
    encode: ({ rows, sentAt }) => ({
      // Where Segment's own library for browsers posts batches as text/plain; /v1/batch asks for application/json.
      url: `${trimSlash(host)}/v1/b`,
      body: JSON.stringify({
        writeKey: key,
        sentAt: isoTime(sentAt),
        batch: rows.map((line) => toMessage(readEvent(line))),
      }),
    }),
    settle: (response) =>
      response.status === 200 && readJson<{ success?: unknown }>(response.text)?.success === true
        ? 'ack'
        : settleUnread(response),
  }
}

import type { Endpoint } from '../types.js'
import { readJson, settleUnread } from './lib/answer.js'
import { isoTime, readEvent } from './lib/event.js'
import { isRelative, trimSlash } from './lib/request.js'
import { toMessage } from './lib/segment-message.js'

/** Options of {@link jitsu}. */
export interface JitsuOptions {
  /** The site's host at Jitsu (`https://<id>.d.jitsu.com`), your own host for it, or your own proxy. */
  host: string
  /**
   * The browser write key, `id:secret`; public despite the name, Jitsu's own library has it in the page, too. Leave it
   * out where the host alone says which site it is.
   */
  key?: string
  /** What Jitsu does with the sender's address: `remove` (default), `stripLastOctet` or `keep`. */
  ip?: 'remove' | 'stripLastOctet' | 'keep'
  /**
   * `false` (default): each event by itself to `/api/s/<type>`, as Jitsu's own library does. `true`: many at once to
   * `/v1/batch`, with the key in the body. Then leave Jitsu's deduplication within a batch off: it looks at properties
   * alone, so it takes two equal events for one.
   */
  batch?: boolean
}

/** Errors of Jitsu that are the event's own fault; for the others (`stream not found`, quota) it is not to blame. */
const ITS_OWN = /^(event error|error parsing message)/

/**
 * Jitsu (version 2), cloud or self-hosted. Every row travels as a `track`, `page`, `identify` or `group` message with its
 * columns in `context.nymtrail`; its `messageId` is the same on every try, by which destinations drop doubles.
 *
 * What it answers: 200 to nearly everything, and only the body says what happened, which this reads: `ok` is
 * acknowledged, an error of the event drops it, all else is tried again. Destinations come later: an acknowledgement
 * proves that Jitsu has the event in its queue.
 *
 * With a `key` or another `ip` than `keep` a request has headers, so it needs a CORS preflight and is not sent while the
 * page is leaving, unless `host` is of the page's own origin; what is left goes at the next visit.
 *
 * @example
 * ```ts
 * import { createTrail } from 'nymtrail'
 * import { jitsu } from 'nymtrail/endpoints/jitsu'
 *
 * const trail = createTrail({ deployment: 'shop', endpoint: jitsu({ host: 'https://abc.d.jitsu.com', key: '…' }) })
 * ```
 */
export function jitsu({ host, key, ip = 'remove', batch = false }: JitsuOptions): Endpoint {
  const base = trimSlash(host)
  const headers: Record<string, string> = {
    ...(key && !batch && { 'x-write-key': key }),
    ...(ip !== 'keep' && { 'x-ip-policy': ip }),
  }
  const plain = !Object.keys(headers).length
  return {
    name: 'jitsu',
    // MAX_INGEST_PAYLOAD_SIZE is 1,000,000 for one message with what Jitsu adds to it.
    limits: { bytes: 1_000_000, ...(!batch && { perRequest: 'event' }) },
    keepalive: plain || isRelative(base),
    browserSafe: true,
    encode({ rows, sentAt }) {
      const messages = rows.map((line) => {
        const message = toMessage(readEvent(line))
        // Jitsu fills these in from the request's headers unless they are there.
        const context = { ...message.context, userAgent: '', locale: '' }
        return { ...message, sentAt: isoTime(sentAt), context }
      })
      const [message] = messages
      return {
        url: batch ? `${base}/v1/batch` : `${base}/api/s/${message?.type}`,
        ...(!plain && { headers }),
        body: JSON.stringify(batch ? { ...(key && { writeKey: key }), batch: messages } : message),
      }
    },
    settle(response, { rows }) {
      if (response.status !== 200) return settleUnread(response)
      const { ok, error, errors = [], okEvents = 0, receivedEvents } = readJson<Answer>(response.text) ?? {}
      if (error !== undefined) {
        // Alone, as it is here, an event that is refused is dropped.
        if (ITS_OWN.test(error)) return 'split'
        // So that the console says it: Jitsu itself answers 200.
        throw new Error(error)
      }
      if (!batch) return ok === true ? 'ack' : 'retry'
      if (receivedEvents !== rows.length) return 'retry'
      if (ok === true) return 'ack'
      const faults = errors.map((text) => /^Message ID: (\S+): (.*)$/s.exec(text))
      const told = rows.map((line) => faults.find((fault) => fault?.[1] === readEvent(line).uuid)?.[2])
      const untold = told.filter((fault) => fault === undefined).length
      // Events it doesn't speak of are taken, if the numbers are what it says.
      if (untold !== okEvents || untold + errors.length !== rows.length) return 'retry'
      return { events: told.map((fault) => (fault === undefined ? 'ack' : ITS_OWN.test(fault) ? 'drop' : 'retry')) }
    },
  }
}

/** What Jitsu answers with 200: `ok` or `error` for one event, `ok` and the rest for a batch. */
interface Answer {
  ok?: boolean
  error?: string
  errors?: string[]
  okEvents?: number
  receivedEvents?: number
}

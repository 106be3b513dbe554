import type { Endpoint } from '../types.js'
import { settleUnread } from './lib/answer.js'
import { defined, type EventRow, isoTime, readEvent } from './lib/event.js'
import { holdsSecret, isRelative } from './lib/request.js'

/** Options of {@link cloudevents}. */
export interface CloudeventsOptions {
  /** `source` of all events, a URI reference. Default `urn:nymtrail:` and the deployment. */
  source?: string
  /** What `type` begins with. Default `nymtrail.` */
  typePrefix?: string
  /** `false`: one event a request (`application/cloudevents+json`), for receivers without batches. Default `true`. */
  batch?: boolean
  /**
   * Headers to add. Default none. One whose name says that it holds a credential makes the endpoint one that is refused
   * without `proxied: true`.
   */
  headers?: Record<string, string>
}

/**
 * Any receiver of CloudEvents 1.0 over HTTP in JSON. Every row is one event, also the one that opens a chain; what the
 * event says and the columns of its row (`nt_chain`, `nt_seq`, …), from which the chain is verified, are its `data`. See
 * https://github.com/cloudevents/spec and docs/endpoints/cloudevents.md.
 *
 * CloudEvents says nothing of answers: 200, 201, 202 and 204 count as taken, as its specification of web hooks has it,
 * and prove receipt only. `source` and `id` together tell what came twice.
 *
 * @param url - Where to post; may be relative to the page.
 * @example
 * ```ts
 * createTrail({ deployment: 'shop', endpoint: cloudevents('https://events.example/in'), salt: 'https://trail.example/v1/epochs' })
 * ```
 */
export function cloudevents(
  url: string,
  { source, typePrefix = 'nymtrail.', batch = true, headers }: CloudeventsOptions = {},
): Endpoint {
  return {
    name: 'cloudevents',
    // What every intermediary must forward is 64 KB an event; a request of 1 MB is what Azure Event Grid takes.
    limits: batch ? { bytes: 1_000_000 } : { perRequest: 'event' },
    // No media type of CloudEvents is CORS-simple.
    keepalive: isRelative(url),
    browserSafe: !holdsSecret(headers),
    encode({ deployment, rows }) {
      const events = rows.map((line) => cloudEvent(readEvent(line), source ?? `urn:nymtrail:${deployment}`, typePrefix))
      return {
        url,
        headers: { ...headers, 'content-type': `application/cloudevents${batch ? '-batch' : ''}+json` },
        body: JSON.stringify(batch ? events : events[0]),
      }
    },
    settle: (response) => ([200, 201, 202, 204].includes(response.status) ? 'ack' : settleUnread(response)),
  }
}

function cloudEvent(event: EventRow, source: string, prefix: string) {
  const { row, kind, name, user, group, device, visit, url, referrer, props, columns } = event
  return {
    specversion: '1.0',
    // Two events that claim one place in a chain have two links: neither passes for a repetition of the other.
    id: row.link,
    source,
    type: prefix + typeOf(event),
    time: isoTime(row.t),
    datacontenttype: 'application/json',
    // An extension of the specification; names of extensions have no underscore.
    partitionkey: row.chain,
    data: defined({ kind, name, user, group, device, visit, url, referrer, props, ...columns }),
  }
}

/** `track.` and the name, without the control and non-characters that attributes must not have; else the kind. */
const typeOf = ({ kind, name }: EventRow) =>
  kind === 'track' ? `track.${name.replace(/[\p{Cc}\p{Cs}\p{Cn}]/gu, '\ufffd')}` : kind

import type { Endpoint, EndpointResponse, Settlement } from '../types.js'
import { readJson, settleUnread } from './lib/answer.js'
import { defined, type EventRow, inPieces, isoTime, placeOf, readEvent } from './lib/event.js'
import { isRelative, trimSlash } from './lib/request.js'

/** Options of {@link amplitude}. */
export interface AmplitudeOptions {
  /** The project's API key. It is public: Amplitude's own library has it in the page, too. */
  key: string
  /** Default `https://api2.amplitude.com`; `https://api.eu.amplitude.com` for projects in the EU, or your own proxy. */
  host?: string
  /**
   * `false` (default): as `application/json`, which the documentation asks for and which needs a CORS preflight, so it is
   * not sent while the page is leaving. `true`: as `text/plain`, as Amplitude's own library does with `sendBeacon`.
   */
  beacon?: boolean
  /** Amplitude's name for what `group()` names, default `organization`. */
  groupType?: string
}

/** What Amplitude says when the request itself is wrong, and not an event. */
const NOT_THE_EVENTS = /api.?key|request path/i
/** How long Amplitude asks to wait when a device or user sends too much, in ms. */
const PAUSE = 30_000

/**
 * Amplitude (HTTP V2 API). Every row travels as an event with its columns `nt_*` among the event properties; its
 * `insert_id` is the same on every try, by which Amplitude drops doubles for seven days. No `ip` is sent, so no place is
 * looked up.
 *
 * What it answers: 200 with the number of events taken; 400 names the events with missing or invalid fields and those it
 * silences, which are dropped while the rest is sent again; 429 asks for a pause of 30 s.
 *
 * @example
 * ```ts
 * import { createTrail } from 'nymtrail'
 * import { amplitude } from 'nymtrail/endpoints/amplitude'
 *
 * const trail = createTrail({ deployment: 'shop', endpoint: amplitude({ key: '…', host: 'https://api.eu.amplitude.com' }) })
 * ```
 */
export function amplitude({
  key,
  host = 'https://api2.amplitude.com',
  beacon = false,
  groupType = 'organization',
}: AmplitudeOptions): Endpoint {
  const base = trimSlash(host)

  function toEvent({ row, uuid, kind, name, props, user, group, device, visit, url, referrer, columns }: EventRow) {
    const { host, path } = placeOf(url)
    const page = kind === 'page'
    return {
      event_type: page ? '[Amplitude] Page Viewed' : name,
      ...(user && { user_id: user }),
      device_id: device ?? row.chain,
      time: row.t,
      insert_id: uuid,
      event_properties: {
        ...(visit && { visit }),
        ...(page && defined({ name: name === kind ? undefined : name, referrer, '[Amplitude] Page URL': url })),
        ...(page && defined({ '[Amplitude] Page Domain': host, '[Amplitude] Page Path': path })),
        ...(kind !== 'identify' && props),
        // Strings are cut at 1024 characters.
        ...inPieces(columns, 1024),
      },
      // Not as `$identify` and `$groupidentify`: exports do not have these.
      ...(kind === 'identify' && { user_properties: props }),
      ...(group && { groups: { [groupType]: group } }),
    }
  }

  return {
    name: 'amplitude',
    limits: { events: 2000, bytes: 1_000_000 },
    keepalive: beacon || isRelative(base),
    browserSafe: true,
    encode: ({ rows, sentAt }) => ({
      url: `${base}/2/httpapi`,
      ...(!beacon && { headers: { 'content-type': 'application/json' } }),
      body: JSON.stringify({
        api_key: key,
        client_upload_time: isoTime(sentAt),
        events: rows.map((line) => toEvent(readEvent(line))),
      }),
    }),
    settle(response, { rows }) {
      const { status, headers } = response
      if (status === 429) return { events: 'retry', ...(!headers.has('retry-after') && { afterMs: PAUSE }) }
      if (status === 400) return settleInvalid(response, rows.length)
      const answer = readJson<{ code?: unknown; events_ingested?: unknown }>(response.text)
      if (status === 200) return answer?.code === 200 && answer.events_ingested === rows.length ? 'ack' : 'retry'
      return settleUnread(response)
    },
  }
}

/** 400: the events it names are dropped, the others were not taken either; if it names none, they are told apart. */
function settleInvalid({ text }: EndpointResponse, rows: number): Settlement {
  const answer = readJson<Record<string, unknown>>(text) ?? {}
  if (answer.missing_field || NOT_THE_EVENTS.test(String(answer.error))) return 'retry'
  const fields = ['invalid_fields', 'missing_fields', 'invalid_id_lengths'].map((name) => answer[`events_with_${name}`])
  const named = new Set([...fields.map((field) => Object.values(field ?? {})), answer.silenced_events].flat(2))
  const events = Array.from({ length: rows }, (_, at) => (named.has(at) ? 'drop' : 'retry') as 'drop' | 'retry')
  return events.includes('drop') ? { events } : 'split'
}

import type { Batch, Endpoint, Outcome } from '../types.js'
import { settleUnread } from './lib/answer.js'
import { defined, type EventRow, isEvent, readEvent } from './lib/event.js'
import { withQuery } from './lib/request.js'
import { cut, hexOf } from './lib/text.js'

/** Options of {@link ga4}. */
export interface Ga4Options {
  /** A path or address of your own that adds `api_secret` and forwards to Google, see docs/endpoints/ga4.md. */
  url: string
  /** The web stream's measurement id, `G-…`. */
  measurementId: string
  /** Sends the row's link as parameter `nt_link`, by which the row can be found elsewhere. Default `true`. */
  link?: boolean
}

/** Google takes events up to this age. */
const MAX_AGE = 72 * 3_600_000

/** Names that the protocol keeps for itself. */
const RESERVED =
  /^(ad_(activeview|click|exposure|query|reward)|adunit_exposure|app_(background|clear_data|exception|remove|store_.*|update|upgrade)|dynamic_link_.*|error|first_(open|visit)|in_app_purchase|notification_.*|os_update|screen_view|session_start.*|user_engagement)$/

/**
 * Google Analytics 4, by its Measurement Protocol. Page views are `page_view`, everything else is an event with up to 25
 * parameters. It needs a secret, so it goes through a proxy of your own, and `createTrail` wants `proxied: true`.
 *
 * Google has no room for the rows (25 parameters of 100 characters): only events go there, and the chain cannot be
 * verified from it. It answers 2xx to everything, also to what it throws away, so an acknowledgement proves receipt only.
 * Events older than 72 hours are dropped, as Google would not count them at their time.
 *
 * @example
 * ```ts
 * createTrail({ deployment: 'shop', endpoint: ga4({ url: '/ga', measurementId: 'G-ABC123' }), proxied: true })
 * ```
 */
export function ga4({ url, measurementId, link = true }: Ga4Options): Endpoint {
  return {
    name: 'ga4',
    limits: { events: 25, bytes: 130_000 },
    keepalive: true,
    browserSafe: false,
    encode(batch) {
      const sorted = sortOut(batch)
      if (!sorted.some(({ event }) => isEvent(event))) return null
      const sent = sorted.filter(({ event, outcome }) => isEvent(event) && outcome === 'ack').map(({ event }) => event)
      const body = defined({
        client_id: sent[0]?.device ?? batch.chain.slice(0, 32),
        user_id: sent[0]?.user,
        // Pseudonyms are not for advertisements.
        consent: { ad_user_data: 'DENIED', ad_personalization: 'DENIED' },
        // Empty if all are too old: they can be dropped only by an answer.
        events: sent.map((event) => ({
          name: nameOf(event),
          timestamp_micros: event.row.t * 1000,
          params: paramsOf(event, link),
        })),
      })
      return { url: withQuery(url, { measurement_id: measurementId }), body: JSON.stringify(body) }
    },
    settle(response, batch) {
      if (response.status >= 300) return settleUnread(response)
      // Google's answer is empty. The one of its validation server is not, and that keeps nothing.
      return response.text.trim() ? 'retry' : { events: sortOut(batch).map(({ outcome }) => outcome) }
    },
  }
}

/** What becomes of each row if the request is taken: it has room for one browser and one user. */
function sortOut({ rows, sentAt }: Batch): { event: EventRow; outcome: Outcome }[] {
  let first: EventRow | undefined
  return rows.map((line) => {
    const event = readEvent(line)
    let outcome: Outcome = 'ack'
    if (isEvent(event)) {
      if (sentAt - event.row.t > MAX_AGE) outcome = 'drop'
      else {
        first ??= event
        if (event.user !== first.user || event.device !== first.device) outcome = 'retry'
      }
    }
    return { event, outcome }
  })
}

/** A name as Google wants it: letters, digits and underscores, a letter first, at most 40, none of its own or ours. */
function legal(name: string, prefix: string): string {
  const plain = name.replace(/\W/g, '_')
  return (
    /^(firebase_|ga_|google_|gtag|nt_|session_id$|engagement_time_msec$|\d|_)/.test(plain) ? prefix + plain : plain
  ).slice(0, 40)
}

function nameOf({ kind, name }: EventRow): string {
  if (kind === 'page') return 'page_view'
  const plain = legal(name, 'e_')
  return RESERVED.test(plain) || plain === 'page_view' ? `e_${plain}` : plain
}

function paramsOf(event: EventRow, link: boolean): Record<string, unknown> {
  const { kind, name, props, visit, group, row, url, referrer } = event
  const view = kind === 'page'
  const params: Record<string, unknown> = defined({
    // It must be a number; 32 of the visit's 128 random bits are one.
    session_id: visit && `${Number.parseInt(hexOf(visit).slice(0, 8), 16)}`,
    // Without any, Google does not count the visitor as active.
    engagement_time_msec: 1,
    nt_link: link ? row.link : undefined,
    group_id: group,
    page_location: url && cut(url, 1000),
    page_referrer: referrer && cut(referrer, 420),
    page_title: view && name !== kind ? cut(name, 300) : undefined,
    nt_name: !view && nameOf(event) !== name ? cut(name, 100) : undefined,
  })
  for (const [property, value] of Object.entries(props)) {
    if (Object.keys(params).length === 25) break
    if (value !== null && property) params[legal(property, 'p_')] ??= valueFor(property, value)
  }
  return params
}

function valueFor(property: string, value: unknown): unknown {
  if (typeof value === 'number') return value
  // The goods of a purchase are a list of objects.
  if (property === 'items' && Array.isArray(value) && value.every((item) => item && typeof item === 'object'))
    return value
  return cut(typeof value === 'object' ? JSON.stringify(value) : `${value}`, 100)
}

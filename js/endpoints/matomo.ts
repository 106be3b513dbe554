import type { Endpoint, Outcome } from '../types.js'
import { settleUnread } from './lib/answer.js'
import { type EventRow, isEvent, readEvent } from './lib/event.js'
import { trimSlash } from './lib/request.js'
import { hexOf } from './lib/text.js'

/** Options of {@link matomo}. */
export interface MatomoOptions {
  /** Address of Matomo, with or without `matomo.php`; may be relative to the page. */
  url: string
  /** The site's id in Matomo. */
  siteId: number | string
  /**
   * Properties that go into custom dimensions of scope action, by the dimension's id:
   * `{ plan: 1, items: 4 }`. Default none: Matomo has no place for other properties.
   */
  dimensions?: Record<string, number>
  /** A custom dimension of scope action for the row's link, by which it can be found among rows kept elsewhere. */
  linkDimension?: number
}

/** Matomo takes events without a token up to this age, in seconds: a setting whose default is a day. */
const MAX_AGE = 86_400

/**
 * [Matomo](https://matomo.org), by its tracking API in bulk. Page views are page views, everything else a custom event
 * with the kind as category and the name as action; properties named `category`, `label` and `value` are its category, name
 * and value.
 *
 * Matomo has no room for the rows: only events go there, and the chain cannot be verified from it. Send the rows to
 * a service that keeps them as well if you need that; `linkDimension` then tells which row a record is of.
 *
 * Without a token, which would be a secret, Matomo says how many events it refused and not which. The counts are right
 * all the same; the oldest are taken for the refused ones, since an event older than a day is what it refuses. If it
 * refuses all, the site's id is wrong, and they are kept for later. It does not know an event that it has already.
 *
 * @example
 * ```ts
 * createTrail({ deployment: 'shop', endpoint: matomo({ url: 'https://stats.example', siteId: 3 }) })
 * ```
 */
export function matomo({ url, siteId, dimensions = {}, linkDimension }: MatomoOptions): Endpoint {
  const target = /\.php$/.test(url) ? url : `${trimSlash(url)}/matomo.php`
  const ageOf = ({ row }: EventRow, sentAt: number) => Math.max(0, Math.floor((sentAt - row.t) / 1000))

  function request(event: EventRow, sentAt: number): string {
    const { kind, name, props, user, device, url: page, referrer, row } = event
    const view = kind === 'page'
    const query = new URLSearchParams({ idsite: `${siteId}`, rec: '1', apiv: '1' })
    const set = (parameter: string, value: unknown) => {
      if (value !== undefined && value !== null)
        query.set(parameter, typeof value === 'object' ? JSON.stringify(value) : `${value}`)
    }
    // Seconds ago, not a time: that leaves a wrong clock of the browser out.
    set('cdo', ageOf(event, sentAt))
    set('_id', device && hexOf(device).slice(0, 16))
    set('uid', user)
    set('url', page)
    set('urlref', referrer)
    if (view) set('action_name', name === kind ? undefined : name)
    else {
      set('e_c', typeof props.category === 'string' && props.category ? props.category : kind)
      set('e_a', name)
      set('e_n', props.label)
      if (Number.isFinite(props.value)) set('e_v', props.value)
      // No page view, also where the plugin for events is off.
      set('ca', 1)
    }
    for (const [property, id] of Object.entries(dimensions)) set(`dimension${id}`, props[property])
    if (linkDimension) set(`dimension${linkDimension}`, row.link)
    return `?${query}`
  }

  return {
    name: 'matomo',
    limits: {},
    keepalive: true,
    browserSafe: true,
    encode({ sentAt, rows }) {
      const requests = rows
        .map(readEvent)
        .filter(isEvent)
        .map((event) => request(event, sentAt))
      return requests.length ? { url: target, body: JSON.stringify({ requests }) } : null
    },
    settle(response, { sentAt, rows }) {
      if (response.status !== 200) return settleUnread(response)
      const { status, tracked, invalid, invalid_indices: which } = JSON.parse(response.text)
      const events = rows.map(readEvent)
      const sent = events.filter(isEvent)
      // Fewer than were sent: it gave up some to a locked table, and does not say which.
      const refused = sent.length - tracked
      if (status !== 'success' || !(refused >= 0) || !(invalid <= refused)) return 'retry'
      const old = (event: EventRow) => ageOf(event, sentAt) >= MAX_AGE
      if (refused === sent.length && !sent.every(old)) return 'retry'
      const lost = new Set(Array.isArray(which) ? which : sent.slice(0, refused).keys())
      let at = 0
      return { events: events.map((event): Outcome => (isEvent(event) && lost.has(at++) ? 'drop' : 'ack')) }
    },
  }
}

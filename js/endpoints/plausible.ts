import type { Endpoint } from '../types.js'
import { settleUnread } from './lib/answer.js'
import { defined, isEvent, readEvent } from './lib/event.js'
import { withPath } from './lib/request.js'
import { cut } from './lib/text.js'

/** Options of {@link plausible}. */
export interface PlausibleOptions {
  /** The site's name in Plausible, such as `shop.example`. */
  domain: string
  /** Address of Plausible, with or without `/api/event`; may be relative to the page. Default `https://plausible.io`. */
  url?: string
  /**
   * Sends the row's link as property `nt_link`, by which the row can be found elsewhere. Default `false`: no two events
   * have the same, which is of no use in Plausible itself.
   */
  link?: boolean
}

/** Names that mean something to Plausible itself. */
const RESERVED = ['pageview', 'engagement']

/**
 * [Plausible](https://plausible.io), by its events API: page views, and everything else as custom events with up to 30
 * properties.
 *
 * Plausible has no room for the rows, no user ids and no times: only events go there, each in a request of its own, the
 * chain cannot be verified from it, and an event that waited counts at the time it arrives. It answers 202 to everything
 * well-formed, so an acknowledgement proves receipt only; that it threw an event away (a bot, a site it does not know) it
 * says in a header, which a browser shows only if Plausible has the page's origin.
 *
 * @example
 * ```ts
 * createTrail({ deployment: 'shop', endpoint: plausible({ domain: 'shop.example' }) })
 * ```
 */
export function plausible({ domain, url = 'https://plausible.io', link = false }: PlausibleOptions): Endpoint {
  return {
    name: 'plausible',
    limits: { perRequest: 'event' },
    keepalive: true,
    browserSafe: true,
    encode({ rows }) {
      const event = readEvent(rows[0] as string)
      if (!isEvent(event)) return null
      const { kind, name, row, referrer } = event
      const view = kind === 'page'
      const props = {
        ...(link && { nt_link: row.link }),
        ...(view && name !== kind && { page: name }),
        ...event.props,
      }
      const body = defined({
        d: domain,
        n: view ? 'pageview' : RESERVED.includes(name) ? `_${name}` : cut(name, 120),
        // It insists on an address; an event has none, so it is the site's own.
        u: cut(event.url ?? `https://${domain.split(',')[0]}/`, 2000),
        r: referrer,
        p: propertiesOf(props),
        // Who is signed in, and for whom, is nothing that the visitor did.
        i: kind === 'identify' || kind === 'group' ? false : undefined,
      })
      return { url: withPath(url, '/api/event'), body: JSON.stringify(body) }
    },
    settle(response) {
      const { status, headers } = response
      if (status !== 202) return settleUnread(response)
      return Number(headers.get('x-plausible-dropped')) ? 'drop' : 'ack'
    },
  }
}

/** Up to 30 texts. Plausible's limits are 300 bytes for a name and 2000 for a value; a UTF-16 unit takes 3 at the most. */
function propertiesOf(props: Record<string, unknown>): Record<string, string> | undefined {
  const found = Object.entries(props)
    .filter(([name, value]) => name.trim() && value !== null && value !== '')
    .map(([name, value]) => [cut(name, 100), cut(typeof value === 'object' ? JSON.stringify(value) : `${value}`, 666)])
    .slice(0, 30)
  return found.length ? Object.fromEntries(found) : undefined
}

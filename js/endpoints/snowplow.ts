import type { Endpoint } from '../types.js'
import { settleUnread } from './lib/answer.js'
import { defined, type EventRow, readEvent } from './lib/event.js'
import { isRelative, trimSlash } from './lib/request.js'
import { hexOf } from './lib/text.js'

/** Options of {@link snowplow}. */
export interface SnowplowOptions {
  /** Address of the collector; the path is added unless it is there. May be relative to the page. */
  url: string
  /** The application's id (`app_id`). Default: the deployment. */
  appId?: string
  /**
   * Your own schemas for tracked events, by name: such an event is a self-describing event of that schema with its
   * properties as data. Default: all are of Nymtrail's own schema `com.nymtrail/event`.
   * @example `{ checkout: 'iglu:com.acme/checkout/jsonschema/1-0-0' }`
   */
  schemas?: Record<string, string>
  /**
   * Asks the collector to keep neither the IP address nor an id of its own, by the header `SP-Anonymous: *`. Default
   * `true`; `false` for collectors that do not allow that header to pages of other origins.
   */
  withoutAddress?: boolean
  /** Most bytes in a request. Default 1,000,000: a collector takes events up to 1 MiB. */
  maxBytes?: number
}

const SNOWPLOW = 'iglu:com.snowplowanalytics.snowplow'
const EVENT = 'iglu:com.nymtrail/event/jsonschema/1-0-0'
const ROW = 'iglu:com.nymtrail/row/jsonschema/1-0-0'

/**
 * A [Snowplow](https://snowplow.io) collector, by tracker protocol 2. Page views are page views, everything else is a
 * self-describing event; every row travels whole as an entity `com.nymtrail/row` beside it, so that the chain can be
 * verified from the warehouse. Both schemas must be in your Iglu registry first: docs/endpoints/snowplow has them.
 *
 * The collector answers `ok` to anything: an acknowledgement proves receipt only, and what does not fit a schema ends
 * among the failed events. A row that comes twice has the same `event_id`, by which Snowplow's models de-duplicate.
 *
 * The pipeline refuses bodies that are not declared as JSON, which costs a CORS preflight; so nothing is sent while the
 * page is leaving, and those events go at the next visit, unless the collector is of the page's own origin.
 *
 * @example
 * ```ts
 * createTrail({ deployment: 'shop', endpoint: snowplow({ url: 'https://sp.example' }) })
 * ```
 */
export function snowplow({
  url,
  appId,
  schemas = {},
  withoutAddress = true,
  maxBytes = 1_000_000,
}: SnowplowOptions): Endpoint {
  const headers = {
    // One of three spellings that the pipeline's adapter takes.
    'content-type': 'application/json; charset=UTF-8',
    ...(withoutAddress && { 'sp-anonymous': '*' }),
  }
  return {
    name: 'snowplow',
    limits: { bytes: maxBytes },
    keepalive: isRelative(url),
    browserSafe: true,
    encode({ deployment, sentAt, rows }) {
      const data = rows.map((line) => {
        const event = readEvent(line)
        const { kind, name, row, visit } = event
        const view = kind === 'page'
        const described = { schema: EVENT, data: describe(event) }
        const own = kind === 'track' && Object.hasOwn(schemas, name) && { schema: schemas[name], data: event.props }
        const entities = [{ schema: ROW, data: event.columns }, ...(view ? [described] : [])]
        // Every value is a string, also the times.
        return defined({
          e: view ? 'pv' : 'ue',
          eid: event.uuid,
          aid: appId ?? deployment,
          p: 'web',
          tv: 'nymtrail',
          dtm: `${row.t}`,
          stm: `${sentAt}`,
          uid: event.user,
          duid: event.device,
          // A session id that is no UUID makes the event a failed one.
          sid: visit && hexOf(visit).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
          ...(view
            ? { url: event.url, refr: event.referrer, page: name === kind ? undefined : name }
            : { ue_pr: wrapped('unstruct_event', own || described) }),
          co: wrapped('contexts', entities),
        })
      })
      const body = JSON.stringify({ schema: `${SNOWPLOW}/payload_data/jsonschema/1-0-4`, data })
      return {
        url: /\/tp2$/.test(url) ? url : `${trimSlash(url)}/com.snowplowanalytics.snowplow/tp2`,
        headers,
        body,
      }
    },
    settle: (response) => (response.status < 300 && response.text.trim() === 'ok' ? 'ack' : settleUnread(response)),
  }
}

const wrapped = (name: string, data: unknown) =>
  JSON.stringify({ schema: `${SNOWPLOW}/${name}/jsonschema/1-0-0`, data })

const describe = ({ kind, name, group, props }: EventRow) => defined({ kind, name, group, props })

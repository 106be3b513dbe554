import type { Endpoint, EndpointResponse, Settlement } from '../types.js'
import { readJson, settleUnread } from './lib/answer.js'
import { defined, type EventRow, inPieces, placeOf, readEvent } from './lib/event.js'
import { isRelative, trimSlash } from './lib/request.js'

/** What both ways of {@link mixpanel} have. */
interface Common {
  /** The project's group key for what `group()` names, default `organization`. */
  groupKey?: string
}

/** Straight from the page, to `/track`. */
export interface MixpanelTrackOptions extends Common {
  /** Default `track`. */
  api?: 'track'
  /** The project's token. It is public: Mixpanel's own library has it in the page, too. */
  token: string
  /**
   * Default `https://api.mixpanel.com`; `https://api-eu.mixpanel.com`, `https://api-in.mixpanel.com`, or your own proxy.
   */
  host?: string
}

/** To `/import`, through a proxy of your own that adds the secret of a service account. */
export interface MixpanelImportOptions extends Common {
  /** Says that `host` is your proxy. */
  api: 'import'
  /** Your proxy, which passes `<host>/import?…` on to `https://api.mixpanel.com/import?…` with `Authorization: Basic …`. */
  host: string
  /** The project's id. */
  projectId: string | number
}

/** Options of {@link mixpanel}. */
export type MixpanelOptions = MixpanelTrackOptions | MixpanelImportOptions

/**
 * Mixpanel. Every row travels as an event with its columns `nt_*` among the properties; its `$insert_id` is the same on
 * every try, by which Mixpanel drops doubles. `ip=0`, so no place is looked up. Profiles are not written.
 *
 * - `track` (default) needs only the public token, no CORS preflight, and is sent also while the page is leaving. It
 *   answers `1` when any event of a request is good: an acknowledgement proves receipt only, and what is older than five
 *   days when it arrives is not kept.
 * - `import` takes events of any age and answers for each: those that fail are dropped, the others are acknowledged. It
 *   needs a service account's secret, which must not be in a page: give your own proxy as `host` and say `proxied: true`
 *   to `createTrail()`, which refuses this endpoint otherwise.
 *
 * @example
 * ```ts
 * import { createTrail } from 'nymtrail'
 * import { mixpanel } from 'nymtrail/endpoints/mixpanel'
 *
 * createTrail({ deployment: 'shop', endpoint: mixpanel({ token: '…', host: 'https://api-eu.mixpanel.com' }) })
 * // or, through your own proxy:
 * createTrail({ deployment: 'shop', proxied: true, endpoint: mixpanel({ api: 'import', host: '/mixpanel', projectId: 1 }) })
 * ```
 */
export function mixpanel(options: MixpanelOptions): Endpoint {
  const { host = 'https://api.mixpanel.com', groupKey = 'organization' } = options
  const base = trimSlash(host)

  function toEvent({ row, uuid, kind, name, props, user, group, device, visit, url, referrer, columns }: EventRow) {
    const { host, path } = placeOf(url)
    const page = kind === 'page'
    return {
      event: page ? '$mp_web_page_view' : name,
      properties: {
        ...(visit && { visit }),
        ...(page && defined({ name: name === kind ? undefined : name, $current_url: url, $referrer: referrer })),
        ...(page && defined({ current_domain: host, current_url_path: path })),
        ...props,
        ...(options.api !== 'import' && { token: options.token }),
        time: row.t,
        $insert_id: uuid,
        // Empty for what is nobody's, so that it counts as nobody (documentation: "server side events without a user").
        distinct_id: user ?? (device ? `$device:${device}` : ''),
        ...(device && { $device_id: device }),
        ...(user && { $user_id: user }),
        ...(group && { [groupKey]: group }),
        // Strings are cut at 255 characters.
        ...inPieces(columns, 255),
      },
    }
  }
  const eventsOf = (rows: readonly string[]) => JSON.stringify(rows.map((line) => toEvent(readEvent(line))))

  // The API's own example of 413 speaks of 2 MB, the documentation of 10.
  const limits = { events: 2000, bytes: 2_000_000, eventBytes: 1_000_000 }
  if (options.api === 'import')
    return {
      name: 'mixpanel',
      limits,
      keepalive: isRelative(base),
      browserSafe: false,
      encode: ({ rows }) => ({
        url: `${base}/import?strict=1&project_id=${encodeURIComponent(options.projectId)}`,
        headers: { 'content-type': 'application/json' },
        body: eventsOf(rows),
      }),
      settle: (response, { rows }) => settleImport(response, rows.length),
    }
  return {
    name: 'mixpanel',
    limits,
    keepalive: true,
    browserSafe: true,
    encode: ({ rows }) => ({
      url: `${base}/track?verbose=1&ip=0`,
      // As Mixpanel's own library does: a form needs no preflight.
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `data=${encodeURIComponent(eventsOf(rows))}`,
    }),
    settle(response) {
      const { status, error } = readJson<{ status?: unknown; error?: unknown }>(response.text) ?? {}
      if (response.status !== 200 || status !== 0)
        return response.status === 200 && status === 1 ? 'ack' : settleUnread(response)
      // None of the events is good. Without a token that is not their fault; thrown, so that the console says it.
      if (/token/i.test(String(error))) throw new Error('token')
      return 'split'
    },
  }
}

/** `/import`: 400 means that some events failed and the others are in. */
function settleImport(response: EndpointResponse, rows: number): Settlement {
  const { status, text } = response
  if (status !== 200 && status !== 400) return settleUnread(response)
  const { code, error, failed_records: failed, num_records_imported: imported } = readJson<Imported>(text) ?? {}
  if (status === 200) return code === 200 && imported === rows ? 'ack' : 'retry'
  // What the project or the credentials lack is not the events' fault.
  if (!Array.isArray(failed) || !failed.length)
    return /project|credential|token/i.test(String(error)) ? 'retry' : 'split'
  const bad = new Set(failed.map(({ index }) => index))
  const known = imported === rows - bad.size
  return { events: Array.from({ length: rows }, (_, at) => (bad.has(at) ? 'drop' : known ? 'ack' : 'retry')) }
}

interface Imported {
  code?: unknown
  error?: unknown
  num_records_imported?: unknown
  failed_records?: { index?: unknown }[]
}

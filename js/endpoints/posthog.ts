import type { Endpoint, Outcome } from '../types.js'
import { readJson, settleUnread } from './lib/answer.js'
import { defined, type EventRow, isoTime, placeOf, readEvent } from './lib/event.js'
import { isRelative, trimSlash } from './lib/request.js'

/** Options of {@link posthog}. */
export interface PosthogOptions {
  /** The project's API key, `phc_…`. It is public: PostHog's own library has it in the page, too. */
  key: string
  /** Where the project is: default `https://us.i.posthog.com`; `https://eu.i.posthog.com`, or your own proxy. */
  host?: string
  /**
   * - `batch` (default): `/batch/`. No CORS preflight, so also while the page is leaving. One verdict for all events.
   * - `v1`: `/i/v1/analytics/events`, which answers for each event. Needs a preflight, so
   *   while the page is leaving it is sent only to a proxy of the page's own origin.
   */
  api?: 'batch' | 'v1'
  /**
   * - `identified` (default): a person profile for each user's pseudonym; none for events without one.
   * - `never`: no profile at all. Traits then are properties of the event alone.
   */
  profiles?: 'identified' | 'never'
  /** PostHog's name for what `group()` names, default `organization`. */
  groupType?: string
}

/**
 * PostHog, cloud or self-hosted. Every row travels, with its columns `nt_*` among the properties. GeoIP is switched off
 * and `$ip` is given as `0.0.0.0`; a retry has the same `uuid`, by which PostHog drops the double in time.
 *
 * What it answers: `/batch/` says `{"status":"Ok"}` for all or refuses all, and says so even when the project is over its
 * quota or the key belongs to no project: an acknowledgement proves receipt only. `v1` answers for each event: `ok` and
 * `warning` are acknowledged, `drop` is dropped unless a quota is the reason, all else is tried again.
 *
 * @example
 * ```ts
 * import { createTrail } from 'nymtrail'
 * import { posthog } from 'nymtrail/endpoints/posthog'
 *
 * const trail = createTrail({ deployment: 'shop', endpoint: posthog({ key: 'phc_…', host: 'https://eu.i.posthog.com' }) })
 * ```
 */
export function posthog({
  key,
  host = 'https://us.i.posthog.com',
  api = 'batch',
  profiles = 'identified',
  groupType = 'organization',
}: PosthogOptions): Endpoint {
  const base = trimSlash(host)
  const v1 = api === 'v1'

  function toEvent(event: EventRow): object {
    const { row, uuid, kind, name, props, user, group, device, visit, url, referrer, columns } = event
    // PostHog drops these two events of its own where it may not keep a person (nodejs ingestion,
    // `invalid_event_when_process_person_profile_is_false`), so without one they go as plain events.
    const person = profiles !== 'never' && user !== undefined
    const identify = person && kind === 'identify'
    const grouping = person && kind === 'group' && group !== undefined
    const { host, path } = placeOf(url)
    return {
      event: kind === 'page' ? '$pageview' : identify ? '$identify' : grouping ? '$groupidentify' : name,
      uuid,
      // Whose event it is: rows that name nobody get the chain's id, which is as short-lived.
      distinct_id: user ?? device ?? row.chain,
      timestamp: isoTime(row.t),
      properties: {
        ...(kind === 'page' && defined({ name: name === kind ? undefined : name, $current_url: url, $host: host })),
        ...(kind === 'page' && defined({ $pathname: path, $referrer: referrer })),
        ...(identify ? { $set: props, ...(device && { $anon_distinct_id: device }) } : !grouping && props),
        ...(grouping && { $group_type: groupType, $group_key: group, $group_set: props }),
        ...(group && { $groups: { [groupType]: group } }),
        ...(visit && { $session_id: visit }),
        ...(!person && { $process_person_profile: false }),
        // Ingestion puts the sender's address in place of a missing or empty `$ip`.
        $ip: '0.0.0.0',
        $geoip_disable: true,
        ...columns,
      },
    }
  }

  return {
    name: 'posthog',
    // rust/capture: 20 MB for /batch/; 10 MiB as sent for v1; 1 MB for what becomes one Kafka message.
    limits: { bytes: v1 ? 10_000_000 : 20_000_000, eventBytes: 1_000_000 },
    keepalive: !v1 || isRelative(base),
    gzip: v1,
    browserSafe: true,
    encode({ rows, sentAt }) {
      const batch = rows.map((line) => toEvent(readEvent(line)))
      const time = isoTime(sentAt)
      if (!v1) return { url: `${base}/batch/`, body: JSON.stringify({ api_key: key, sent_at: time, batch }) }
      return {
        url: `${base}/i/v1/analytics/events`,
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          'posthog-sdk-info': 'nymtrail/1',
          'posthog-attempt': '1',
          // Another one on each try, as what is tried again may be another part of the batch.
          'posthog-request-id': '00000000-0000-4000-8000-000000000000'.replace(/0/g, hexDigit),
          'posthog-request-timestamp': time,
        },
        body: JSON.stringify({ created_at: time, batch }),
      }
    },
    settle(response, { rows }) {
      if (response.status !== 200) return settleUnread(response)
      const answer = readJson<{ status?: unknown; results?: Record<string, Verdict> }>(response.text)
      // The Rust server says "Ok", the one before it said 1.
      if (!v1) return answer?.status === 'Ok' || answer?.status === 1 ? 'ack' : 'retry'
      return { events: rows.map((line) => outcomeOf(answer?.results?.[readEvent(line).uuid])) }
    },
  }
}

const hexDigit = () => Math.floor(Math.random() * 16).toString(16)

/** What v1 says of one event. */
interface Verdict {
  result?: string
  details?: string
}

/** What v1 does not speak of is tried again. */
function outcomeOf({ result, details }: Verdict = {}): Outcome {
  if (result === 'ok' || result === 'warning') return 'ack'
  return result === 'drop' && !/quota|limit/.test(details ?? '') ? 'drop' : 'retry'
}

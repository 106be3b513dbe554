/**
 * PostHog's capture service and what ingestion makes of its events, as its source has it (github.com/PostHog/posthog):
 * rust/capture/src/{v0_request,api,token,router,quota_limiters}.rs and events/analytics.rs for `/batch/`,
 * rust/capture/src/v1 for `/i/v1/analytics/events`, nodejs/src for persons and `$ip`. Stricter in one thing: fields it
 * would overlook are refused.
 */
import { openDouble, type Received, type Reply } from '../harness.ts'
import { isObject, isTime, isUuid, jsonOf, onlyKeys } from './checks.ts'

/** An event as the events table and the batch export have it. */
export interface Exported {
  uuid: string
  event: string
  distinct_id: string
  timestamp: string
  properties: Record<string, unknown>
}

const MB = 1024 * 1024

export async function openPosthog({ key = 'phc_test', overQuota = [] as string[] } = {}) {
  const table = new Map<string, Exported>()
  const warnings: string[] = []
  /** uuids that v1 says it could not keep, once each. */
  const unpersisted = new Set<string>()

  /** Ingestion: who may have a person, whose address is kept, and which rows of the table are one. */
  function ingest(event: Exported) {
    const properties = { ...event.properties }
    const personal = ['$identify', '$create_alias', '$merge_dangerously', '$groupidentify'].includes(event.event)
    if (properties.$process_person_profile === false && personal) {
      warnings.push('invalid_event_when_process_person_profile_is_false')
      return
    }
    if (!properties.$ip) properties.$ip = '203.0.113.7'
    if (!properties.$geoip_disable) properties.$geoip_city_name = 'Sydney'
    table.set([event.event, event.distinct_id, event.uuid].join(), { ...event, properties })
  }

  function batch(request: Received): Reply {
    if (request.bytes.length > 20 * MB) return { status: 413, body: 'maximum event size exceeded' }
    const body = jsonOf(request.body)
    if (!isObject(body) || !Array.isArray(body.batch)) return { status: 400, body: 'failed to parse request' }
    const problem = onlyKeys(body, 'api_key', 'sent_at', 'batch') ?? (isTime(body.sent_at) ? undefined : 'sent_at')
    if (problem) return { status: 400, body: problem }
    const refused = tokenProblem(body.api_key)
    if (refused) return { status: 401, body: `API key is not valid: ${refused}` }
    if (!body.batch.length) return { status: 400, body: 'request holds no event' }
    for (const event of body.batch) {
      const problem = eventProblem(event, false)
      if (problem) return { status: problem === 'event_too_big' ? 413 : 400, body: problem }
    }
    // Over the quota, it says Ok and keeps nothing.
    if (!overQuota.length) body.batch.forEach(ingest)
    return { body: { status: 'Ok' } }
  }

  function v1({ headers, bytes, body: text }: Received): Reply {
    const error = (status: number, error: string): Reply => ({
      status,
      body: { error, error_description: error, error_uri: 'https://posthog.com/docs/api' },
      ...((status === 429 || status >= 500) && { headers: { 'retry-after': '1' } }),
    })
    const token = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1]
    if (!token) return error(401, 'missing_authorization')
    if (tokenProblem(token)) return error(401, 'invalid_api_token')
    for (const name of ['sdk-info', 'attempt', 'request-id', 'request-timestamp'])
      if (!headers[`posthog-${name}`]) return error(400, 'missing_required_headers')
    if (headers['content-type'] !== 'application/json') return error(415, 'unsupported_content_type')
    if (!/^[1-9]\d*$/.test(String(headers['posthog-attempt']))) return error(400, 'invalid_header_value')
    if (!isUuid(headers['posthog-request-id']) || !isTime(headers['posthog-request-timestamp']))
      return error(400, 'invalid_header_value')
    if (bytes.length > 10 * MB) return error(413, 'payload_too_large')
    const body = jsonOf(text)
    if (!isObject(body) || !Array.isArray(body.batch)) return error(400, 'request_parsing_error')
    if (onlyKeys(body, 'created_at', 'batch')) return error(400, 'request_parsing_error')
    if (!isTime(body.created_at)) return error(400, 'invalid_batch')
    if (!body.batch.length) return error(400, 'empty_batch')
    const results: Record<string, { result: string; details?: string }> = {}
    const kept: Exported[] = []
    for (const event of body.batch) {
      if (!isObject(event) || !isUuid(event.uuid)) return error(400, 'invalid_event_uuid')
      if (results[event.uuid]) return error(400, 'duplicate_event_uuid')
      const problem = eventProblem(event, true)
      const quota = overQuota.includes(event.event as string)
      if (problem) results[event.uuid] = { result: 'drop', details: problem }
      else if (quota) results[event.uuid] = { result: 'drop', details: 'survey_responses_over_quota' }
      else if (unpersisted.delete(event.uuid)) results[event.uuid] = { result: 'retry', details: 'not_persisted' }
      else {
        results[event.uuid] = { result: 'ok' }
        kept.push(event as unknown as Exported)
      }
    }
    kept.forEach(ingest)
    const retry = Object.values(results).some(({ result }) => result === 'retry')
    return { body: { results }, ...(retry && { headers: { 'retry-after': '1' } }) }
  }

  /** It knows the shape of a key, not whether a project has it. `key` here stands for one of the right shape. */
  const tokenProblem = (token: unknown) =>
    typeof token !== 'string' || !token
      ? 'empty'
      : token.length > 64
        ? 'too_long'
        : token.startsWith('phx_')
          ? 'personal_api_key'
          : token === key
            ? undefined
            : 'not_ascii'

  const double = await openDouble((request) => {
    if (request.method !== 'POST') return { status: 405 }
    if (request.path === '/batch/') return batch(request)
    return request.path === '/i/v1/analytics/events' ? v1(request) : { status: 404 }
  })
  return { ...double, warnings, unpersisted, exported: () => [...table.values()] }
}

function eventProblem(event: unknown, v1: boolean): string | undefined {
  if (!isObject(event)) return 'not an object'
  const unknown = onlyKeys(event, 'event', 'uuid', 'distinct_id', 'timestamp', 'properties')
  if (unknown) return unknown
  const { properties } = event
  if (typeof event.event !== 'string' || !event.event) return 'missing_event_name'
  if (v1 && Buffer.byteLength(event.event) > 200) return 'event_name_too_long'
  if (typeof event.distinct_id !== 'string' || !event.distinct_id.trim()) return 'missing_distinct_id'
  if (Buffer.byteLength(event.distinct_id) > 200) return 'distinct_id_too_large'
  if (!isUuid(event.uuid)) return 'missing_event_uuid'
  if (!isTime(event.timestamp)) return 'invalid_event_timestamp'
  if (!isObject(properties)) return 'malformed_event_properties'
  if (!v1 && !['undefined', 'boolean'].includes(typeof properties.$cookieless_mode)) return 'invalid_cookieless_mode'
  if (!['undefined', 'boolean'].includes(typeof properties.$process_person_profile)) return 'invalid_options'
  return JSON.stringify(event).length > 1_000_000 ? 'event_too_big' : undefined
}

/**
 * Mixpanel's ingestion API as documented (docs.mixpanel.com: import-events, track-event, 400-bad-request, and the
 * OpenAPI document of mixpanel/docs): `/track`, and `/import` as it looks through a proxy that adds the credentials. The
 * export is that of the Raw Export API: strings cut at 255 characters.
 */
import { openDouble, type Received, type Reply, T0 } from '../harness.ts'
import { depthOf, isObject, jsonOf, onlyKeys } from './checks.ts'

export interface Exported {
  event: string
  properties: Record<string, unknown>
}

const DAY = 24 * 60 * 60 * 1000
const NOBODY = [
  '00000000-0000-0000-0000-000000000000',
  ...[
    'anon',
    'anonymous',
    'nil',
    'none',
    'null',
    'n/a',
    'na',
    'undefined',
    'unknown',
    '<nil>',
    '0',
    '-1',
    'true',
    'false',
  ],
  ...['[]', '{}'],
]

/** `now`: the server's clock. */
export async function openMixpanel({ token = 'mixpanel-token', projectId = '7', now = T0 + DAY } = {}) {
  const table = new Map<string, Exported>()
  const state = { credentials: true }

  function keep({ event, properties }: Exported, located: boolean) {
    const { time, distinct_id, $insert_id } = properties
    const kept = cut({
      ...properties,
      ...(located && { $city: 'Sydney', ip: '203.0.113.7' }),
    }) as Exported['properties']
    table.set([event, time, distinct_id, $insert_id].join(), { event, properties: kept })
  }

  function track({ headers, query, body }: Received): Reply {
    if (headers['content-type'] !== 'application/x-www-form-urlencoded') return { status: 400, body: '0' }
    const answer = (status: 0 | 1, error: string | null = null): Reply =>
      query.get('verbose') === '1' ? { body: { status, error } } : { body: String(status) }
    const form = new URLSearchParams(body)
    const events = jsonOf(form.get('data') ?? '')
    if ([...form.keys()].join() !== 'data' || !Array.isArray(events)) return answer(0, 'data, missing or empty')
    if (events.length > 2000) return { status: 413, body: { code: 413 } }
    if (!events.some((event) => isObject(event?.properties) && event.properties.token))
      return answer(0, 'token, missing or empty')
    const good = events.filter((event) => !eventProblem(event, now, 'token'))
    // A token of no project is told nobody, nor what is too old.
    for (const event of good)
      if (event.properties.token === token && event.properties.time > now - 5 * DAY)
        keep({ ...event, properties: { ...event.properties, token: undefined } }, query.get('ip') !== '0')
    return good.length ? answer(1) : answer(0, 'no valid events')
  }

  function importing({ headers, query, body, bytes }: Received): Reply {
    const error = (code: number, error: string): Reply => ({ status: code, body: { code, error, status: 'Error' } })
    if (!state.credentials) return error(401, 'Invalid credentials')
    if (query.get('project_id') !== projectId) return error(400, 'project_id is missing or invalid')
    if (headers['content-type'] !== 'application/json' || query.get('strict') !== '1') return error(400, 'bad request')
    if (bytes.length > 2_097_152) return error(413, 'request exceeds max limit of 2097152 bytes')
    const events = jsonOf(body)
    if (!Array.isArray(events) || !events.length || events.length > 2000) return error(400, 'expected a list of events')
    const failed_records = events.flatMap((event, index) => {
      const problem = eventProblem(event, now)
      return problem ? [{ index, insert_id: event?.properties?.$insert_id, field: problem, message: 'is invalid' }] : []
    })
    const bad = new Set(failed_records.map(({ index }) => index))
    for (const [at, event] of events.entries()) if (!bad.has(at)) keep(event, false)
    const num_records_imported = events.length - bad.size
    if (!bad.size) return { body: { code: 200, num_records_imported, status: 'OK' } }
    const message = 'some data points in the request failed validation'
    return {
      status: 400,
      body: { code: 400, error: message, failed_records, num_records_imported, status: 'Bad Request' },
    }
  }

  const double = await openDouble((request) => {
    if (request.method !== 'POST') return { status: 405 }
    if (request.path === '/track') return track(request)
    return request.path === '/import' ? importing(request) : { status: 404 }
  })
  return { ...double, state, exported: () => [...table.values()] }
}

/** The field of an event that fails. `more`: a property that only `/track` has. */
function eventProblem(event: unknown, now: number, more?: string): string | undefined {
  if (!isObject(event) || onlyKeys(event, 'event', 'properties')) return 'event'
  const { event: name, properties } = event
  if (typeof name !== 'string' || !name) return 'event'
  if (!isObject(properties)) return 'properties'
  const { time, distinct_id, $insert_id } = properties
  if (!Number.isInteger(time) || Number(time) < 365 * DAY || Number(time) > now + 3_600_000) return 'properties.time'
  if (typeof distinct_id !== 'string' || NOBODY.includes(distinct_id.toLowerCase())) return 'properties.distinct_id'
  if (typeof $insert_id !== 'string' || !/^[\dA-Za-z-]{1,36}$/.test($insert_id)) return 'properties.$insert_id'
  if (!more && 'token' in properties) return 'properties.token'
  if (JSON.stringify(event).length > 1_000_000) return 'event'
  if (tooWide(properties)) return 'properties'
  return Object.values(properties).some((value) => depthOf(value) > 3) ? 'properties' : undefined
}

/** Whether anything in it has 255 members or more. */
const tooWide = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (Object.keys(value).length >= 255 || Object.values(value).some(tooWide))

/** Every string, wherever it is, at 255 bytes. */
const cut = (value: unknown): unknown =>
  typeof value === 'string'
    ? Buffer.from(value).subarray(0, 255).toString()
    : Array.isArray(value)
      ? value.map(cut)
      : isObject(value)
        ? Object.fromEntries(Object.entries(value).map(([name, part]) => [name, cut(part)]))
        : value

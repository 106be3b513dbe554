/**
 * Amplitude's HTTP V2 API as documented (docs/apis/analytics/http-v2 and http-api-batching-retries) and as its own
 * library reads its answers (amplitude/Amplitude-TypeScript, analytics-core/src/plugins/destination.ts). The export is
 * that of the Export API: strings cut at 1024 characters, and no `$identify` events.
 */
import { openDouble, type Reply } from '../harness.ts'
import { depthOf, isObject, isTime, jsonOf, onlyKeys } from './checks.ts'

export interface Exported {
  event_type: string
  $insert_id: string
  user_id?: string
  device_id: string
  event_properties: Record<string, unknown>
  user_properties: Record<string, unknown>
  groups: Record<string, unknown>
  ip_address: string | null
}

const RESERVED = ['Start Session', 'End Session', 'Revenue', 'Revenue (Verified)', 'Merged User'].map(
  (name) => `[Amplitude] ${name}`,
)
const NO_IDS = ['anonymous', 'nil', 'none', 'null', 'n/a', 'na', 'undefined', 'unknown', '', '{}', 'lmy47d', '0', '-1']

export async function openAmplitude({ key = 'amplitude-key', beacon = false } = {}) {
  const events = new Map<string, Exported>()
  /** Devices that are blocked, and that send too much. */
  const silenced = new Set<string>()
  const throttled = new Set<string>()
  const invalid = (error: string, more: object = {}): Reply => ({ status: 400, body: { code: 400, error, ...more } })

  const double = await openDouble(({ method, path, headers, bytes, body: text }) => {
    if (method !== 'POST' || path !== '/2/httpapi') return { status: 404 }
    const type = beacon ? 'text/plain;charset=UTF-8' : 'application/json'
    if (headers['content-type'] !== type) return invalid('Invalid JSON request body')
    if (bytes.length > 1_000_000) return { status: 413, body: { code: 413, error: 'Payload too large' } }
    const body = jsonOf(text)
    if (!isObject(body) || onlyKeys(body, 'api_key', 'events', 'client_upload_time'))
      return invalid('Invalid JSON request body')
    const missing = ['api_key', 'events'].find((name) => !body[name])
    if (missing) return invalid('Request missing required field', { missing_field: missing })
    if (body.api_key !== key) return invalid('Invalid API key')
    if (!Array.isArray(body.events) || !body.events.length || !isTime(body.client_upload_time))
      return invalid('Invalid JSON request body')
    if (body.events.length > 2000) return { status: 413, body: { code: 413, error: 'Payload too large' } }

    const found = { missing: {}, fields: {}, lengths: {} } as Record<string, Record<string, number[]>>
    const note = (kind: string, field: string, at: number) => {
      const fields = found[kind] as Record<string, number[]>
      fields[field] = [...(fields[field] ?? []), at]
    }
    const blocked: number[] = []
    const paused: number[] = []
    for (const [at, event] of body.events.entries()) {
      if (!isObject(event)) {
        note('fields', 'event', at)
        continue
      }
      if (event.event_type === undefined) note('missing', 'event_type', at)
      if (event.user_id === undefined && event.device_id === undefined) note('missing', 'device_id', at)
      for (const id of ['user_id', 'device_id']) {
        const value = event[id]
        if (value === undefined) continue
        if (typeof value !== 'string' || NO_IDS.includes(value)) note('fields', id, at)
        else if (value.length < 5) note('lengths', id, at)
      }
      const field = fieldProblem(event)
      if (field) note('fields', field, at)
      if (silenced.has(event.device_id as string)) blocked.push(at)
      if (throttled.has(event.device_id as string)) paused.push(at)
    }
    const bad = (kind: string) => Object.keys(found[kind] ?? {}).length > 0
    if (bad('missing') || bad('fields') || bad('lengths') || blocked.length)
      return invalid(bad('missing') ? 'Request missing required field' : 'Invalid field values on some events', {
        missing_field: null,
        events_with_missing_fields: found.missing,
        events_with_invalid_fields: found.fields,
        events_with_invalid_id_lengths: found.lengths,
        silenced_events: blocked,
        silenced_devices: [...silenced],
      })
    if (paused.length)
      return {
        status: 429,
        body: {
          code: 429,
          error: 'Too many requests for some devices and users',
          eps_threshold: 30,
          throttled_devices: Object.fromEntries([...throttled].map((device) => [device, 31])),
          throttled_users: {},
          throttled_events: paused,
        },
      }
    for (const event of body.events) keep(event)
    return {
      body: { code: 200, events_ingested: body.events.length, payload_size_bytes: bytes.length, server_upload_time: 1 },
    }
  })

  function keep(event: Record<string, unknown>) {
    const id = String(event.insert_id)
    if (events.has(id) || String(event.event_type).startsWith('$')) return
    const { ip, time, insert_id, ...kept } = cut(event) as Record<string, unknown>
    const ip_address = ip === '$remote' ? '203.0.113.7' : (ip ?? null)
    events.set(id, { user_properties: {}, groups: {}, ...kept, $insert_id: id, ip_address } as Exported)
  }

  return { ...double, silenced, throttled, exported: () => [...events.values()] }
}

/** The field of an event that is not as it should be. */
function fieldProblem(event: Record<string, unknown>): string | undefined {
  const known = ['event_type', 'user_id', 'device_id', 'time', 'insert_id', 'event_properties', 'user_properties']
  const stranger = onlyKeys(event, ...known, 'groups')
  if (stranger) return stranger
  if (typeof event.event_type !== 'string' || RESERVED.includes(event.event_type)) return 'event_type'
  if (!Number.isInteger(event.time)) return 'time'
  if (typeof event.insert_id !== 'string' || !event.insert_id) return 'insert_id'
  for (const name of ['event_properties', 'user_properties', 'groups']) {
    const value = event[name]
    if (value !== undefined && (!isObject(value) || depthOf(value) > 40)) return name
  }
  return undefined
}

/** Every string, wherever it is, at 1024 characters. */
const cut = (value: unknown): unknown =>
  typeof value === 'string'
    ? value.slice(0, 1024)
    : Array.isArray(value)
      ? value.map(cut)
      : isObject(value)
        ? Object.fromEntries(Object.entries(value).map(([name, part]) => [name, cut(part)]))
        : value

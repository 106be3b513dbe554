/**
 * A proxy that adds the secret, and Google's Measurement Protocol behind it, by its documentation: it answers 204 to
 * everything and keeps what is right (names, parameters, values, ages). `/debug/mp/collect` answers with what is wrong.
 */
import { openDouble, T0 } from '../harness.ts'

export const MEASUREMENT = 'G-ABC123'
export const MAX_BYTES = 130_000
/** The service's clock: a little after the tests' batches are sent. */
const NOW = T0 + 6000

export interface Ga4Event {
  name: string
  at: number
  client: string
  user?: string
  params: Record<string, unknown>
}

const RESERVED = [
  ...'ad_activeview ad_click ad_exposure ad_query ad_reward adunit_exposure app_background app_clear_data'.split(' '),
  ...'app_exception app_remove app_store_refund app_store_subscription_cancel app_update app_upgrade'.split(' '),
  ...'dynamic_link_app_open dynamic_link_first_open error first_open first_visit in_app_purchase'.split(' '),
  ...'notification_dismiss notification_open os_update session_start user_engagement screen_view'.split(' '),
]
const LENGTHS: Record<string, number> = { page_location: 1000, page_referrer: 420, page_title: 300 }

/** What is wrong with an event. */
function wrong({ name, params = {}, timestamp_micros, ...rest }: Record<string, unknown>): string | undefined {
  const legal = (text: unknown) =>
    typeof text === 'string' && /^[a-zA-Z]\w{0,39}$/.test(text) && !/^(ga_|google_|firebase_|gtag)/.test(text)
  if (Object.keys(rest).length) return `unknown: ${Object.keys(rest)}`
  if (!legal(name) || RESERVED.includes(name as string)) return `NAME_INVALID: ${name}`
  if (!Number.isInteger(timestamp_micros) || `${timestamp_micros}`.length !== 16) return 'timestamp_micros'
  if (NOW - (timestamp_micros as number) / 1000 > 72 * 3_600_000 + 1000) return 'older than 72 hours'
  if (typeof params !== 'object' || params === null) return 'params'
  if (Object.keys(params).length > 25) return 'EXCEEDED_MAX_ENTITIES'
  for (const [key, value] of Object.entries(params)) {
    if (!legal(key) || key === 'firebase_conversion') return `NAME_INVALID: ${key}`
    if (key === 'session_id' && !/^\d+$/.test(String(value))) return 'session_id'
    if (key === 'items' && Array.isArray(value)) continue
    if (typeof value === 'string' ? value.length > (LENGTHS[key] ?? 100) : !Number.isFinite(value))
      return `VALUE_INVALID: ${key}`
  }
  return undefined
}

/** `refuse` says of which links it finds fault with the event. */
export async function openGa4({ path = '/ga', refuse = (_: string): boolean => false } = {}) {
  const events: Ga4Event[] = []
  const thrownAway: string[] = []
  const double = await openDouble((request) => {
    if (request.method !== 'POST' || request.path !== path) return { status: 404 }
    // Here the proxy would add the secret; the page must not know one.
    if (request.query.has('api_secret')) return { status: 400 }
    if (request.bytes.length > MAX_BYTES) return { status: 413 }
    const messages: string[] = []
    try {
      const { client_id, user_id, consent, events: found, ...rest } = JSON.parse(request.body)
      if (Object.keys(rest).length) throw new Error(`unknown: ${Object.keys(rest)}`)
      if (request.query.get('measurement_id') !== MEASUREMENT) throw new Error('measurement_id')
      if (typeof client_id !== 'string' || !client_id) throw new Error('client_id')
      if (user_id !== undefined && (typeof user_id !== 'string' || user_id.length > 256)) throw new Error('user_id')
      for (const value of Object.values(consent ?? {}))
        if (value !== 'DENIED' && value !== 'GRANTED') throw new Error('consent')
      if (!Array.isArray(found) || found.length > 25) throw new Error('events')
      for (const event of found) {
        const reason = wrong(event) ?? (refuse(event.params.nt_link) ? 'poisoned' : undefined)
        if (reason) messages.push(reason)
        else {
          const { name, params, timestamp_micros } = event
          events.push({
            name,
            params,
            at: timestamp_micros / 1000,
            client: client_id,
            ...(user_id && { user: user_id }),
          })
        }
      }
    } catch (error) {
      messages.push(String(error))
    }
    thrownAway.push(...messages)
    if (path.startsWith('/debug/')) return { body: { validationMessages: messages } }
    return { status: 204 }
  })
  return { ...double, events, thrownAway, exported: () => events }
}

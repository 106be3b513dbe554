/**
 * Plausible's events API as its source has it (external_controller.ex, ingestion/{request,event}.ex): 202 `ok` to what is
 * well-formed, with the header x-plausible-dropped for what it throws away; 400 with the faults otherwise.
 */
import { openDouble } from '../harness.ts'

export const DOMAIN = 'shop.example'

export interface PlausibleEvent {
  name: string
  domain: string
  pathname: string
  hostname: string
  referrer?: string
  props: Record<string, string>
  interactive: boolean
}

const FIELDS = ['n', 'u', 'd', 'r', 'p', 'i', 'v', 'h']
const bytes = (text: string) => new TextEncoder().encode(text).length

class Invalid extends Error {}

function read(body: Record<string, unknown>): PlausibleEvent {
  for (const name of Object.keys(body)) if (!FIELDS.includes(name)) throw new Invalid(`unknown field ${name}`)
  const { n, u, d, r, p = {}, i = true } = body
  if (typeof n !== 'string' || !n.trim() || [...n].length > 120) throw new Invalid('event_name')
  if (typeof u !== 'string' || !URL.canParse(u) || u.startsWith('data:') || u.length > 2000) throw new Invalid('url')
  if (typeof d !== 'string' || !d.trim()) throw new Invalid("domain: can't be blank")
  if (r !== undefined && r !== null && (typeof r !== 'string' || r.length > 2000)) throw new Invalid('referrer')
  if (typeof p !== 'object' || p === null || Array.isArray(p)) throw new Invalid('props')
  if (typeof i !== 'boolean') throw new Invalid('interactive')
  // Stricter than Plausible, which leaves these out without a word: nothing is to get lost unseen.
  if (Object.keys(p).length > 30) throw new Invalid('more than 30 props')
  const props: Record<string, string> = {}
  for (const [name, value] of Object.entries(p)) {
    if (typeof value !== 'string' || !name.trim() || !value) throw new Invalid(`prop ${name} would be left out`)
    if (bytes(name) > 300 || bytes(value) > 2000) throw new Invalid('keys at most 300 bytes and values 2000 bytes')
    props[name] = value
  }
  const { hostname, pathname } = new URL(u)
  return { name: n, domain: d, pathname, hostname, props, interactive: i, ...(r ? { referrer: r as string } : {}) }
}

/** `refuse` says of which links it finds fault with the event. */
export async function openPlausible({ refuse = (_: string): boolean => false } = {}) {
  const events: PlausibleEvent[] = []
  const state = { bot: false }
  const double = await openDouble(({ method, path, body }) => {
    if (method !== 'POST' || path !== '/api/event') return { status: 404 }
    const dropped = { status: 202, headers: { 'x-plausible-dropped': '1' }, body: 'ok' }
    try {
      const event = read(JSON.parse(body))
      if (refuse(event.props.nt_link as string)) throw new Invalid('poisoned')
      // The engagement of a page has fields of its own; without them it is thrown away.
      if (event.domain !== DOMAIN || state.bot || event.name === 'engagement') return dropped
      events.push(event)
      return { status: 202, body: 'ok' }
    } catch (error) {
      return { status: 400, body: { errors: { request: String(error) } } }
    }
  })
  return { ...double, events, state, exported: () => events }
}

/**
 * Umami's batch API as its source has it (src/app/api/{batch,send}/route.ts, src/lib/data.ts, the tables of Prisma's
 * schema), at its strictest over versions 2 and 3: where a newer one cuts a text, this one refuses it as older ones do.
 */
import { openDouble, type Reply } from '../harness.ts'

export const WEBSITE = '1c5a6e0d-5c1f-4b0e-9a3e-0d7a2c9f8b11'
export const MAX_BYTES = 1_048_576

/** A row of Umami's table event_data. */
interface Datum {
  key: string
  text: string
  type: 'string' | 'number' | 'boolean' | 'date' | 'array'
}

export interface UmamiEvent {
  type: 'pageview' | 'event'
  name?: string
  path: string
  query: string
  host: string
  referrer?: string
  title?: string
  id?: string
  tag?: string
  at: number
  data: Datum[]
}

class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

const STRINGS = ['hostname', 'language', 'screen', 'title', 'name', 'tag', 'ip', 'userAgent', 'id', 'url', 'referrer']
const OTHERS = ['website', 'data', 'timestamp']

function check(item: { type?: unknown; payload?: Record<string, unknown> }) {
  const bad = (message: string) => new Refused(400, message)
  const { type, payload, ...rest } = item
  if (type !== 'event' || !payload || Object.keys(rest).length) throw bad('Invalid input')
  for (const [name, value] of Object.entries(payload)) {
    if (![...STRINGS, ...OTHERS].includes(name)) throw bad(`Unrecognized key: ${name}`)
    if (STRINGS.includes(name) && typeof value !== 'string') throw bad(`${name}: expected string`)
  }
  const { website, data, timestamp, name, tag, id, url, referrer } = payload as Record<string, string> & {
    data?: Record<string, unknown>
  }
  if (!/^[\da-f]{8}-[\da-f]{4}-[1-8][\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/.test(website ?? '')) throw bad('website')
  for (const text of [name, tag]) {
    if (text && /^[=+\-@\t\r]/.test(text)) throw bad('Value must not start with =, +, -, @, tab, or carriage return')
    if (text && text.length > 50) throw bad('Too big: expected string to have <=50 characters')
  }
  if (id && id.length > 50) throw bad('Too big: expected string to have <=50 characters')
  if (timestamp !== undefined && !Number.isInteger(Number(timestamp))) throw bad('timestamp: expected int')
  for (const address of [url, referrer]) if (address && !URL.canParse(address, 'https://localhost')) throw bad('URL')
  if (data !== undefined && (typeof data !== 'object' || Array.isArray(data))) throw bad('data: expected object')
  if (data && 'commerce' in data && !name) throw bad('Commerce requires a named website event.')
  if (website !== WEBSITE) throw bad('Website not found.')
  return { data: data ?? {}, timestamp, name, tag, id, url, referrer, title: payload.title as string | undefined }
}

const DATE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?(Z|\+\d{2}:\d{2})?$/

/** src/lib/data.ts flattens nested objects; the columns are varchar(500) and decimal(19,4). */
function flatten(data: Record<string, unknown>, parent = ''): Datum[] {
  return Object.entries(data).flatMap(([name, value]): Datum[] => {
    const key = parent ? `${parent}.${name}` : name
    if (value && typeof value === 'object' && !Array.isArray(value))
      return flatten(value as Record<string, unknown>, key)
    const datum: Datum =
      typeof value === 'number'
        ? { key, type: 'number', text: value.toFixed(4) }
        : typeof value === 'boolean'
          ? { key, type: 'boolean', text: String(value) }
          : typeof value === 'string'
            ? DATE.test(value)
              ? { key, type: 'date', text: new Date(value).toISOString() }
              : { key, type: 'string', text: value }
            : { key, type: 'array', text: JSON.stringify(value) }
    if (datum.text.length > 500 || key.length > 500) throw new Refused(500, 'value too long for type varchar(500)')
    if (`${key}${datum.text}`.includes('\0')) throw new Refused(500, 'invalid byte sequence for encoding "UTF8": 0x00')
    if (datum.type === 'number' && Math.abs(value as number) >= 1e15) throw new Refused(500, 'numeric field overflow')
    return [datum]
  })
}

/** `refuse` says of which links it finds fault with the event, `isBot` which user agents are no visitors. */
export async function openUmami({
  refuse = (_: string): boolean => false,
  isBot = (_: string | undefined): boolean => false,
} = {}) {
  const events: UmamiEvent[] = []

  function take(item: object, agent: string | undefined): Reply {
    try {
      const { data, timestamp, name, title, url, referrer, id, tag } = check(item)
      if (refuse(data.nt_link as string)) throw new Refused(400, 'Bad request')
      // The order of src/app/api/send/route.ts: the website is looked up before bots are.
      if (isBot(agent)) return { body: { beep: 'boop' } }
      const page = new URL(String(url), 'https://localhost')
      events.push({
        type: name ? 'event' : 'pageview',
        path: page.pathname === '/undefined' ? '' : page.pathname.slice(0, 500),
        query: page.search.slice(1, 501),
        host: page.hostname,
        at: 1000 * Number(timestamp),
        data: flatten(data),
        ...(name && { name }),
        ...(title && { title }),
        ...(referrer && { referrer }),
        ...(id && { id }),
        ...(tag && { tag }),
      })
      return { body: { cache: 'token', sessionId: 'session', visitId: 'visit' } }
    } catch (error) {
      const { status = 500, message } = error as Refused
      const code = status === 400 ? 'bad-request' : 'server-error'
      return { status, body: { error: { message: status === 500 ? 'Server error' : message, code, status } } }
    }
  }

  const double = await openDouble(({ method, path, headers, bytes, body }) => {
    if (method !== 'POST' || path !== '/api/batch') return { status: 404 }
    const error = (status: number, code: string) => ({ status, body: { error: { message: code, code, status } } })
    if (bytes.length > MAX_BYTES) return error(413, 'payload-too-large')
    let items: object[]
    try {
      items = JSON.parse(body)
    } catch {
      return error(400, 'bad-request')
    }
    if (!Array.isArray(items) || items.length < 1 || items.length > 20) return error(400, 'bad-request')
    const replies = items.map((item) => take(item, headers['user-agent']))
    const details = replies.flatMap(({ status, body: response }, index) => (status ? [{ index, response }] : []))
    const cache = replies.map((reply) => (reply.body as { cache?: string }).cache).find(Boolean) ?? null
    const { length: size } = items
    return { body: { size, processed: size - details.length, errors: details.length, details, cache } }
  })

  /** What the query on the page makes of event_data: for each event the texts under our names. */
  const exported = () =>
    events.map(({ data }) =>
      Object.fromEntries(data.filter(({ key }) => key.startsWith('nt_')).map(({ key, text }) => [key, text])),
    )
  return { ...double, events, exported }
}

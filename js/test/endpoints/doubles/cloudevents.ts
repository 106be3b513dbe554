/** A receiver of CloudEvents 1.0 in JSON over HTTP, strict about context attributes as the specification is. */
import type { Columns } from '../../../endpoints/lib/event.ts'
import { openDouble, type Received, type Reply } from '../harness.ts'

export type CloudEvent = Record<string, unknown> & { id: string; source: string; type: string; data: Columns }

/** Attributes the specification and its list of extensions define. */
const KNOWN = ['specversion', 'id', 'source', 'type', 'time', 'subject', 'datacontenttype', 'dataschema', 'data']
const EXTENSIONS = ['partitionkey', 'sequence']

/** A String: no control characters, no non-characters, no halves of surrogate pairs. */
const string = (value: unknown): value is string => typeof value === 'string' && !/[\p{Cc}\p{Cs}\p{Cn}]/u.test(value)
const uriReference = (value: unknown) => string(value) && value !== '' && !/[\s<>"{}|\\^`]/.test(value)
const timestamp = (value: unknown) =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value)

/** What is wrong with an event; undefined if nothing is. */
function wrong(event: CloudEvent): string | undefined {
  if (!event || typeof event !== 'object' || Array.isArray(event)) return 'no object'
  if (event.specversion !== '1.0') return 'specversion'
  for (const name of ['id', 'type'] as const) if (!string(event[name]) || !event[name]) return name
  if (!uriReference(event.source)) return 'source'
  if (event.time !== undefined && !timestamp(event.time)) return 'time'
  if (event.datacontenttype !== 'application/json') return 'datacontenttype'
  for (const [name, value] of Object.entries(event)) {
    if (!/^[a-z0-9]{1,20}$/.test(name) && !KNOWN.includes(name)) return `the name ${name}`
    if (KNOWN.includes(name)) continue
    if (!EXTENSIONS.includes(name)) return `the unknown extension ${name}`
    if (!string(value) || !value) return name
  }
  if (Buffer.byteLength(JSON.stringify(event)) > 65_536) return 'size'
  return
}

/** `refuse` names events that cannot be taken: the whole request is then refused, as nothing says which it was. */
export async function openCloudevents({ refuse = (_: CloudEvent): boolean => false, bytes = 1_048_576 } = {}) {
  const stored = new Map<string, CloudEvent>()

  function reply({ method, headers, bytes: sent, body }: Received): Reply {
    if (method !== 'POST') return { status: 405 }
    const batch = headers['content-type'] === 'application/cloudevents-batch+json'
    if (!batch && headers['content-type'] !== 'application/cloudevents+json') return { status: 415 }
    if (sent.length > bytes) return { status: 413 }
    let events: CloudEvent[]
    try {
      events = batch ? JSON.parse(body) : [JSON.parse(body)]
      if (!Array.isArray(events)) throw new Error('a batch is an array')
    } catch (error) {
      return { status: 400, body: String(error) }
    }
    const faults = events.map((event) => wrong(event) ?? (refuse(event) ? 'refused' : undefined))
    const fault = faults.find((found) => found)
    if (fault) return { status: 400, body: fault }
    // Source and id together say that an event is the same.
    for (const event of events) stored.set(`${event.source} ${event.id}`, event)
    return { status: 202 }
  }

  return { ...(await openDouble(reply)), stored, exported: () => [...stored.values()] }
}

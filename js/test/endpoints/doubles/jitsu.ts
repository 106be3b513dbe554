/**
 * Jitsu's ingest service as its source has it (github.com/jitsucom/jitsu, bulker/ingest/router.go,
 * router_ingest_handler.go, router_batch_handler.go, as of 2026), with one site that has a warehouse as destination.
 */
import { openDouble, type Received, type Reply } from '../harness.ts'
import { isObject, jsonOf, onlyKeys } from './checks.ts'
import { type Message, messageProblem } from './segment.ts'

const MAX_NAME = 128
const MAX_PAYLOAD = 1_000_000

export async function openJitsu({ key = 'id:secret', byHost = false } = {}) {
  /** The warehouse, by its primary key. */
  const table = new Map<string, Message>()
  const state = { destinations: 1, throttle: false }
  const error = (status: number, error: string): Reply => ({ status, body: { error } })

  /** `patchEvent` and what follows: an error, or undefined when the event is in the queue. */
  function take(message: unknown, type: string, { headers }: Received): string | undefined {
    if (!isObject(message)) return 'event error: not an object'
    const kind = type === 'event' ? message.type : type
    if (!['page', 'identify', 'track', 'group', 'alias', 'screen'].includes(String(kind)))
      return `event error: Unknown event type: ${kind}`
    if (kind === 'track') {
      const name = String(message.event ?? '')
      if (!name) return "event error: 'event' property is required for 'track' event"
      if (Buffer.byteLength(name) > MAX_NAME)
        return `event error: Invalid track event name '${name}'. Max length is 128`
    }
    // Stricter than Jitsu: what its documentation does not have is refused.
    const problem =
      messageProblem(message, 'sentAt', 'userAgent', 'locale') ?? (kind === message.type ? undefined : 'another type')
    if (problem) return `event error: ${problem}`
    if (Buffer.byteLength(JSON.stringify(message)) > MAX_PAYLOAD) return 'event error: message size is too big'
    if (!state.destinations) return 'no destinations found for stream: site'
    if (state.throttle) return 'quota exceeded: billing quota exceeded, event throttled'
    const policy = headers['x-ip-policy']
    const ip = policy === 'remove' ? '' : policy === 'stripLastOctet' ? '203.0.113.0' : '203.0.113.7'
    const taken = message as Message
    const context = { userAgent: headers['user-agent'], locale: 'en-GB', ...taken.context, ...(ip && { ip }) }
    table.set(taken.messageId, { ...taken, context, ...(ip && { requestIp: ip }) })
    return undefined
  }

  function single(request: Received, type: string): Reply {
    const message = jsonOf(request.body)
    if (message === undefined) return error(200, 'error parsing message: EOF')
    // By the key in a header alone; by the host where the site has one of its own.
    if (request.headers['x-write-key'] !== key && !byHost) return error(200, 'stream not found: for: [domain: site]')
    const problem = take(message, type, request)
    if (problem?.startsWith('quota exceeded')) return error(402, problem)
    return problem === undefined ? { body: { ok: true } } : error(200, problem)
  }

  function batch(request: Received): Reply {
    const payload = jsonOf(request.body)
    if (!isObject(payload) || !Array.isArray(payload.batch)) return error(400, 'error parsing message: EOF')
    if (onlyKeys(payload, 'writeKey', 'batch')) return error(400, 'error parsing message: unknown field')
    if (payload.writeKey !== key && !byHost) return error(401, 'stream not found: for: [domain: site]')
    const errors: string[] = []
    for (const message of payload.batch as Message[]) {
      const problem = take(message, 'event', request)
      if (problem !== undefined) errors.push(`Message ID: ${message.messageId}: ${problem}`)
    }
    const receivedEvents = payload.batch.length
    const okEvents = receivedEvents - errors.length
    return { body: { ok: !errors.length, receivedEvents, okEvents, ...(errors.length && { errors }) } }
  }

  const double = await openDouble((request) => {
    if (request.method !== 'POST') return { status: 404 }
    const type = request.headers['content-type'] ?? ''
    if (!/^(application\/json|text\/plain)\b/.test(type)) return error(400, 'invalid content type')
    if (request.path === '/v1/batch') return batch(request)
    const single_ = /^\/api\/s\/(\w+)$/.exec(request.path)?.[1]
    return single_ ? single(request, single_) : { status: 404 }
  })
  return { ...double, state, exported: () => [...table.values()] }
}

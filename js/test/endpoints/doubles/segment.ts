/**
 * Segment's HTTP tracking API as documented (segmentio/segment-docs, sources/catalog/libraries/server/http-api and
 * spec/common): 200 to all but what is no JSON or too large; what it then rejects does not come up in the export.
 */
import { openDouble } from '../harness.ts'
import { isObject, isTime, jsonOf, onlyKeys } from './checks.ts'

export interface Message {
  type: string
  event?: string
  messageId: string
  userId?: string
  anonymousId?: string
  groupId?: string
  properties?: Record<string, unknown>
  traits?: Record<string, unknown>
  context: Record<string, unknown>
  [other: string]: unknown
}

const COMMON = ['type', 'messageId', 'timestamp', 'anonymousId', 'userId', 'context']
const FIELDS: Record<string, string[]> = {
  track: ['event', 'properties'],
  page: ['name', 'properties'],
  identify: ['traits'],
  group: ['groupId', 'traits'],
}

/** What is wrong with a message of the Segment Spec, if anything is. `extra`: fields that another vendor adds. */
export function messageProblem(message: unknown, ...extra: string[]): string | undefined {
  if (!isObject(message)) return 'not an object'
  const { type, context, messageId, event, groupId, userId, anonymousId } = message
  const own = FIELDS[String(type)]
  if (!own) return `unknown type ${type}`
  const stranger = onlyKeys(message, ...COMMON, ...own, ...extra)
  if (stranger) return stranger
  if (type === 'track' && (typeof event !== 'string' || !event)) return 'track without event'
  if (type === 'group' && (typeof groupId !== 'string' || !groupId)) return 'group without groupId'
  if (!userId && !anonymousId) return 'no userId or anonymousId'
  for (const id of [userId, anonymousId]) if (id !== undefined && (typeof id !== 'string' || !id)) return 'bad id'
  if (typeof messageId !== 'string' || !messageId || messageId.length > 100) return 'bad messageId'
  if (!isTime(message.timestamp)) return 'bad timestamp'
  if (!isObject(context) || (context.page !== undefined && !isObject(context.page))) return 'bad context'
  if (onlyKeys(context, 'ip', 'library', 'page', 'groupId', 'nymtrail', ...extra)) return 'unknown context'
  const part = type === 'identify' || type === 'group' ? message.traits : message.properties
  return isObject(part) ? undefined : 'no properties or traits'
}

export async function openSegment({ key = 'segment-key' } = {}) {
  const stored = new Map<string, Message>()
  const rejected: string[] = []
  const bad = (message: string) => ({ status: 400, body: { success: false, message } })
  const double = await openDouble(({ method, path, headers, bytes, body: text }) => {
    if (method !== 'POST' || path !== '/v1/b') return { status: 404 }
    if (headers['content-type'] !== 'text/plain;charset=UTF-8') return bad('content type')
    if (bytes.length > 500_000) return bad('Exceed payload limit')
    const body = jsonOf(text)
    if (!isObject(body) || !Array.isArray(body.batch)) return bad('malformed JSON')
    if (body.batch.some((message) => Buffer.byteLength(JSON.stringify(message)) > 32 * 1024))
      return bad('Exceed payload limit')
    const problem = onlyKeys(body, 'writeKey', 'sentAt', 'batch') ?? (isTime(body.sentAt) ? undefined : 'sentAt')
    if (problem || body.batch.length > 2500) return bad(problem ?? 'too many')
    for (const message of body.batch as Message[]) {
      const problem = messageProblem(message)
      if (problem) rejected.push(problem)
      // A key of no source is told nobody.
      else if (body.writeKey === key) {
        if (!stored.has(message.messageId)) stored.set(message.messageId, message)
      }
    }
    return { body: { success: true } }
  })
  return { ...double, rejected, exported: () => [...stored.values()] }
}

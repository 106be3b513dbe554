/**
 * RudderStack's gateway as its source has it (github.com/rudderlabs/rudder-server, gateway/handle.go,
 * handle_http_auth.go, handle_http_beacon.go, response/response.go); the depth of 200 is from its documentation.
 */
import { openDouble, type Reply } from '../harness.ts'
import { depthOf, isObject, isTime, jsonOf, onlyKeys } from './checks.ts'
import { type Message, messageProblem } from './segment.ts'

export async function openRudderstack({ key = 'rudder key' } = {}) {
  const stored = new Map<string, Message>()
  const plain = (status: number, body: string): Reply => ({ status, headers: { 'content-type': 'text/plain' }, body })
  const double = await openDouble(({ method, path, query, headers, bytes, body: text }) => {
    if (method !== 'POST') return plain(405, 'Method Not Allowed')
    let found: string | undefined
    if (path === '/beacon/v1/batch') {
      found = query.get('writeKey') ?? ''
      if (!found) return plain(401, 'Failed to read writeKey from Query Params')
    } else if (path === '/v1/batch') {
      const basic = /^Basic (.+)$/.exec(headers.authorization ?? '')?.[1]
      found = basic && Buffer.from(basic, 'base64').toString().replace(/:$/, '')
      if (!found) return plain(401, 'Failed to read writeKey from header')
    } else return plain(404, '404 page not found')
    if (found !== key) return plain(401, 'Invalid Write Key')
    const body = jsonOf(text)
    if (body === undefined) return plain(400, 'Invalid JSON')
    if (!isObject(body) || !Array.isArray(body.batch) || onlyKeys(body, 'sentAt', 'batch') || !isTime(body.sentAt))
      return plain(400, 'Event is not a valid rudder event')
    for (const message of body.batch) {
      if (isObject(message) && !message.anonymousId && !message.userId)
        return plain(400, 'Request neither has anonymousId nor userId')
      if (messageProblem(message, 'request_ip') || depthOf(message) > 200)
        return plain(400, 'Event is not a valid rudder event')
    }
    if (bytes.length > 4000 * 1024) return plain(413, 'Request size exceeds max limit')
    if (!body.batch.length) return plain(400, 'Empty batch payload')
    for (const message of body.batch as Message[]) {
      const request_ip = message.request_ip ?? '203.0.113.7'
      const context = { ...message.context, ip: message.context.ip ?? request_ip }
      if (!stored.has(message.messageId)) stored.set(message.messageId, { ...message, request_ip, context })
    }
    return plain(200, 'OK')
  })
  return { ...double, exported: () => [...stored.values()] }
}

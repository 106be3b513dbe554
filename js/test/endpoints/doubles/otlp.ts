/** A receiver of OTLP/HTTP JSON logs, strict where the specification lets a receiver be: nothing unknown is ignored. */
import { openDouble, type Received, type Reply } from '../harness.ts'

/** Fields by message, as logs.proto and common.proto of opentelemetry-proto 1.5 and later have them. */
const FIELDS: Record<string, Record<string, (value: unknown) => void>> = {
  request: { resourceLogs: list('resourceLogs') },
  resourceLogs: { resource: message('resource'), scopeLogs: list('scopeLogs'), schemaUrl: text },
  resource: { attributes: attributes, droppedAttributesCount: uint32 },
  scopeLogs: { scope: message('scope'), logRecords: list('logRecord'), schemaUrl: text },
  scope: { name: text, version: text, attributes: attributes, droppedAttributesCount: uint32 },
  logRecord: {
    timeUnixNano: fixed64,
    observedTimeUnixNano: fixed64,
    severityNumber: severity,
    severityText: text,
    body: anyValue,
    attributes: attributes,
    droppedAttributesCount: uint32,
    flags: uint32,
    traceId: hex(32),
    spanId: hex(16),
    eventName: text,
  },
}

function fail(what: string, value: unknown): never {
  throw new Error(`${what}: ${JSON.stringify(value)}`)
}

/** A plain object with these fields and no others. */
function message(name: string) {
  return (value: unknown) => {
    if (!value || typeof value !== 'object' || Array.isArray(value)) fail(`${name} is no message`, value)
    for (const [field, part] of Object.entries(value)) {
      const check = FIELDS[name]?.[field]
      if (!check) fail(`${name} has no field ${field}`, part)
      check(part)
    }
  }
}
function list(name: string) {
  return (value: unknown) => {
    if (!Array.isArray(value)) fail(`no list of ${name}`, value)
    value.forEach(message(name))
  }
}
/** A string of whole characters: protobuf's are UTF-8, so half a surrogate pair cannot be in one. */
function text(value: unknown) {
  if (typeof value !== 'string' || /\p{Cs}/u.test(value)) fail('no string', value)
}
/** 64-bit integers are written as decimal strings. */
function fixed64(value: unknown) {
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value) || BigInt(value) >= 2n ** 64n) fail('no fixed64', value)
}
function uint32(value: unknown) {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) >= 2 ** 32) fail('no uint32', value)
}
function severity(value: unknown) {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 24) fail('no severity', value)
}
function hex(digits: number) {
  return (value: unknown) => {
    if (typeof value !== 'string' || !new RegExp(`^[0-9a-fA-F]{${digits}}$`).test(value)) fail('no id', value)
  }
}
function attributes(value: unknown) {
  if (!Array.isArray(value)) fail('no attributes', value)
  const keys = value.map((pair) => {
    if (Object.keys(pair).join() !== 'key,value') fail('no attribute', pair)
    text(pair.key)
    if (!pair.key) fail('a key is empty', pair)
    anyValue(pair.value)
    return pair.key
  })
  if (new Set(keys).size !== keys.length) fail('keys are not unique', keys)
}
function anyValue(value: unknown) {
  if (!value || typeof value !== 'object' || Object.keys(value).length > 1) fail('no AnyValue', value)
  const [[type, held] = []] = Object.entries(value) as [string, unknown][]
  if (type === 'stringValue') text(held)
  else if (type === 'boolValue') typeof held === 'boolean' || fail('no boolean', held)
  else if (type === 'intValue') (typeof held === 'string' && /^-?\d{1,19}$/.test(held)) || fail('no int64', held)
  else if (type === 'doubleValue') typeof held === 'number' || fail('no double', held)
  else if (type === 'arrayValue') (held as { values: unknown[] }).values.forEach(anyValue)
  else if (type === 'kvlistValue') attributes((held as { values: unknown[] }).values)
  else if (type !== undefined) fail('no such value', value)
}

/** A record as it came in. */
export interface LogRecord {
  timeUnixNano: string
  eventName: string
  body: { stringValue: string }
  attributes: { key: string; value: Record<string, unknown> }[]
}

/** What stands in a record's attributes, as plain values. */
export const attributesOf = ({ attributes }: Pick<LogRecord, 'attributes'>): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

/** `refuse` names records that are rejected and counted, `bytes` the largest body. */
export async function openOtlp({ refuse = (_: LogRecord): boolean => false, bytes = 20_971_520 } = {}) {
  const stored: LogRecord[] = []
  const resources: unknown[] = []
  /** Failures are answered with google.rpc.Status. */
  const status = (code: number, message: string): Reply => ({ status: code, body: { code: 3, message } })

  function reply({ method, path, headers, bytes: sent, body }: Received): Reply {
    if (path !== '/v1/logs') return status(404, 'no such path')
    if (method !== 'POST') return status(405, 'use POST')
    if (headers['content-type'] !== 'application/json') return status(415, 'send application/json')
    if (sent.length > bytes) return status(413, 'request body too large')
    let records: LogRecord[]
    try {
      const request = JSON.parse(body)
      message('request')(request)
      if (!request.resourceLogs) fail('no resourceLogs', request)
      resources.push(...request.resourceLogs.map(({ resource }: { resource: unknown }) => resource))
      records = request.resourceLogs.flatMap((of: { scopeLogs: { logRecords: LogRecord[] }[] }) =>
        of.scopeLogs.flatMap(({ logRecords }) => logRecords),
      )
    } catch (error) {
      return status(400, String(error))
    }
    const taken = records.filter((record) => !refuse(record))
    stored.push(...taken)
    const rejected = records.length - taken.length
    // int64, so a string; the Collector leaves the field out on success, Rotel sends null.
    const partialSuccess = rejected ? { rejectedLogRecords: `${rejected}`, errorMessage: 'record too large' } : null
    return { body: { partialSuccess } }
  }

  return { ...(await openDouble(reply)), stored, resources, exported: () => stored }
}

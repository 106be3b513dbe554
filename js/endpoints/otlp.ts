import type { Endpoint } from '../types.js'
import { defined, readEvent } from './lib/event.js'
import { holdsSecret, isRelative, withPath } from './lib/request.js'

/** Options of {@link otlp}. */
export interface OtlpOptions {
  /** Attributes of the resource, beside `service.name`, which is the deployment unless it is named here. Default none. */
  resource?: Record<string, string | number | boolean>
  /**
   * Headers to add, such as `x-scope-orgid`. Default none. One whose name says that it holds a credential makes the
   * endpoint one that is refused without `proxied: true`.
   */
  headers?: Record<string, string>
  /**
   * Compress bodies over 1 KB. Default `false`: on another origin the receiver must allow the header `content-encoding`,
   * which the OpenTelemetry Collector does only if told to.
   */
  gzip?: boolean
}

/** A value as OTLP spells it. What has no value, such as null in an array, is an empty one. */
type AnyValue =
  | { stringValue: string }
  | { boolValue: boolean }
  | { intValue: string }
  | { doubleValue: number }
  | { arrayValue: { values: AnyValue[] } }
  | { kvlistValue: { values: KeyValue[] } }
  | Record<string, never>
type KeyValue = { key: string; value: AnyValue }

/**
 * Any receiver of OpenTelemetry logs over OTLP/HTTP with JSON: the OpenTelemetry Collector, Rotel, Grafana Loki and most
 * observability vendors. Every row is one log record, also the one that opens a chain: `eventName` is the event's name,
 * its properties are attributes, and so are the columns of the row (`nt_chain`, `nt_seq`, …), from which the chain is
 * verified. See https://opentelemetry.io/docs/specs/otlp/ and docs/endpoints/otlp.md.
 *
 * The answer counts rejected records without naming them. The batch is then halved until they are found, and those
 * alone are dropped; the others may arrive again, with the same `log.record.uid`. A 200 says that the receiver took the
 * records, not that what lies behind it has stored them.
 *
 * @param url - Address of the receiver, with or without `/v1/logs`; may be relative to the page.
 * @example
 * ```ts
 * createTrail({ deployment: 'shop', endpoint: otlp('https://otel.example:4318'), salt: 'https://trail.example/v1/epochs' })
 * ```
 */
export function otlp(url: string, { resource, headers, gzip = false }: OtlpOptions = {}): Endpoint {
  const address = withPath(url, '/v1/logs')
  return {
    name: 'otlp',
    // The Collector's default limit for a body, once it is decompressed.
    limits: { bytes: 20_971_520 },
    // application/json is not CORS-simple.
    keepalive: isRelative(url),
    gzip,
    browserSafe: !holdsSecret(headers),
    encode: ({ deployment, rows }) => ({
      url: address,
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({
        resourceLogs: [
          {
            resource: { attributes: attributes({ 'service.name': deployment, ...resource }) },
            scopeLogs: [{ scope: { name: 'nymtrail' }, logRecords: rows.map(record) }],
          },
        ],
      }),
    }),
    settle({ status, text }, { rows }) {
      if (status >= 200 && status < 300) {
        // A full success is an empty message, which some receivers send as no text at all; `partialSuccess` may be null.
        const answer = text ? JSON.parse(text) : {}
        const rejected = Number(answer.partialSuccess?.rejectedLogRecords ?? (typeof answer === 'object' ? 0 : NaN))
        if (rejected === 0) return 'ack'
        if (rejected > 0) return rejected < rows.length ? 'split' : 'drop'
      }
      // The specification's list of what is retried, and what is no fault of the records: address, rights, media type.
      // Everything else must not be retried; a 500 of the Collector means that an error is permanent.
      const kept = [401, 403, 404, 405, 408, 415, 425, 429, 502, 503, 504]
      return status < 400 || kept.includes(status) ? 'retry' : 'split'
    },
  }
}

function record(line: string) {
  const { row, uuid, kind, name, props, user, group, device, visit, url, referrer, columns } = readEvent(line)
  return {
    timeUnixNano: `${row.t}000000`,
    severityNumber: 9,
    severityText: 'INFO',
    eventName: name,
    body: { stringValue: name },
    // Keys must be unique, and none empty; a property that gives way is in nt_body all the same.
    attributes: attributes({
      ...Object.fromEntries(Object.entries(props).filter(([key]) => key)),
      ...defined({
        'log.record.uid': uuid,
        'enduser.pseudo.id': user,
        'session.id': visit,
        'url.full': url,
        'nymtrail.kind': kind,
        'nymtrail.group': group,
        'nymtrail.device': device,
        'nymtrail.referrer': referrer,
      }),
      ...columns,
    }),
  }
}

/** What is null or undefined is left out: an attribute without a value has no meaning. */
const attributes = (of: object): KeyValue[] => keyValues(Object.entries(of).filter(([, value]) => value != null))

const keyValues = (entries: [string, unknown][]): KeyValue[] =>
  entries.map(([key, value]) => ({ key, value: anyValue(value) }))

function anyValue(value: unknown): AnyValue {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  // 64-bit integers are strings in protobuf's JSON.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? { intValue: `${value}` } : { doubleValue: value }
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } }
  return value ? { kvlistValue: { values: keyValues(Object.entries(value)) } } : {}
}

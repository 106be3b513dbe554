import type { Endpoint, Outcome } from '../types.js'
import { readJson, settleUnread } from './lib/answer.js'
import { isRelative, withPath } from './lib/request.js'

/** Options of {@link kafkaRest}. */
export interface KafkaRestOptions {
  /** The topic. Default `nymtrail`. */
  topic?: string
  /** Headers to add for your proxy. Default none. Never a secret: every visitor can read them. */
  headers?: Record<string, string>
}

/** One of `offsets` in an answer. */
interface Offset {
  partition?: number | null
  offset?: number | null
  error_code?: number | null
  error?: string | null
}

/**
 * Kafka, by version 2 of the REST proxy's API: Confluent REST Proxy, Karapace, Redpanda's HTTP Proxy. Every row is one
 * record, also the one that opens a chain: its value is the row as it is, its key the chain, so that a chain keeps its
 * order in one partition. See https://docs.confluent.io/platform/current/kafka-rest/api.html and
 * docs/endpoints/kafka-rest.md.
 *
 * Confluent's and Karapace's answers have an offset or an error for each record, Redpanda's one for all. A record is
 * acknowledged when it has an offset: as safe as the proxy's producer makes it (`acks=all`). Kafka keeps what comes again
 * a second time; consumers tell rows by chain and seq.
 *
 * Who reaches the proxy may write to and read from every topic: `url` is your own proxy in front, with `proxied: true`.
 *
 * @param url - Address before `/topics/<topic>`; may be relative to the page.
 * @example
 * ```ts
 * createTrail({ deployment: 'shop', endpoint: kafkaRest('/kafka', { topic: 'events' }), proxied: true })
 * ```
 */
export function kafkaRest(url: string, { topic = 'nymtrail', headers }: KafkaRestOptions = {}): Endpoint {
  const address = withPath(url, `/topics/${encodeURIComponent(topic)}`)
  return {
    name: 'kafka-rest',
    // Below `message.max.bytes`, which counts a batch of records: 1 MiB unless the broker was told otherwise.
    limits: { bytes: 1_000_000 },
    // No media type of the API is CORS-simple.
    keepalive: isRelative(url),
    browserSafe: false,
    encode: ({ chain, rows }) => ({
      url: address,
      headers: {
        ...headers,
        'content-type': 'application/vnd.kafka.json.v2+json',
        accept: 'application/vnd.kafka.v2+json',
      },
      // The rows are JSON already, to the byte.
      body: `{"records":[${rows.map((row) => `{"key":"${chain}","value":${row}}`).join()}]}`,
    }),
    settle(response, { rows }) {
      // Offsets come with 200, but Karapace says 422 when one has an error, and Confluent 401 or 403.
      if (![200, 401, 403, 422].includes(response.status)) return settleUnread(response)
      const offsets = readJson<{ offsets?: Offset[] }>(response.text)?.offsets
      if (!offsets) return response.status === 422 ? 'split' : 'retry'
      const outcomes = offsets.map(outcome)
      if (outcomes.length === rows.length) return { events: outcomes }
      if (outcomes.length !== 1) return 'retry'
      // Redpanda answers for each partition, and one key goes to one partition, as one batch.
      return outcomes[0] === 'drop' ? 'split' : (outcomes[0] as Outcome)
    },
  }
}

function outcome({ partition, offset, error_code, error }: Offset): Outcome {
  if (!error_code) return typeof partition === 'number' && typeof offset === 'number' ? 'ack' : 'retry'
  // Karapace calls what it waited for in vain an error that is not retriable.
  if (/timed ?out|timeout|cancel/i.test(error ?? '')) return 'retry'
  // Not retriable: Karapace's 1 and Confluent's 50002; Kafka's own too large, bad timestamp and invalid record.
  return [1, 10, 18, 32, 87, 50002].includes(error_code) ? 'drop' : 'retry'
}

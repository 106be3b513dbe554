/**
 * Producing by version 2 of the Kafka REST proxy's API, as three implementations answer it; read from their sources:
 * Confluent's AbstractProduceAction, Karapace's kafka_rest_apis and Redpanda's pandaproxy with its Kafka client.
 */
import { openDouble, type Received, type Reply } from '../harness.ts'

export type Implementation = 'confluent' | 'karapace' | 'redpanda'

interface Stored {
  key: string
  value: Record<string, unknown> & { link: string; body?: string }
  partition: number
}

/** A failure as each of them spells it: too large for the broker, no leader at the moment, or no answer in time. */
const FAILURES: Record<string, Record<Implementation, object>> = {
  large: {
    confluent: { partition: null, offset: null, error_code: 50002, error: 'The message is 9 bytes when serialized' },
    karapace: { error_code: 1, error: 'The message is too large' },
    redpanda: { partition: 0, error_code: 10, offset: -1 },
  },
  leader: {
    confluent: { partition: null, offset: null, error_code: 50003, error: 'There is no leader' },
    karapace: { error_code: 2, error: 'There is no leader for this topic-partition' },
    redpanda: { partition: 0, error_code: 5, offset: -1 },
  },
  timeout: {
    confluent: { partition: null, offset: null, error_code: 50003, error: 'Expiring 1 record(s): 30000 ms has passed' },
    karapace: { error_code: 1, error: 'timed out waiting to publish message' },
    redpanda: { partition: 0, error_code: 7, offset: -1 },
  },
}

/** `fail` says what befalls a row, if anything. */
export async function openKafkaRest({
  proxy = 'confluent' as Implementation,
  fail = (_: { link: string; body?: string }): 'large' | 'leader' | 'timeout' | undefined => undefined,
  bytes = 1_048_576,
  topic = 'nymtrail',
} = {}) {
  const stored: Stored[] = []
  const refuse = (status: number, code: number, message: string): Reply => ({
    status,
    body: { error_code: code, message },
  })

  function reply({ method, path, headers, bytes: sent, body }: Received): Reply {
    if (decodeURIComponent(path) !== `/topics/${topic}`) return refuse(404, 40401, 'Topic not found.')
    if (method !== 'POST') return refuse(405, 405, 'HTTP 405 Method Not Allowed')
    if (headers['content-type'] !== 'application/vnd.kafka.json.v2+json')
      return refuse(415, 415, 'HTTP 415 Unsupported Media Type')
    if (headers.accept !== 'application/vnd.kafka.v2+json') return refuse(406, 406, 'HTTP 406 Not Acceptable')
    if (sent.length > bytes) return refuse(413, 413, 'Request Entity Too Large')
    let records: { key: string; value: Stored['value'] }[]
    try {
      const request = JSON.parse(body)
      records = request.records
      const keys = records.map((record) => Object.keys(record).join())
      if (Object.keys(request).join() !== 'records' || !records.length || keys.some((found) => found !== 'key,value'))
        return refuse(422, 422, 'Invalid request format')
    } catch {
      return refuse(400, 400, 'Bad Request')
    }
    const failures = records.map(({ value }) => fail(value))
    // One key, one partition; the partition's number is that of the key's hash.
    const partition = Number.parseInt(records[0]?.key.slice(0, 2) as string, 16) % 3
    if (new Set(records.map(({ key }) => key)).size !== 1) return refuse(500, 500, 'the test has one chain a request')
    const store = (record: (typeof records)[number]) => {
      stored.push({ ...record, partition })
      return { partition, offset: stored.length - 1 }
    }
    if (proxy === 'redpanda') {
      // All records of a partition are one batch, and one entry answers for them.
      const failure = failures.find((found) => found)
      const base = failure ? FAILURES[failure]?.redpanda : records.map(store)[0]
      return { body: { offsets: [base] } }
    }
    const offsets = records.map((record, at) => {
      const failure = failures[at]
      if (failure) return FAILURES[failure]?.[proxy]
      return { ...store(record), ...(proxy === 'confluent' && { error_code: null, error: null }) }
    })
    return {
      status: proxy === 'karapace' && failures.some((found) => found) ? 422 : 200,
      body: { key_schema_id: null, value_schema_id: null, offsets },
    }
  }

  /** What a consumer reads: the values. */
  const exported = () => stored.map(({ value }) => value)
  return { ...(await openDouble(reply)), stored, exported }
}

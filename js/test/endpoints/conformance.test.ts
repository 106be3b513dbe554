/** Every endpoint of the package passes the cases that users run on their own; a new one needs a line here. */
import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { amplitude } from '../../endpoints/amplitude.ts'
import { clickhouse } from '../../endpoints/clickhouse.ts'
import { cloudevents } from '../../endpoints/cloudevents.ts'
import { collector } from '../../endpoints/collector.ts'
import { elasticsearch } from '../../endpoints/elasticsearch.ts'
import { ga4 } from '../../endpoints/ga4.ts'
import { jitsu } from '../../endpoints/jitsu.ts'
import { json } from '../../endpoints/json.ts'
import { kafkaRest } from '../../endpoints/kafka-rest.ts'
import { readEvent } from '../../endpoints/lib/event.ts'
import { matomo } from '../../endpoints/matomo.ts'
import { mixpanel } from '../../endpoints/mixpanel.ts'
import { ndjson } from '../../endpoints/ndjson.ts'
import { otlp } from '../../endpoints/otlp.ts'
import { plausible } from '../../endpoints/plausible.ts'
import { posthog } from '../../endpoints/posthog.ts'
import { rudderstack } from '../../endpoints/rudderstack.ts'
import { segment } from '../../endpoints/segment.ts'
import { snowplow } from '../../endpoints/snowplow.ts'
import { umami } from '../../endpoints/umami.ts'
import { type AnswerSample, type ConformanceOptions, endpointConformance } from '../../testing.ts'
import type { Batch, Endpoint } from '../../types.ts'

const AT = 'https://in.example/v1'

/** An answer by which all is acknowledged. */
const taken = (response: AnswerSample['response']): AnswerSample => ({ name: 'all taken', response, expected: 'ack' })
/** One whose text alone acknowledges. */
const byAnswer = (...samples: AnswerSample[]): ConformanceOptions => ({ acknowledgedBy: 'answer', samples })

const uuidsOf = ({ rows }: Batch) => rows.map((row) => readEvent(row).uuid)

/**
 * By module, and what is special about it: an endpoint as sites make it, and what the cases cannot know of the service.
 * The samples are of six rows: what opens the chain, two page views, a sign-in, a purchase, a group.
 */
const ENDPOINTS: Record<string, [make: () => Endpoint, options?: ConformanceOptions]> = {
  amplitude: [
    () => amplitude({ key: 'key' }),
    byAnswer(
      taken(({ rows }) => ({ text: { code: 200, events_ingested: rows.length } })),
      {
        name: 'some are invalid',
        response: { status: 400, text: { code: 400, events_with_invalid_fields: { time: [1, 4] } } },
        expected: { events: ['retry', 'drop', 'retry', 'retry', 'drop', 'retry'] },
      },
      { name: 'too many', response: { status: 429 }, expected: { events: 'retry', afterMs: 30_000 } },
    ),
  ],
  'amplitude by beacon': [
    () => amplitude({ key: 'key', beacon: true }),
    byAnswer(taken({ text: { code: 200, events_ingested: 6 } })),
  ],
  clickhouse: [
    () => clickhouse(AT),
    {
      success: [200],
      samples: [
        {
          name: 'a row that does not fit',
          response: { status: 500, headers: { 'x-clickhouse-exception-code': '27' }, text: 'Code: 27. ' },
          expected: 'split',
        },
        { name: 'a table that is not there', response: { status: 404, text: 'Code: 60. ' }, expected: 'retry' },
      ],
    },
  ],
  cloudevents: [() => cloudevents(AT)],
  'cloudevents one by one': [() => cloudevents(AT, { batch: false })],
  collector: [
    () => collector(AT),
    {
      acknowledgedBy: 'answer',
      // The salt of the rows' epoch is gone.
      statuses: { 422: 'drop' },
      samples: [
        {
          name: 'a collector without a pepper',
          response: { status: 403, text: { error: { code: 'no_pepper', message: 'start it with --pepper' } } },
          expected: 'retry',
        },
        {
          name: 'each row by its own result',
          response: {
            status: 207,
            text: {
              results: [
                { status: 'stored' },
                { status: 'duplicate' },
                { status: 'refused', code: 'bad_link' },
                { status: 'refused', code: 'gap' },
                { status: 'refused', code: 'fork' },
                { status: 'refused', code: 'not_known_yet' },
              ],
            },
          },
          expected: { events: ['ack', 'ack', 'drop', 'retry', 'fork', 'retry'] },
        },
        {
          name: 'pseudonyms of the first level',
          response: ({ rows }) => ({
            status: 207,
            text: { results: rows.map(() => ({ status: 'refused', code: 'first_level' })) },
          }),
          expected: { events: Array(6).fill('drop') },
        },
        {
          name: 'results of a later version',
          response: ({ rows }) => ({ text: { results: rows.map(() => ({ status: 'witnessed' })) } }),
          expected: 'retry',
        },
        {
          name: 'results that are not of this batch',
          response: { text: { results: [{ status: 'stored' }] } },
          expected: 'retry',
        },
      ],
    },
  ],
  elasticsearch: [
    () => elasticsearch(AT),
    byAnswer({
      name: 'each by its own status',
      response: { text: { items: [201, 409, 400, 429, 503, 403].map((status) => ({ create: { status } })) } },
      expected: { events: ['ack', 'ack', 'drop', 'retry', 'retry', 'retry'] },
    }),
  ],
  ga4: [() => ga4({ url: '/ga', measurementId: 'G-1' }), { carries: 'nothing' }],
  jitsu: [() => jitsu({ host: AT, key: 'a:b' }), byAnswer(taken({ text: { ok: true } }))],
  'jitsu in batches': [
    () => jitsu({ host: AT, key: 'a:b', batch: true }),
    byAnswer(taken({ text: { ok: true, receivedEvents: 6, okEvents: 6 } }), {
      name: 'one is at fault',
      response: (batch) => ({
        text: {
          ok: false,
          receivedEvents: 6,
          okEvents: 5,
          errors: [`Message ID: ${uuidsOf(batch)[3]}: event error: x`],
        },
      }),
      expected: { events: ['ack', 'ack', 'ack', 'drop', 'ack', 'ack'] },
    }),
  ],
  json: [() => json(AT)],
  'json with headers': [() => json('/ingest', { headers: { 'x-site': 'shop' } })],
  'kafka-rest': [
    () => kafkaRest(AT),
    byAnswer(
      {
        name: 'an offset each',
        response: {
          text: {
            offsets: [
              ...[7, 8, 9, 10].map((offset) => ({ partition: 0, offset })),
              { error_code: 10, error: 'too large' },
              { error_code: 7, error: 'timed out' },
            ],
          },
        },
        expected: { events: ['ack', 'ack', 'ack', 'ack', 'drop', 'retry'] },
      },
      taken({ text: { offsets: [{ partition: 0, offset: 7 }] } }),
    ),
  ],
  matomo: [
    () => matomo({ url: AT, siteId: 3 }),
    { ...byAnswer(taken({ text: { status: 'success', tracked: 5, invalid: 0 } })), carries: 'nothing' },
  ],
  mixpanel: [
    () => mixpanel({ token: 'token' }),
    byAnswer(taken({ text: { status: 1, error: null } }), {
      name: 'none is good',
      response: { text: { status: 0, error: 'bad data' } },
      expected: 'split',
    }),
  ],
  'mixpanel by import': [
    () => mixpanel({ api: 'import', host: '/mixpanel', projectId: 1 }),
    byAnswer(taken({ text: { code: 200, num_records_imported: 6 } }), {
      name: 'some failed, the rest is in',
      response: { status: 400, text: { code: 400, num_records_imported: 5, failed_records: [{ index: 2 }] } },
      expected: { events: ['ack', 'ack', 'drop', 'ack', 'ack', 'ack'] },
    }),
  ],
  ndjson: [() => ndjson(AT)],
  'ndjson with headers': [() => ndjson(AT, { headers: { 'content-type': 'application/x-ndjson' }, gzip: true })],
  otlp: [
    () => otlp(AT),
    {
      // A permanent error, says the Collector.
      statuses: { 500: 'split' },
      samples: [
        {
          name: 'some were rejected',
          response: { text: { partialSuccess: { rejectedLogRecords: '2' } } },
          expected: 'split',
        },
        { name: 'partialSuccess may be null', response: { text: { partialSuccess: null } }, expected: 'ack' },
      ],
    },
  ],
  plausible: [
    () => plausible({ domain: 'shop.example' }),
    {
      carries: 'nothing',
      success: [202],
      samples: [
        { name: 'thrown away', response: { status: 202, headers: { 'x-plausible-dropped': '1' } }, expected: 'drop' },
      ],
    },
  ],
  posthog: [() => posthog({ key: 'phc_key' }), byAnswer(taken({ text: { status: 'Ok' } }))],
  'posthog v1': [
    () => posthog({ key: 'phc_key', api: 'v1' }),
    {
      ...byAnswer({
        name: 'each by its own result',
        response: (batch) => {
          const verdicts = [{ result: 'ok' }, { result: 'warning' }, { result: 'drop' }, { result: 'retry' }, {}]
          return { text: { results: Object.fromEntries(uuidsOf(batch).map((uuid, at) => [uuid, verdicts[at]])) } }
        },
        expected: { events: ['ack', 'ack', 'drop', 'retry', 'retry', 'retry'] },
      }),
      varies: ['posthog-request-id'],
    },
  ],
  rudderstack: [() => rudderstack({ key: 'key', host: AT }), byAnswer(taken({ text: '"OK"' }))],
  'rudderstack by header': [
    () => rudderstack({ key: 'key', host: '/rudder', auth: 'header' }),
    byAnswer(taken({ text: 'OK' })),
  ],
  segment: [() => segment({ key: 'key' }), byAnswer(taken({ text: { success: true } }))],
  snowplow: [() => snowplow({ url: AT }), byAnswer(taken({ text: 'ok' }))],
  umami: [
    () => umami({ url: AT, website: '1c5a6e0d-5c1f-4b0e-9a3e-0d7a2c9f8b11' }),
    byAnswer(taken({ text: { size: 6, processed: 6, errors: 0, details: [], cache: 'token' } }), {
      name: 'one is at fault, one comes too soon',
      response: {
        text: {
          size: 6,
          details: [
            { index: 1, response: { error: { status: 400 } } },
            { index: 4, response: { error: { status: 500 } } },
          ],
          cache: 'token',
        },
      },
      expected: { events: ['ack', 'drop', 'ack', 'ack', 'retry', 'ack'] },
    }),
  ],
}

test('no endpoint is left out', () => {
  const modules = readdirSync(new URL('../../endpoints', import.meta.url)).filter((file) => file.endsWith('.ts'))
  const here = Object.keys(ENDPOINTS).map((name) => name.split(' ')[0])
  expect([...new Set(here)].sort()).toEqual(modules.map((file) => file.replace('.ts', '')).sort())
})

for (const [name, [make, options]] of Object.entries(ENDPOINTS))
  describe(name, () => {
    for (const { name, run } of endpointConformance(make, options)) test(name, run)
  })

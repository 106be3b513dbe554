/** Every endpoint of the package passes the cases that users run on their own; a new one needs a line here. */
import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { collector } from '../../endpoints/collector.ts'
import { json } from '../../endpoints/json.ts'
import { type ConformanceOptions, endpointConformance } from '../../testing.ts'
import type { Endpoint } from '../../types.ts'

const AT = 'https://in.example/v1'

/** By module: endpoints as sites make them, each with what the cases cannot know of the service. */
const ENDPOINTS: Record<string, [make: () => Endpoint, options?: ConformanceOptions][]> = {
  collector: [
    [
      () => collector(AT),
      {
        acknowledgedBy: 'answer',
        statuses: { 422: 'drop' },
        samples: [
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
  ],
  json: [[() => json(AT)], [() => json('/ingest', { headers: { 'x-site': 'shop' } })]],
}

test('no endpoint is left out', () => {
  const modules = readdirSync(new URL('../../endpoints', import.meta.url)).filter((file) => file.endsWith('.ts'))
  expect(Object.keys(ENDPOINTS).sort()).toEqual(modules.map((file) => file.replace('.ts', '')).sort())
})

for (const [name, variants] of Object.entries(ENDPOINTS))
  variants.forEach(([make, options], at) => {
    describe(at ? `${name}, variant ${at + 1}` : name, () => {
      for (const { name, run } of endpointConformance(make, options)) test(name, run)
    })
  })

import { expect, test } from 'vitest'
import { type Endpoint, endpointConformance, type Outcome, sampleBatch } from '../../../testing.ts'

const lines = (url: string): Endpoint => ({
  name: 'lines',
  limits: { events: 500, bytes: 1_000_000 },
  keepalive: true,
  browserSafe: true,
  encode: ({ rows }) => ({ url, body: `${rows.join('\n')}\n` }),
  settle({ status, text }, { rows }) {
    if (status === 413) return 'split'
    if (status !== 200) return 'retry'
    const refused: number[] = JSON.parse(text).refused
    const outcomes = rows.map((_, line): Outcome => (refused.includes(line) ? 'drop' : 'ack'))
    return { events: outcomes }
  },
})

const cases = endpointConformance(() => lines('https://in.example/v1/lines'), {
  acknowledgedBy: 'answer',
  samples: [
    { name: 'all taken', response: { text: { refused: [] } }, expected: 'ack' },
    {
      name: 'two refused',
      response: { text: { refused: [0, 4] } },
      expected: { events: ['drop', 'ack', 'ack', 'ack', 'drop', 'ack'] },
    },
  ],
})
for (const { name, run } of cases) test(name, run)

test('a line is a row', () => {
  const batch = sampleBatch('unicode')
  const request = lines('/in').encode(batch)
  expect(String(request?.body).trim().split('\n')).toEqual(batch.rows)
})

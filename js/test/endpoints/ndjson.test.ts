import { expect, test } from 'vitest'
import { ndjson } from '../../endpoints/ndjson.ts'
import type { EncodedRequest } from '../../types.ts'
import { MAX_BYTES, openNdjson } from './doubles/ndjson.ts'
import { chainOf, deliver, isCorsSimple, manyRows } from './harness.ts'
import { batchOf, longRows, track } from './rows.ts'
import { suite } from './suite.ts'

suite('ndjson', {
  open: openNdjson,
  endpoint: (url) => ndjson(`${url}/in`),
  mistaken: { endpoint: (url) => ndjson(`${url}/out`) },
  keepsDoubles: true,
  tooMany: () => longRows(150, 600),
  giant: track('giant', { text: 'x'.repeat(MAX_BYTES) }),
  acks: ({ body }) => !String(body).startsWith('<'),
  timeless: true,
  page: { endpoint: ndjson('https://logs.example/in'), rows: chainOf().slice(0, 2) },
})

test('the rows go as they are, one a line', async () => {
  const double = await openNdjson()
  const rows = chainOf([{ k: 'track', n: 'Grüße 🎉\n', p: { text: 'zwei\nZeilen' } }])
  await deliver(ndjson(`${double.url}/in`), rows)
  expect(double.lines).toEqual(rows)
  await double.close()
})

test('gzip, headers and limits are the caller’s choice', async () => {
  const double = await openNdjson()
  const url = `${double.url}/in`
  const rows = manyRows(20)
  const headers = { 'content-type': 'application/x-ndjson' }
  await deliver(ndjson(url, { gzip: true, headers }), rows)
  expect(double.requests[0]?.headers).toMatchObject({ ...headers, 'content-encoding': 'gzip' })
  expect(double.lines).toEqual(rows)
  // While the page leaves nothing is compressed, so the request stays simple.
  expect(await deliver(ndjson(url, { gzip: true }), rows, true)).toMatchObject({ events: 'a' })
  expect(double.requests[1]?.headers).not.toHaveProperty('content-encoding')
  expect(await deliver(ndjson(url, { limits: { events: 5 } }), rows)).toMatchObject({ status: 413, events: 's' })
  const withHeaders = ndjson(url, { headers })
  expect([withHeaders.keepalive, isCorsSimple(withHeaders.encode(batchOf(rows)) as EncodedRequest)]).toEqual([
    false,
    false,
  ])
  await double.close()
})

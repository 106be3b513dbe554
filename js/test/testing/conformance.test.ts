/** The cases for endpoints find what they are there to find: each of these endpoints is wrong in one way. */
import { describe, expect, test } from 'vitest'
import { readEvent } from '../../endpoints/lib/event.ts'
import { type ConformanceOptions, endpointConformance, sampleBatch } from '../../testing.ts'
import type { Batch, Endpoint, EndpointResponse, Settlement } from '../../types.ts'

/** The properties of a row's event, as the page gave them. */
const propsOf = (line: string) => JSON.parse(JSON.parse(line).body ?? '{}').p

const good: Endpoint = {
  name: 'good',
  limits: { events: 50, bytes: 100_000, eventBytes: 50_000 },
  keepalive: true,
  browserSafe: true,
  encode: ({ rows }) => ({ url: 'https://in.example/v1', body: `[${rows.join()}]` }),
  settle: ({ status }) => (status >= 200 && status < 300 ? 'ack' : status === 413 ? 'split' : 'retry'),
}

/** What failed, by the name of its case. */
async function failures(make: () => Endpoint, options?: ConformanceOptions): Promise<Record<string, string>> {
  const failed: Record<string, string> = {}
  for (const { name, run } of endpointConformance(make, options))
    await run().catch((error: Error) => {
      failed[name] = error.message
    })
  return failed
}

/** A good endpoint with something else in it. */
const changed = (change: Partial<Endpoint>) => () => ({ ...good, ...change })
/** One that makes other requests. */
const sends = (change: (request: { url: string; body: string }, batch: Batch) => object) =>
  changed({
    encode: (batch) =>
      ({ ...good.encode(batch), ...change(good.encode(batch) as { url: string; body: string }, batch) }) as never,
  })
/** One that reads some answers otherwise. */
const reads = (change: (response: EndpointResponse, batch: Batch) => unknown) =>
  changed({
    settle: (response, batch) => (change(response, batch) ?? good.settle(response, batch)) as Settlement,
  })

/** The columns of all rows, each written by `write`. */
const columnsBy =
  (write: (columns: Record<string, unknown>) => string, between = '') =>
  (_: unknown, { rows }: Batch) => ({
    body: rows.map((line) => write({ ...readEvent(line).columns })).join(between),
  })
const form = (columns: Record<string, unknown>) => String(new URLSearchParams(columns as Record<string, string>))
const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('no fault is found', () => {
  test.each<[string, () => Endpoint, ConformanceOptions?]>([
    ['in a good endpoint', () => good],
    ['without limits', changed({ limits: {} })],
    ['in one that takes one event a request', changed({ limits: { perRequest: 'event' } })],
    ['in one that takes few events', changed({ limits: { events: 2 } })],
    ['in one whose events have to be small', changed({ limits: { eventBytes: 2000, bytes: 4000 } })],
    ['in NDJSON', sends((_, { rows }) => ({ body: `${rows.join('\n')}\n` }))],
    ['in bytes', sends(({ body }) => ({ body: new TextEncoder().encode(body) }))],
    ['in columns named otherwise', sends(columnsBy(JSON.stringify, '\n'))],
    ['in a form for each row', sends(columnsBy(form, '\n'))],
    [
      'in a form in JSON in base64, as some have it',
      sends((_, { rows }) => ({
        body: `data=${encodeURIComponent(base64(JSON.stringify({ q: rows.map((row) => `?${form({ ...readEvent(row).columns })}`) })))}`,
      })),
    ],
    ['in tab-separated values', sends(columnsBy((columns) => Object.values(columns).join('\t'), '\n'))],
    [
      'in a notation of its own that the test can read',
      sends(({ body }) => ({ body: [...body].reverse().join('') })),
      { read: ({ body }) => [...(body as string)].reverse().join('') },
    ],
    [
      'in a body that goes in a list of pieces',
      sends((_, { rows }) => ({
        body: JSON.stringify(
          rows.map((row) => ({ ...JSON.parse(row), body: JSON.parse(row).body?.match(/.{1,50}/gs) })),
        ),
      })),
    ],
    [
      'in a body that goes in numbered pieces',
      sends((_, { rows }) => ({
        body: JSON.stringify(
          rows.map((line) => {
            const { body = '', ...row } = JSON.parse(line)
            const pieces: string[] = body.match(/.{1,50}/gs) ?? []
            return {
              ...row,
              ...Object.fromEntries(pieces.map((piece, at) => [`body_${String(at).padStart(3, '0')}`, piece])),
            }
          }),
        ),
      })),
    ],
    [
      'in a header that is to be new each time',
      sends(() => ({ headers: { accept: String(Math.random()) } })),
      { varies: ['accept'] },
    ],
    [
      'when the service is told the chain once',
      sends((_, { rows, chain }) => ({
        body: JSON.stringify([chain, ...rows.map((row) => ({ ...JSON.parse(row), chain: undefined }))]),
      })),
    ],
    [
      'when only ids are carried, and the row that opens a chain is not',
      changed({
        encode: ({ rows }) => {
          const events = rows.map(readEvent).filter(({ kind }) => kind !== 'open' && kind !== 'erased')
          return events.length ? { url: '/in', body: JSON.stringify(events.map(({ uuid }) => uuid)) } : null
        },
      }),
      { carries: 'id' },
    ],
    ['when nothing is carried', sends(() => ({ body: 'x'.repeat(9) })), { carries: 'nothing', ...{} }],
    ['in headers on the own origin', sends(() => ({ url: '/in', headers: { 'x-site': 'shop' } }))],
    [
      'in headers on an origin that is said to be the own',
      sends(() => ({ headers: { 'x-site': 'a' } })),
      { sameOrigin: true },
    ],
    ['in headers without keepalive', () => ({ ...sends(() => ({ headers: { 'x-site': 'a' } }))(), keepalive: false })],
    ['in a form with its content type', sends(() => ({ headers: { 'content-type': 'text/plain;charset=utf-8' } }))],
    [
      'when a row has to wait for a request of its own',
      reads(({ status }, { rows }) =>
        status === 200 ? { events: rows.map((_, at) => (at ? 'retry' : 'ack')) } : undefined,
      ),
    ],
    [
      'when 409 means that it is there already',
      reads(({ status }) => (status === 409 ? 'ack' : undefined)),
      { statuses: { 409: 'ack' } },
    ],
    [
      'when success is read carefully',
      reads(({ status, text }) => (status === 200 && text ? JSON.parse(text).gone.gone : undefined)),
    ],
  ])('%s', async (name, make, options) => {
    const found = await failures(make, options)
    // A body that is the same for any number of events cannot fit by halving.
    if (name === 'when nothing is carried') expect(Object.keys(found)).toEqual(['takes what its limits allow'])
    else expect(found).toEqual({})
  })
})

const FAULTS: Record<string, [says: string | RegExp, make: () => Endpoint, options?: ConformanceOptions][]> = {
  'says what it is, and what it takes': [
    ['name', changed({ name: '' })],
    ['keepalive', changed({ keepalive: undefined as never })],
    ['browserSafe', changed({ browserSafe: 'yes' as never })],
    ['gzip', changed({ gzip: 1 as never })],
    ['limits.bytes is NaN', changed({ limits: { bytes: Number.NaN } })],
    ['limits.eventBytes', changed({ limits: { bytes: 50_000, eventBytes: 60_000 } })],
    ['limits.perRequest', changed({ limits: { perRequest: 'one' as never } })],
  ],
  'makes requests that a browser sends': [
    ['no address', sends(() => ({ url: 'https://' }))],
    ['on the web', sends(() => ({ url: 'data:text/plain,x' }))],
    ['has to be a text', sends(() => ({ url: new URL('https://in.example') }))],
    ['a password', sends(() => ({ url: 'https://key:secret@in.example' }))],
    ['neither text nor bytes', sends(({ body }) => ({ body: JSON.parse(body) }))],
    ['with GET', sends(() => ({ method: 'GET' }))],
    ['in capitals', sends(() => ({ method: 'patch' }))],
    ['the header x-n is no text: 7', sends(() => ({ headers: { 'x-n': 7 } }))],
    ['a page cannot set the header Cookie', sends(() => ({ headers: { Cookie: 'a=1' } }))],
    ['fetch() refuses the header x-n', sends(() => ({ headers: { 'x-n': 'größe 👟' } }))],
    [
      'of the sample unicode: encode() threw',
      sends(({ body }) => ({ body: atob(btoa(JSON.stringify(JSON.parse(JSON.parse(body).at(-1).body ?? '{}')))) })),
    ],
    ['nothing would ever be sent', changed({ encode: () => null })],
  ],
  'makes the same request of the same batch': [
    ['another one', sends(() => ({ headers: { accept: String(Math.random()) } }))],
    ['another one', sends(({ body }) => ({ body: body.replace(/]$/, `,${performance.now()}]`) }))],
    [
      'threw: TypeError',
      changed({
        encode: (batch) => ({ ...good.encode(batch), url: '/', body: (batch.rows as string[]).splice(0).join() }),
      }),
    ],
  ],
  'puts no undefined, NaN or [object Object] into a request': [
    ['undefined in: https', sends(() => ({ url: `https://in.example/${[][0]}` }))],
    ['NaN', sends(({ body }) => ({ body: body.replace(/^\[/, `["${Number('x')}",`) }))],
    ['[object Object]', sends(() => ({ headers: { accept: String({}) } }))],
    [
      'undefined in',
      sends(({ body }) => ({
        body: JSON.stringify([base64(JSON.stringify(['the user', `${undefined}`])), ...JSON.parse(body)]),
      })),
    ],
  ],
  'carries every row, whatever batch it is in': [
    [
      'gprev is not in the body',
      sends((_, { rows }) => ({ body: rows.map((row) => row.replace(/"gprev":"\w+",/, '')).join('\n') })),
    ],
    [
      'of the sample erased: of the row with seq 2, bc is not',
      sends((_, { rows }) => ({ body: rows.map((row) => row.replace(/"bc":"\w+",/, '')).join('\n') })),
    ],
    // Re-serialised, so its hash is another.
    [
      'body is not in the body',
      sends(({ body }) => ({
        body: JSON.stringify(
          JSON.parse(body).map((row: { body?: string }) => ({ ...row, body: JSON.parse(row.body ?? '{}') })),
        ),
      })),
    ],
    // A number that is too large for the service, or made a date.
    [
      't is not in the body',
      sends((_, { rows }) => ({ body: rows.map((row) => row.replace(/"t":(\d+)\d{3}/, '"t":$1')).join('\n') })),
    ],
    ['of the sample ordinary: of the row with seq 1', sends((_, { rows }) => ({ body: rows[0] as string }))],
    [
      'of the sample names: of the row with seq 1, body is not',
      sends((_, { rows }) => ({
        // A property that passes for a column.
        body: rows.map((line) => JSON.stringify({ ...readEvent(line).columns, ...propsOf(line) })).join('\n'),
      })),
    ],
    ['gave null', changed({ encode: (batch) => (batch.rows[0]?.includes('gprev') ? null : good.encode(batch)) })],
    [
      'not together',
      sends((_, { rows }) => ({
        body: JSON.stringify(
          Object.entries(readEvent(rows[0] as string).columns).map(([key]) =>
            rows.map((row) => (({ ...readEvent(row).columns }) as Record<string, unknown>)[key] ?? ''),
          ),
        ),
      })),
    ],
    ['neither', changed({}), { carries: 'id' }],
  ],
  'takes what its limits allow': [
    ['not even one small event', changed({ limits: { bytes: 100 } })],
    ['not even one small event', changed({ limits: { eventBytes: 100 } })],
    [
      'of the sample many: of the row with seq 26',
      changed({ limits: { events: 50 }, encode: (batch) => good.encode({ ...batch, rows: batch.rows.slice(0, 25) }) }),
    ],
    ['as large as', sends(({ body }) => ({ body: body.padEnd(90_000) }))],
  ],
  'is sent while the page leaves only if that needs no preflight': [
    ['x-site: shop', sends(() => ({ headers: { 'x-site': 'shop' } }))],
    ['application/json', sends(() => ({ headers: { 'Content-Type': 'application/json' } }))],
    ['PUT', sends(() => ({ method: 'PUT' }))],
    ['x-site', sends(() => ({ url: '/in', headers: { 'x-site': 'shop' } })), { sameOrigin: false }],
  ],
  'keeps events when the service is not there, or wants them later': [
    ['status 500', reads(({ status }) => (status === 500 ? 'ack' : undefined))],
    ['status 503', reads(({ status }) => (status === 503 ? 'drop' : undefined))],
    ['status 429', reads(({ status }) => (status === 429 ? 'split' : undefined))],
    [
      'status 408',
      reads(({ status }, { rows }) =>
        status === 408 ? { events: rows.map((_, at) => (at ? 'retry' : 'fork')) } : undefined,
      ),
    ],
    // Whatever an error says for itself.
    ['the text {"errors":[]}', reads(({ text }) => (text === '{"errors":[]}' ? 'ack' : undefined))],
    ['no outcome', reads(({ status }) => (status === 504 ? 'later' : undefined))],
    ['no outcome', reads(({ status }) => (status === 504 ? Promise.resolve('retry') : undefined))],
    ['2 outcomes for 5 rows', reads(({ status }) => (status === 504 ? { events: ['retry', 'retry'] } : undefined))],
    [
      'for the whole batch',
      reads(({ status }, { rows }) => (status === 504 ? { events: rows.map(() => 'split') } : undefined)),
    ],
    ['afterMs is NaN', reads(({ status }) => (status === 504 ? { events: 'retry', afterMs: Number.NaN } : undefined))],
    ['where split is right', () => good, { statuses: { 500: 'split' } }],
  ],
  'keeps or splits what was too large, or refused': [
    ['status 413', reads(({ status }) => (status === 413 ? 'ack' : undefined))],
    ['status 413', reads(({ status }) => (status === 413 ? 'drop' : undefined))],
    ['status 400', reads(({ status }) => (status === 400 ? 'drop' : undefined))],
    ['status 404', reads(({ status }) => (status === 404 ? 'ack' : undefined))],
    ['status 302', reads(({ status }) => (status === 302 ? 'ack' : undefined))],
    ['status 409', reads(({ status }) => (status === 409 ? 'ack' : undefined))],
    ['where ack is right', () => good, { statuses: { 409: 'ack' } }],
  ],
  'acknowledges by success': [
    ['status 200', reads(({ status }) => (status === 200 ? 'retry' : undefined))],
    ['status 202', reads(({ status }) => (status === 202 ? 'retry' : undefined))],
    ['status 201', reads(({ status }) => (status === 201 ? 'retry' : undefined)), { success: [201] }],
    ['<!doctype', reads(({ text }) => (text.startsWith('<') ? 'drop' : undefined))],
  ],
}

describe('a fault is found', () => {
  for (const [name, faults] of Object.entries(FAULTS))
    test.each(faults)(`${name}: %s`, async (says, make, options) => {
      expect((await failures(make, options))[name]).toContain(says)
    })

  test('no case is without a fault that it finds', () => {
    expect(Object.keys(FAULTS).sort()).toEqual(
      endpointConformance(() => good)
        .map(({ name }) => name)
        .sort(),
    )
  })
})

describe('samples of answers', () => {
  /** Says of each row whether it was taken. */
  const careful = reads(({ status, text }, { rows }) => {
    if (status === 429) return { events: 'retry', afterMs: 1000 * (JSON.parse(text).wait ?? 0) }
    if (status !== 200) return
    const refused: number[] = JSON.parse(text).refused
    return { events: rows.map((_, at) => (refused.includes(at) ? 'drop' : 'ack')) }
  })
  const samples: ConformanceOptions['samples'] = [
    { name: 'all taken', response: { text: { refused: [] } }, expected: 'ack' },
    {
      name: 'one refused',
      response: { text: '{"refused":[2]}' },
      expected: { events: ['ack', 'ack', 'drop', 'ack', 'ack', 'ack'] },
    },
    {
      name: 'the last one refused',
      batch: sampleBatch('erased'),
      response: ({ rows }) => ({ text: { refused: [rows.length - 1] } }),
      expected: { events: ['ack', 'ack', 'ack', 'drop'] },
    },
    { name: 'later', response: { status: 429, text: { wait: 3 } }, expected: { events: 'retry', afterMs: 3000 } },
  ]
  const options = { acknowledgedBy: 'answer', samples, success: [200] } as const

  test('hold', async () => {
    expect(await failures(careful, options)).toEqual({})
  })

  test('are needed where only an answer acknowledges', async () => {
    const found = await failures(careful, { ...options, samples: samples.slice(3) })
    expect(Object.keys(found)).toEqual(['has a sample of an answer that acknowledges'])
  })

  test.each<[string, () => Endpoint, string]>([
    ['one refused', reads(({ status, text }) => (status === 200 && JSON.parse(text) ? 'ack' : undefined)), 'drop'],
    ['later', reads(({ status }) => (status === 429 ? { events: 'retry', afterMs: 3 } : undefined)), '3000'],
    ['all taken', reads(({ status }) => (status === 200 ? JSON.parse('{') : undefined)), 'threw'],
  ])('%s, read wrongly, is found', async (name, make, says) => {
    expect((await failures(make, options))[`reads the answer: ${name}`]).toContain(says)
  })

  test('where only an answer acknowledges, one that cannot be read must not', async () => {
    const { 'acknowledges by success': found } = await failures(() => good, options)
    expect(found).toContain('where retry is right')
  })
})

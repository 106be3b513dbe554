import { expect, test } from 'vitest'
import { elasticsearch } from '../../endpoints/elasticsearch.ts'
import { openElasticsearch } from './doubles/elasticsearch.ts'
import {
  chainOf,
  columnsIn,
  DEVICE,
  deliver,
  GROUP,
  manyRows,
  sendAll,
  T0,
  USER,
  VISIT,
  verifyColumns,
} from './harness.ts'
import { exampleRows, longRows, track } from './rows.ts'
import { suite } from './suite.ts'

const items = (...statuses: unknown[]) => ({ body: { items: statuses.map((status) => ({ create: { status } })) } })

suite('elasticsearch', {
  open: ({ refuse, ...more }) => openElasticsearch({ ...more, refuse: ({ link }) => refuse(link) }),
  endpoint: (url) => elasticsearch(url),
  keepsProps: true,
  bytes: 20_000,
  tooMany: () => longRows(30, 1000),
  giant: track('giant', { text: 'x'.repeat(30_000) }),
  retried: (rows) => [
    { status: 406 },
    { status: 200, body: '{}' },
    { status: 200, body: '{"items":[{"create":{"stat' },
    // Fewer results than documents: nobody can say whose they are.
    items(...Array(rows + 1).fill(201)),
    items(...Array(rows - 1).fill(201)),
    { ...items(...Array(rows).fill(201)), status: 202 },
  ],
  needsProxy: true,
  timeless: true,
  page: { endpoint: elasticsearch('https://elasticsearch.example'), rows: exampleRows() },
})

test('a row is a document, its columns as they are', async () => {
  const service = await openElasticsearch({ index: 'events' })
  await deliver(elasticsearch(service.url, { index: 'events' }), chainOf())
  const [open, page, , checkout, group] = [...service.stored.values()]
  const { body, chain, gprev, link, salt, seq, t } = JSON.parse(chainOf()[0] as string)
  expect(open).toEqual({
    ...{ body, chain, gprev, link, salt, seq, t },
    '@timestamp': '2026-09-21T14:13:20.000Z',
    kind: 'open',
    name: 'nymtrail_open',
    props: {},
  })
  expect(page).toMatchObject({
    kind: 'page',
    url: 'https://shop.example/order/:id?utm_source=mail',
    referrer: 'https://news.example',
  })
  expect(checkout).toMatchObject({ name: 'checkout', user: USER, device: DEVICE, visit: VISIT, seq: 3, t: T0 + 30 })
  expect(checkout?.props).toMatchObject({ items: 3, price: 19.5, tags: ['a', 'b'], note: 'für “dich”' })
  expect(group).toMatchObject({ kind: 'group', group: GROUP })
  await service.close()
})

test('every document has its own result', async () => {
  const service = await openElasticsearch()
  const statuses = [201, 200, 409, 429, 503, 400]
  service.faults.push(items(...statuses), items(403, 404, 401, 500, 413, null))
  expect((await deliver(elasticsearch(service.url), chainOf())).events).toBe('aaarrd')
  expect((await deliver(elasticsearch(service.url), chainOf())).events).toBe('rrrrdr')
  await service.close()
})

test('what the queue had no place for comes again, alone', async () => {
  let busy = 3
  const service = await openElasticsearch({ busy: ({ seq }) => seq === 4 && busy-- > 0 })
  const fates = await sendAll(elasticsearch(service.url), manyRows(9))
  expect(fates).toMatchObject({ dropped: [], left: [] })
  expect(service.requests.map(({ body }) => body.split('\n').length >> 1)).toEqual([10, 1, 1, 1])
  verifyColumns(columnsIn(service.exported()))
  await service.close()
})

test('two events that claim one place are both kept', async () => {
  const service = await openElasticsearch()
  const [open, first] = manyRows(1) as [string, string]
  const other = JSON.parse(manyRows(1, 'two')[1] as string)
  const forked = JSON.stringify({ ...other, chain: JSON.parse(first).chain })
  for (const rows of [[open, first], [forked], [first]])
    expect((await deliver(elasticsearch(service.url), rows)).events).toMatch(/^a+$/)
  expect(service.stored.size).toBe(3)
  await service.close()
})

test('needs a proxy, whose address may end as it likes', async () => {
  expect(elasticsearch('https://search.example').browserSafe).toBe(false)
  const index = '<shop-{now/d}>'
  const service = await openElasticsearch({ index })
  const options = { index, headers: { 'x-site': 'shop' } }
  for (const url of [service.url, `${service.url}/`, `${service.url}/${encodeURIComponent(index)}/_bulk`])
    expect((await deliver(elasticsearch(url, options), chainOf())).events).toMatch(/^a+$/)
  expect(service.requests.map(({ headers }) => headers['x-site'])).toEqual(['shop', 'shop', 'shop'])
  await service.close()
})

import { expect, test } from 'vitest'
import { cloudevents } from '../../endpoints/cloudevents.ts'
import { openCloudevents } from './doubles/cloudevents.ts'
import { chainOf, columnsIn, DEVICE, deliver, GROUP, manyRows, sendAll, USER, VISIT, verifyColumns } from './harness.ts'
import { exampleRows, longRows, track } from './rows.ts'
import { suite } from './suite.ts'

suite('cloudevents', {
  open: ({ refuse, ...more }) => openCloudevents({ ...more, refuse: ({ data }) => refuse(data.nt_link) }),
  endpoint: (url) => cloudevents(url),
  idOf: ({ id }) => id,
  keepsProps: true,
  bytes: 20_000,
  tooMany: () => longRows(30, 1000),
  giant: track('giant', { text: 'x'.repeat(30_000) }),
  acks: ({ status = 200 }) => [200, 201, 202, 204].includes(status),
  // A web hook that is gone says 410.
  retried: () => [{ status: 410 }, { status: 415 }, { status: 207 }, { status: 206 }],
  refused: [{ status: 422 }],
  timeless: true,
  page: { endpoint: cloudevents('https://cloudevents.example'), rows: exampleRows() },
})

test('a row is an event', async () => {
  const service = await openCloudevents()
  await deliver(cloudevents(service.url), chainOf())
  const [open, page, identify, checkout, group] = [...service.stored.values()]
  const rows = chainOf().map((line) => JSON.parse(line))
  expect(open).toMatchObject({ type: 'nymtrail.open', id: rows[0].link, source: 'urn:nymtrail:shop' })
  expect(page).toMatchObject({
    type: 'nymtrail.page',
    time: '2026-09-21T14:13:20.010Z',
    data: { url: 'https://shop.example/order/:id?utm_source=mail', referrer: 'https://news.example' },
  })
  expect(identify).toMatchObject({ type: 'nymtrail.identify', data: { user: USER, props: { plan: 'pro' } } })
  expect(checkout).toMatchObject({
    type: 'nymtrail.track.checkout',
    partitionkey: rows[0].chain,
    data: { kind: 'track', name: 'checkout', device: DEVICE, visit: VISIT, nt_seq: 3, nt_body: rows[3].body },
  })
  expect(checkout?.data).toMatchObject({ props: { items: 3, tags: ['a', 'b'], nested: { a: 1 }, none: null } })
  expect(group).toMatchObject({ type: 'nymtrail.group', data: { group: GROUP } })
  await service.close()
})

test('names that no attribute may hold are told apart in data', async () => {
  const service = await openCloudevents()
  const names = ['line\nbreak', 'nul\u0000', 'non\uffff', 'emoji 🎈', 'ünï']
  const rows = chainOf([{ x: 'open' }, ...names.map((n) => ({ k: 'track', n }))])
  const options = { source: 'https://shop.example/', typePrefix: 'com.shop.' }
  expect((await deliver(cloudevents(service.url, options), rows)).events).toBe('a')
  const events = [...service.stored.values()].slice(1)
  expect(events.map(({ type }) => type)).toEqual([
    'com.shop.track.line\ufffdbreak',
    'com.shop.track.nul\ufffd',
    'com.shop.track.non\ufffd',
    'com.shop.track.emoji 🎈',
    'com.shop.track.ünï',
  ])
  expect(events.map(({ data, source }) => [source, (data as { name?: string }).name])).toEqual(
    names.map((name) => ['https://shop.example/', name]),
  )
  verifyColumns(columnsIn(service.exported()))
  await service.close()
})

test('sends events one by one where batches are not taken', async () => {
  const service = await openCloudevents({ refuse: ({ data }) => data.nt_seq === 2 })
  const endpoint = cloudevents(service.url, { batch: false })
  expect(await sendAll(endpoint, manyRows(4))).toMatchObject({ dropped: [2], left: [] })
  expect(service.requests).toHaveLength(5)
  expect(service.requests[0]?.headers['content-type']).toBe('application/cloudevents+json')
  await service.close()
})

test('200, 201, 202 and 204 take', async () => {
  const service = await openCloudevents()
  for (const status of [200, 201, 202, 204]) {
    service.faults.push({ status })
    expect((await deliver(cloudevents(service.url), chainOf())).events).toBe('a')
  }
  await service.close()
})

test('a header that holds a secret is refused in a page', () => {
  expect(cloudevents('https://in.example', { headers: { 'ce-tenant': 'shop' } }).browserSafe).toBe(true)
  expect(cloudevents('https://in.example', { headers: { 'aeg-sas-key': 'x' } }).browserSafe).toBe(false)
})

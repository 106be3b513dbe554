import { expect, test } from 'vitest'
import { amplitude } from '../../endpoints/amplitude.ts'
import { openAmplitude } from './doubles/amplitude.ts'
import { chainOf, columnsIn, DEVICE, deliver, GROUP, manyRows, sendAll, USER, VISIT } from './harness.ts'
import { chainWith, track } from './rows.ts'
import { suite } from './suite.ts'

const key = 'amplitude-key'
const common = {
  idOf: ({ $insert_id }: { $insert_id: string }) => $insert_id,
  poison: track('[Amplitude] Revenue', { price: 3 }),
  giant: track('giant', { text: 'x'.repeat(600_000) }),
  tooMany: () => manyRows(2100),
  keepsProps: true,
  retried: (rows: number) => [
    { body: { code: 200 } },
    { body: { code: 200, events_ingested: rows - 1 } },
    { body: { code: 500, events_ingested: rows } },
    { status: 400, body: { code: 400, error: 'Request missing required field', missing_field: 'api_key' } },
  ],
} as const

suite('amplitude', {
  ...common,
  open: () => openAmplitude(),
  endpoint: (host) => amplitude({ key, host }),
  mistaken: { endpoint: (host) => amplitude({ key: 'another', host }) },
  page: { endpoint: amplitude({ key: 'YourApiKey' }) },
})

suite(
  'amplitude',
  {
    ...common,
    open: () => openAmplitude({ beacon: true }),
    endpoint: (host) => amplitude({ key, host, beacon: true }),
    mistaken: { endpoint: (host) => amplitude({ key: '', host, beacon: true }) },
  },
  'amplitude as a beacon',
)

test('people, groups and pages are what Amplitude calls them', async () => {
  const double = await openAmplitude()
  await sendAll(amplitude({ key, host: `${double.url}/`, groupType: 'team' }), chainOf())
  const [open, page, identify, checkout, group, out] = double.exported()
  expect(open).toMatchObject({ event_type: 'nymtrail_open', device_id: expect.stringMatching(/^[\da-f]{64}$/) })
  expect(page).toMatchObject({
    event_type: '[Amplitude] Page Viewed',
    device_id: DEVICE,
    event_properties: {
      '[Amplitude] Page URL': 'https://shop.example/order/:id?utm_source=mail',
      '[Amplitude] Page Domain': 'shop.example',
      '[Amplitude] Page Path': '/order/:id',
      referrer: 'https://news.example',
      visit: VISIT,
    },
  })
  expect(page?.user_id).toBeUndefined()
  expect(identify).toMatchObject({ event_type: 'identify', user_id: USER, user_properties: { plan: 'pro' } })
  expect(checkout).toMatchObject({ event_type: 'checkout', user_id: USER, event_properties: { items: 3 } })
  expect(group).toMatchObject({ event_type: 'group', groups: { team: GROUP }, event_properties: { seats: 12 } })
  expect(out).toMatchObject({ event_type: 'sign out', groups: { team: GROUP } })
  expect(double.exported().every(({ ip_address }) => ip_address === null)).toBe(true)
  await double.close()
})

test('400 names the events that are dropped, and the rest goes again', async () => {
  const double = await openAmplitude()
  const blocked = { k: 'track', n: 'blocked', d: 'a-silenced-device' }
  const rows = chainWith(track('a'), track('[Amplitude] Revenue'), blocked, track('b'))
  double.silenced.add('a-silenced-device')
  const endpoint = amplitude({ key, host: double.url })
  expect(await deliver(endpoint, rows)).toMatchObject({ events: 'rrrddr' })
  expect(await sendAll(endpoint, rows)).toEqual({ acknowledged: [0, 1, 2, 5], dropped: [3, 4], left: [] })
  expect(columnsIn(double.exported()).length).toBe(4)
  await double.close()
})

test('a device that sends too much pauses for 30 s, or as long as it is told', async () => {
  const double = await openAmplitude()
  double.throttled.add(DEVICE)
  const endpoint = amplitude({ key, host: double.url })
  expect(await deliver(endpoint, chainOf())).toMatchObject({ events: 'r', after: 30_000, warnings: [] })
  double.faults.push({ status: 429, headers: { 'retry-after': '120' }, body: { code: 429 } })
  expect(await deliver(endpoint, chainOf())).toMatchObject({ events: 'r', after: 120_000 })
  expect(double.exported()).toEqual([])
  await double.close()
})

test('400 that names none is told apart', async () => {
  const double = await openAmplitude()
  double.faults.push({ status: 400, body: { code: 400, error: 'Invalid JSON request body' } })
  expect(await deliver(amplitude({ key, host: double.url }), chainOf())).toMatchObject({ events: 's' })
  double.faults.push({ status: 400, body: '<html>' })
  expect(await deliver(amplitude({ key, host: double.url }), chainOf())).toMatchObject({ events: 's' })
  await double.close()
})

test('on the page’s own origin a header does no harm', () => {
  expect(amplitude({ key, host: '/amplitude' }).keepalive).toBe(true)
})

import { expect, test } from 'vitest'
import { mixpanel } from '../../endpoints/mixpanel.ts'
import { readOptions } from '../../options.ts'
import { openMixpanel } from './doubles/mixpanel.ts'
import { chainOf, columnsIn, DEVICE, deliver, GROUP, manyRows, sendAll, T0, USER, VISIT } from './harness.ts'
import { chainWith, track } from './rows.ts'
import { suite } from './suite.ts'

const token = 'mixpanel-token'
const through = (host: string, projectId: string | number = 7) => mixpanel({ api: 'import', host, projectId })
const wide = Object.fromEntries(Array.from({ length: 260 }, (_, at) => [`p${at}`, at]))
const common = {
  open: () => openMixpanel(),
  idOf: ({ properties }: { properties: Record<string, unknown> }) => String(properties.$insert_id),
  giant: track('giant', { text: 'x'.repeat(1_000_000) }),
  tooMany: () => manyRows(2100),
  keepsProps: true,
} as const

suite('mixpanel', {
  ...common,
  endpoint: (host) => mixpanel({ token, host }),
  // Mixpanel says it with status 200.
  mistaken: { endpoint: (host) => mixpanel({ token: '', host }), warns: ['endpoint_failed'] },
  poisoned: 'none',
  retried: () => [{ body: '1' }, { body: { status: 'OK' } }, { body: { status: true } }],
  page: { endpoint: mixpanel({ token: 'YourProjectToken' }) },
})

suite(
  'mixpanel',
  {
    ...common,
    endpoint: through,
    mistaken: { endpoint: (host) => through(host, 8) },
    needsProxy: true,
    poison: track('wide', wide),
    retried: (rows) => [
      { body: { code: 200, num_records_imported: rows - 1, status: 'OK' } },
      { body: { status: 1 } },
      { status: 401, body: { code: 401, error: 'Invalid credentials' } },
    ],
  },
  'mixpanel through a proxy',
)

test('people, groups and pages are what Mixpanel calls them', async () => {
  const double = await openMixpanel()
  await sendAll(mixpanel({ token, host: `${double.url}/`, groupKey: 'team' }), chainOf())
  const [open, page, identify, checkout, group, out] = double.exported()
  expect(open).toMatchObject({ event: 'nymtrail_open', properties: { distinct_id: '' } })
  expect(page).toMatchObject({
    event: '$mp_web_page_view',
    properties: {
      distinct_id: `$device:${DEVICE}`,
      $device_id: DEVICE,
      $current_url: 'https://shop.example/order/:id?utm_source=mail',
      current_domain: 'shop.example',
      current_url_path: '/order/:id',
      $referrer: 'https://news.example',
      visit: VISIT,
      time: T0 + 10,
    },
  })
  expect(page?.properties).not.toHaveProperty('$user_id')
  const person = { distinct_id: USER, $user_id: USER, $device_id: DEVICE }
  expect(identify).toMatchObject({ event: 'identify', properties: { ...person, plan: 'pro' } })
  expect(checkout).toMatchObject({ event: 'checkout', properties: { ...person, items: 3 } })
  expect(group).toMatchObject({ event: 'group', properties: { team: GROUP, seats: 12 } })
  expect(out).toMatchObject({ event: 'sign out', properties: { team: GROUP } })
  expect(JSON.stringify(double.exported())).not.toContain('Sydney')
  await double.close()
})

test('/import answers for each event, and takes those of any age', async () => {
  const double = await openMixpanel({ now: T0 + 30 * 24 * 3_600_000 })
  const rows = chainWith(
    track('a'),
    track('wide', wide),
    track('deep', { a: { b: { c: { d: { e: 1 } } } } }),
    track('b'),
  )
  expect(await deliver(through(double.url), rows)).toMatchObject({ events: 'aaadda', warnings: [] })
  expect(columnsIn(double.exported()).length).toBe(4)
  await double.close()
})

test('failed records that do not add up acknowledge nothing', async () => {
  const double = await openMixpanel()
  const answer = { code: 400, failed_records: [{ index: 1 }], num_records_imported: 2 }
  double.faults.push({ status: 400, body: answer })
  expect(await deliver(through(double.url), manyRows(3))).toMatchObject({ events: 'rdrr' })
  double.faults.push({ status: 400, body: { code: 400, error: 'expected a list of events' } })
  expect(await deliver(through(double.url), manyRows(3))).toMatchObject({ events: 's' })
  await double.close()
})

test('without the secret events wait, and the console says so', async () => {
  const double = await openMixpanel()
  double.state.credentials = false
  const { events, warnings } = await deliver(through(double.url), chainOf())
  expect([events, warnings]).toEqual(['r', ['endpoint_refused']])
  await double.close()
})

test('/import is for proxies only', () => {
  const endpoint = through('/mixpanel')
  expect(readOptions({ deployment: 'shop', endpoint })).toMatchObject({ code: 'endpoint_needs_proxy' })
  expect(endpoint.keepalive).toBe(true)
  expect(through('//mixpanel.example').keepalive).toBe(false)
})

test('/track takes what one event of it makes good: an acknowledgement proves receipt only', async () => {
  const double = await openMixpanel()
  const endpoint = mixpanel({ token, host: double.url })
  expect(await sendAll(endpoint, chainWith(track('wide', wide)))).toMatchObject({ acknowledged: [0, 1, 2] })
  expect(columnsIn(double.exported()).length).toBe(2)
  // By itself, it is seen to be no good.
  expect(await sendAll(endpoint, chainWith(track('wide', wide)).slice(2))).toMatchObject({ dropped: [2] })
  // Nor does it say anything of a token of no project, or of an age.
  expect(await deliver(mixpanel({ token: 'another', host: double.url }), chainOf())).toMatchObject({ events: 'a' })
  await double.close()
  const later = await openMixpanel({ now: T0 + 6 * 24 * 3_600_000 })
  expect(await deliver(mixpanel({ token, host: later.url }), chainOf())).toMatchObject({ events: 'a' })
  expect(later.exported()).toEqual([])
  await later.close()
})

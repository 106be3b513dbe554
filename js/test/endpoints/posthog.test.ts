import { expect, test } from 'vitest'
import { posthog } from '../../endpoints/posthog.ts'
import { openPosthog } from './doubles/posthog.ts'
import { BODIES, chainOf, columnsIn, DEVICE, deliver, GROUP, sendAll, USER, VISIT, verifyColumns } from './harness.ts'
import { chainWith, track } from './rows.ts'
import { suite } from './suite.ts'

const key = 'phc_test'
const big = (bytes: number) => ({ text: 'x'.repeat(bytes) })
const common = {
  open: () => openPosthog(),
  idOf: ({ uuid }: { uuid: string }) => uuid,
  giant: track('giant', big(1_000_000)),
  keepsProps: true,
} as const

suite('posthog', {
  ...common,
  endpoint: (host) => posthog({ key, host }),
  mistaken: { endpoint: (host) => posthog({ key: 'phx_personal', host }) },
  poison: track('bad', { $cookieless_mode: 'yes' }),
  // 45 of 250 kB, each of them twice in its event.
  tooMany: () => chainOf([BODIES[0] as object, ...Array.from({ length: 45 }, () => track('big', big(250_000)))]),
  retried: () => [{ body: { status: 'Error' } }, { body: { ok: true } }],
  page: { endpoint: posthog({ key: 'phc_YourProjectKey' }) },
})

suite(
  'posthog',
  {
    ...common,
    endpoint: (host) => posthog({ key, host, api: 'v1' }),
    mistaken: { endpoint: (host) => posthog({ key: 'phx_personal', host, api: 'v1' }) },
    // 100 characters, 300 bytes: over v1's 200.
    poison: track('日'.repeat(100)),
    tooMany: () => chainOf([BODIES[0] as object, ...Array.from({ length: 24 }, () => track('big', big(250_000)))]),
    random: ['posthog-request-id'],
    retried: () => [{ body: { status: 'Ok' } }, { body: { results: {} } }, { body: { results: 'ok' } }],
  },
  'posthog v1',
)

test('people, groups and pages are what PostHog calls them', async () => {
  const double = await openPosthog()
  await sendAll(posthog({ key, host: `${double.url}/` }), chainOf())
  const [open, page, identify, checkout, group, out] = double.exported()
  expect(open).toMatchObject({ event: 'nymtrail_open', properties: { $process_person_profile: false } })
  expect(page).toMatchObject({
    event: '$pageview',
    distinct_id: DEVICE,
    properties: {
      $current_url: 'https://shop.example/order/:id?utm_source=mail',
      $host: 'shop.example',
      $pathname: '/order/:id',
      $referrer: 'https://news.example',
      $session_id: VISIT,
      $process_person_profile: false,
      $geoip_disable: true,
      $ip: '0.0.0.0',
    },
  })
  expect(identify).toMatchObject({
    event: '$identify',
    distinct_id: USER,
    properties: { $set: { plan: 'pro' }, $anon_distinct_id: DEVICE },
  })
  expect(checkout).toMatchObject({ event: 'checkout', distinct_id: USER, properties: { items: 3, gift: true } })
  expect(checkout?.properties).not.toHaveProperty('$process_person_profile')
  expect(group).toMatchObject({
    event: '$groupidentify',
    properties: { $group_type: 'organization', $group_key: GROUP, $group_set: { seats: 12 } },
  })
  expect(out).toMatchObject({ event: 'sign out', properties: { $groups: { organization: GROUP } } })
  await double.close()
})

test('without profiles nothing makes a person, and nothing is lost to that', async () => {
  const double = await openPosthog()
  await sendAll(posthog({ key, host: double.url, profiles: 'never', groupType: 'team' }), chainOf())
  // A sign-in for which no pseudonym could be made.
  await sendAll(posthog({ key, host: double.url }), chainWith({ k: 'identify', d: DEVICE, p: { plan: 'pro' } }))
  const events = double.exported()
  expect(double.warnings).toEqual([])
  expect(events.length).toBe(8)
  expect(events.slice(0, 6).map(({ event }) => event)).toEqual([
    'nymtrail_open',
    '$pageview',
    'identify',
    'checkout',
    'group',
    'sign out',
  ])
  expect(events.slice(0, 6).every(({ properties }) => properties.$process_person_profile === false)).toBe(true)
  expect(events[4]?.properties).toMatchObject({ seats: 12, $groups: { team: GROUP } })
  expect(events[7]).toMatchObject({ event: 'identify', properties: { plan: 'pro' } })
  verifyColumns(columnsIn(events.slice(0, 6)))
  await double.close()
})

test('v1 answers for each event', async () => {
  const double = await openPosthog({ overQuota: ['survey sent'] })
  const endpoint = posthog({ key, host: double.url, api: 'v1' })
  const rows = chainWith(track('a'), track('日'.repeat(100)), track('survey sent'), track('b'))
  const { body } = endpoint.encode({ deployment: '', epoch: null, chain: '', rows, sentAt: 0, ageMs: 0 }) as {
    body: string
  }
  double.unpersisted.add(JSON.parse(body).batch[2].uuid)
  // Taken, taken, not kept, refused, over the quota, taken; and Retry-After is obeyed.
  expect(await deliver(endpoint, rows)).toMatchObject({ events: 'aardra', after: 1000, warnings: [] })
  expect(await sendAll(endpoint, rows.slice(2, 3))).toMatchObject({ acknowledged: [2] })
  expect(double.exported().map(({ event }) => event)).toEqual(['nymtrail_open', 'before', 'b', 'a'])
  const ids = double.requests.map(({ headers }) => headers['posthog-request-id'])
  expect(new Set(ids).size).toBe(ids.length)
  expect(double.requests[0]?.headers['content-encoding']).toBe('gzip')
  // Kept, but without a person: as good as taken.
  const uuid = JSON.parse(body).batch[0].uuid
  double.faults.push({ body: { results: { [uuid]: { result: 'warning', details: 'person_processing_disabled' } } } })
  expect(await deliver(endpoint, rows)).toMatchObject({ events: 'arrrrr' })
  await double.close()
})

test('over its quota, /batch/ says Ok and keeps nothing: an acknowledgement proves receipt only', async () => {
  const double = await openPosthog({ overQuota: ['events'] })
  expect(await deliver(posthog({ key, host: double.url }), chainOf())).toMatchObject({ events: 'a' })
  expect(double.exported()).toEqual([])
  await double.close()
})

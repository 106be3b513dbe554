import { expect, test } from 'vitest'
import { rudderstack } from '../../endpoints/rudderstack.ts'
import { openRudderstack } from './doubles/rudderstack.ts'
import { BODIES, chainOf, GROUP, sendAll, USER } from './harness.ts'
import { track } from './rows.ts'
import { suite } from './suite.ts'

const key = 'rudder key'
const deep = (levels: number): object => (levels ? { in: deep(levels - 1) } : {})
const common = {
  open: () => openRudderstack(),
  idOf: ({ messageId }: { messageId: string }) => messageId,
  poison: track('deep', deep(250)),
  giant: track('giant', { text: 'x'.repeat(2_100_000) }),
  // 12 of 250 kB, each of them twice in its message.
  tooMany: () =>
    chainOf([BODIES[0] as object, ...Array.from({ length: 12 }, () => track('big', { text: 'x'.repeat(250_000) }))]),
  retried: () => [{ body: { success: true } }, { body: 'OK, but later' }],
  keepsProps: true,
} as const

suite('rudderstack', {
  ...common,
  endpoint: (host) => rudderstack({ key, host }),
  mistaken: { endpoint: (host) => rudderstack({ key: 'another', host }) },
  page: { endpoint: rudderstack({ key: 'YourWriteKey', host: 'https://shop.dataplane.rudderstack.com' }) },
})

suite(
  'rudderstack',
  {
    ...common,
    endpoint: (host) => rudderstack({ key, host, auth: 'header' }),
    mistaken: { endpoint: (host) => rudderstack({ key: 'another', host, auth: 'header' }) },
  },
  'rudderstack with a header',
)

test('messages are of the Segment Spec, and none has an address', async () => {
  const double = await openRudderstack()
  await sendAll(rudderstack({ key, host: `${double.url}/` }), chainOf())
  const messages = double.exported()
  expect(messages.map(({ type, event }) => event ?? type)).toEqual([
    'nymtrail_open',
    'page',
    'identify',
    'checkout',
    'group',
    'sign out',
  ])
  expect(messages[4]).toMatchObject({ type: 'group', userId: USER, groupId: GROUP, traits: { seats: 12 } })
  for (const message of messages) expect(message).toMatchObject({ request_ip: '0.0.0.0', context: { ip: '0.0.0.0' } })
  await double.close()
})

test('a source that is switched off keeps its events waiting', async () => {
  const double = await openRudderstack()
  double.faults.push({ status: 404, body: 'Source is disabled' })
  const { acknowledged } = await sendAll(rudderstack({ key, host: double.url }), chainOf())
  expect([acknowledged.length, double.requests.length]).toEqual([6, 2])
  await double.close()
})

test('on the page’s own origin a header does no harm', () => {
  expect(rudderstack({ key, host: '/rudder', auth: 'header' }).keepalive).toBe(true)
  expect(rudderstack({ key, host: '//rudder.example', auth: 'header' }).keepalive).toBe(false)
})

import { expect, test } from 'vitest'
import { jitsu } from '../../endpoints/jitsu.ts'
import { openJitsu } from './doubles/jitsu.ts'
import { BODIES, chainOf, columnsIn, deliver, manyRows, sendAll } from './harness.ts'
import { chainWith, track } from './rows.ts'
import { suite } from './suite.ts'

const key = 'id:secret'
const common = {
  open: () => openJitsu(),
  idOf: ({ messageId }: { messageId: string }) => messageId,
  // 100 characters, 200 bytes: over Jitsu's 128.
  poison: track('ñ'.repeat(100)),
  giant: track('giant', { text: 'x'.repeat(600_000) }),
  retried: () => [{ body: { ok: false } }, { body: 'OK' }],
  keepsProps: true,
} as const

suite('jitsu', {
  ...common,
  endpoint: (host) => jitsu({ key, host }),
  // Jitsu says it with status 200.
  mistaken: { endpoint: (host) => jitsu({ key: 'id:another', host }), warns: ['endpoint_failed'] },
  page: { endpoint: jitsu({ key: 'YourWriteKey', host: 'https://abc.d.jitsu.com' }) },
  // Each goes by itself.
  tooMany: () => manyRows(60),
})

suite(
  'jitsu',
  {
    ...common,
    endpoint: (host) => jitsu({ key, host, batch: true }),
    mistaken: { endpoint: (host) => jitsu({ key: 'id:another', host, batch: true }) },
    tooMany: () =>
      chainOf([BODIES[0] as object, ...Array.from({ length: 6 }, () => track('big', { text: 'x'.repeat(100_000) }))]),
    retried: (rows) => [
      ...common.retried(),
      { body: { ok: true } },
      { body: { ok: true, receivedEvents: rows + 1, okEvents: rows + 1 } },
      { body: { ok: false, receivedEvents: rows, okEvents: rows, errors: ['in another form'] } },
      { body: { ok: false, receivedEvents: rows, okEvents: rows - 1, errors: ['Message ID: another: event error'] } },
    ],
  },
  'jitsu in batches',
)

suite(
  'jitsu',
  {
    ...common,
    open: () => openJitsu({ byHost: true }),
    endpoint: (host) => jitsu({ host, ip: 'keep' }),
    tooMany: () => manyRows(20),
    keepsAddress: true,
  },
  'jitsu without a header',
)

test('each message goes to the address of its type, and its address is removed', async () => {
  const double = await openJitsu()
  await sendAll(jitsu({ key, host: `${double.url}/` }), chainOf())
  expect(double.requests.map(({ path }) => path)).toEqual([
    '/api/s/track',
    '/api/s/page',
    '/api/s/identify',
    '/api/s/track',
    '/api/s/group',
    '/api/s/track',
  ])
  for (const message of double.exported()) {
    expect(message).not.toHaveProperty('requestIp')
    expect(message.context).toMatchObject({ ip: '0.0.0.0', userAgent: '', locale: '' })
  }
  await double.close()
})

test('in a batch every event has its own verdict', async () => {
  const double = await openJitsu()
  const rows = chainWith(track('a'), track('ñ'.repeat(100)), track('b'))
  const endpoint = jitsu({ key, host: double.url, batch: true })
  expect(await deliver(endpoint, rows)).toMatchObject({ events: 'aaada', warnings: [] })
  double.state.throttle = true
  // Over the quota is nobody's fault.
  expect(await deliver(endpoint, rows)).toMatchObject({ events: 'rrrdr', warnings: [] })
  expect(columnsIn(double.exported()).length).toBe(4)
  await double.close()
})

test('without a destination, or over the quota, events wait', async () => {
  const double = await openJitsu()
  const endpoint = jitsu({ key, host: double.url })
  double.state.destinations = 0
  expect(await deliver(endpoint, manyRows(2))).toMatchObject({ events: 'rrr', warnings: ['endpoint_failed'] })
  double.state.destinations = 1
  double.state.throttle = true
  expect(await deliver(endpoint, manyRows(2))).toMatchObject({ events: 'rrr', warnings: ['endpoint_refused'] })
  await double.close()
})

test('on the page’s own origin headers do no harm', () => {
  expect(jitsu({ key, host: '/jitsu' }).keepalive).toBe(true)
  expect(jitsu({ key, host: 'https://abc.d.jitsu.com' }).keepalive).toBe(false)
  expect(jitsu({ key, host: 'https://abc.d.jitsu.com', batch: true, ip: 'keep' }).keepalive).toBe(true)
})

import { expect, test } from 'vitest'
import { kafkaRest } from '../../endpoints/kafka-rest.ts'
import { type Implementation, openKafkaRest } from './doubles/kafka-rest.ts'
import { chainOf, columnsIn, deliver, manyRows, sendAll, verifyColumns } from './harness.ts'
import { exampleRows, longRows, track } from './rows.ts'
import { suite } from './suite.ts'

const proxies: readonly Implementation[] = ['confluent', 'karapace', 'redpanda']
const offsets = (...list: object[]) => ({ body: { offsets: list } })
const fine = { partition: 0, offset: 7 }

for (const proxy of proxies)
  suite(
    'kafka-rest',
    {
      open: ({ refuse, ...more }) =>
        openKafkaRest({ ...more, proxy, fail: ({ link }) => (refuse(link) ? 'large' : undefined) }),
      endpoint: (url) => kafkaRest(url),
      keepsDoubles: true,
      bytes: 20_000,
      tooMany: () => longRows(30, 1000),
      giant: track('giant', { text: 'x'.repeat(30_000) }),
      retried: (rows) => [
        { status: 415 },
        { status: 200, body: '{}' },
        { status: 200, body: '{"offsets":[{"partition":0,"off' },
        { status: 200, body: '{"offsets":7}' },
        offsets(),
        // Neither one for each record nor one for all.
        offsets(...Array(rows + 1).fill(fine)),
        // No error and no offset either.
        offsets({}),
        offsets({ partition: 0, offset: null }),
      ],
      refused: [{ status: 422 }, { status: 422, body: { error_code: 42202, message: 'no value schema' } }],
      needsProxy: true,
      timeless: true,
      page: { endpoint: kafkaRest('https://kafka-rest.example'), rows: exampleRows() },
    },
    `kafka-rest, ${proxy}`,
  )

test.each(proxies)('what fails for a while comes again: %s', async (proxy) => {
  for (const failure of ['leader', 'timeout'] as const) {
    let times = 2
    const fail = ({ body = '' }) => (body.includes('"at":3') && times-- > 0 ? failure : undefined)
    const service = await openKafkaRest({ proxy, fail })
    const rows = manyRows(9)
    expect(await sendAll(kafkaRest(service.url), rows)).toMatchObject({ dropped: [], left: [] })
    expect(service.stored).toHaveLength(rows.length)
    expect(service.requests).toHaveLength(3)
    verifyColumns(columnsIn(service.exported()))
    await service.close()
  }
})

test('every record has its own result', async () => {
  const service = await openKafkaRest()
  const errors = [1, 2, 50002, 50003, 40301].map((error_code) => ({ error_code, error: 'x', offset: null }))
  service.faults.push(offsets(fine, ...errors), { status: 403, ...offsets(fine, ...errors) })
  for (let time = 0; time < 2; time++) expect((await deliver(kafkaRest(service.url), chainOf())).events).toBe('adrdrr')
  const kafkas = [10, 18, 32, 87, 3, 999].map((error_code) => ({ partition: 0, error_code, offset: -1 }))
  const late = { error_code: 32, error: 'The timestamp of the message is out of acceptable range.' }
  service.faults.push(offsets(...kafkas), offsets(fine, fine, fine, fine, late, { error_code: 1, error: 'Timed out' }))
  expect((await deliver(kafkaRest(service.url), chainOf())).events).toBe('ddddrr')
  expect((await deliver(kafkaRest(service.url), chainOf())).events).toBe('aaaadr')
  await service.close()
})

test('one result for all is one for all', async () => {
  const service = await openKafkaRest()
  const answers = {
    a: fine,
    r: { partition: 0, error_code: 6, offset: -1 },
    s: { partition: 0, error_code: 10, offset: -1 },
  }
  for (const [letter, answer] of Object.entries(answers)) {
    service.faults.push(offsets(answer))
    expect((await deliver(kafkaRest(service.url), chainOf())).events).toBe(letter)
  }
  await service.close()
})

test('a record is a row as it is, under its chain', async () => {
  const service = await openKafkaRest({ topic: 'web/events' })
  await deliver(kafkaRest(`${service.url}/`, { topic: 'web/events', headers: { 'x-site': 'shop' } }), chainOf())
  await deliver(kafkaRest(service.url, { topic: 'web/events' }), chainOf(undefined, 'two'))
  const [first] = chainOf()
  expect(service.stored[0]).toMatchObject({
    value: JSON.parse(first as string),
    key: JSON.parse(first as string).chain,
  })
  // To the byte, as it was hashed.
  expect(service.requests[0]?.body).toContain(`"value":${first}}`)
  expect(service.requests[0]?.headers['x-site']).toBe('shop')
  expect(new Set(service.stored.map(({ key, partition }) => `${key} ${partition}`)).size).toBe(2)
  expect(kafkaRest('https://kafka.example').browserSafe).toBe(false)
  await service.close()
})

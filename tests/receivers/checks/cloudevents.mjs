// The official SDK of CloudEvents: whether it reads our requests, and whether what it read is valid and holds the chain.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

export const needs = ['npm:cloudevents']

export default async ({ check, sdk, nodeModules, verify }) => {
  const { HTTP } = createRequire(`${nodeModules}/`)('cloudevents')
  const { batchOf, chainOf, columnsIn, erased, manyRows, openDouble, readEvent, deliver } = sdk
  const { cloudevents } = sdk.endpoints
  /** The events as the SDK reads a request; it throws for one that is not valid. */
  const parsed = ({ headers, body }) => {
    const found = [HTTP.toEvent({ headers, body })].flat()
    for (const event of found) event.validate()
    return found
  }

  await check('every row is a valid event, and the chain holds', async () => {
    // A server that does nothing but have the SDK read what came.
    const events = []
    const server = await openDouble((request) => {
      try {
        events.push(...parsed(request))
        return { status: 204 }
      } catch (error) {
        return { status: 400, body: String(error) }
      }
    })
    const rows = chainOf()
    rows[2] = erased(rows[2])
    const outcome = await deliver(cloudevents(server.url), rows)
    assert.deepEqual([outcome.events, outcome.warnings], ['a', []])
    await server.close()
    assert.deepEqual(
      events.map(({ type }) => type.replace('nymtrail.', '')),
      ['open', 'page', 'erased', 'track.checkout', 'group', 'track.sign out'],
    )
    // The SDK invents an id for an event that has none: ours are the links.
    assert.deepEqual(
      events.map(({ id }) => id),
      rows.map((line) => JSON.parse(line).link),
    )
    await verify(events.map((event) => JSON.stringify(event)).join('\n'), rows.length)
    await verify(JSON.stringify(events), rows.length)
    assert.deepEqual(
      columnsIn(JSON.parse(JSON.stringify(events))),
      rows.map((line) => readEvent(line).columns),
    )
  })
  await check('so are single events, also with odd names', () => {
    const names = ['line\nbreak', 'ünï “q”', '🎈', 'non\uffff']
    const rows = chainOf([{ x: 'open' }, ...names.map((n) => ({ k: 'track', n }))])
    for (const line of rows) parsed(cloudevents('http://in', { batch: false }).encode(batchOf([line])))
  })
  await check('the SDK would have refused a name with an underscore', () => {
    const request = cloudevents('http://in').encode(batchOf(manyRows(1)))
    const wrong = { ...request, body: request.body.replaceAll('"partitionkey"', '"nt_chain"') }
    assert.throws(() => parsed(wrong))
  })
}

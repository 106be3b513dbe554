// Segment's own validator of messages, for the endpoints that send its messages.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

export const needs = ['npm:@segment/loosely-validate-event']

export default async ({ check, sdk, nodeModules, verify }) => {
  const validate = createRequire(`${nodeModules}/`)('@segment/loosely-validate-event')
  const { batchOf, chainOf, erased, longRows } = sdk
  const { segment, rudderstack, jitsu } = sdk.endpoints
  const rows = chainOf()
  rows[2] = erased(rows[2])
  /** The messages of a request; the validator wants dates where JSON has texts. */
  const messages = ({ body }) => {
    const read = JSON.parse(body)
    return (read.batch ?? [read]).map((message) => ({ ...message, timestamp: new Date(message.timestamp) }))
  }
  const ndjson = (list) => list.map((message) => JSON.stringify(message)).join('\n')
  const endpoints = {
    segment: (part) => messages(segment({ key: 'k' }).encode(batchOf(part))),
    rudderstack: (part) => messages(rudderstack({ key: 'k', host: 'http://in' }).encode(batchOf(part))),
    // One event a request.
    jitsu: (part) => part.flatMap((line) => messages(jitsu({ key: 'k', host: 'http://in' }).encode(batchOf([line])))),
  }

  for (const [name, encode] of Object.entries(endpoints)) {
    await check(`${name}: every row is a message that the validator takes, and the chain holds`, async () => {
      const list = encode(rows)
      for (const message of list) validate(message)
      assert.equal(list.length, rows.length)
      await verify(ndjson(list), rows.length)
    })
    await check(`${name}: so is a long one`, () => {
      for (const message of encode(longRows(1, 15_000))) validate(message)
    })
  }
  await check('the validator would have refused a message without a name', () => {
    const [message] = endpoints.segment(rows)
    assert.throws(() => validate({ ...message, event: undefined }), /must pass an "event"/)
  })
}

// The official messages of OpenTelemetry: whether the request is one, to the last field.
import assert from 'node:assert/strict'

export const needs = ['python:opentelemetry-proto', 'python:protobuf']

export default async ({ check, sdk, runPython }) => {
  const { chainOf, batchOf, erased, manyRows } = sdk
  const endpoint = sdk.endpoints.otlp('http://localhost')
  const body = (rows) => endpoint.encode(batchOf(rows)).body

  await check('every row is a record that the parser takes whole', async () => {
    const rows = chainOf()
    rows[2] = erased(rows[2])
    const found = JSON.parse(await runPython('otlp_parse.py', [], body(rows)))
    const names = ['nymtrail_open', 'page', 'nymtrail_erased', 'checkout', 'group', 'sign out']
    assert.deepEqual(
      found,
      names.map((name, at) => [name, 1_790_000_000_000_000_000 + 10_000_000 * at]),
    )
  })
  await check('200 rows too', async () => {
    assert.equal(JSON.parse(await runPython('otlp_parse.py', [], body(manyRows(199)))).length, 200)
  })
  await check('the parser would have refused an unknown field', async () => {
    const wrong = body(chainOf()).replace('"eventName"', '"eventname"')
    await assert.rejects(runPython('otlp_parse.py', [], wrong), /no field named "eventname"/)
  })
}

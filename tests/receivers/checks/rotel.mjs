// Rotel, an OpenTelemetry collector: the records go in as JSON and come out as protobuf, and the chain still holds.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

export const needs = ['python:rotel', 'python:opentelemetry-proto']

export default async ({ check, sdk, python, temp, start, freePort, until, script, runPython, verify }) => {
  const [http, grpc, back] = [await freePort(), await freePort(), await freePort()]
  const sink = await start(python, [script('otlp_sink.py'), `${back}`], { ready: `http://127.0.0.1:${back}` })
  const agent = (await runPython('where.py', ['rotel'])).trim()
  const address = `http://127.0.0.1:${http}`
  await start(
    join(agent, 'rotel-agent'),
    [
      'start',
      ...['--otlp-http-endpoint', `127.0.0.1:${http}`, '--otlp-grpc-endpoint', `127.0.0.1:${grpc}`],
      ...['--pid-file', join(temp, 'pid'), '--batch-timeout', '100ms'],
      ...[
        '--exporter',
        'otlp',
        '--otlp-exporter-endpoint',
        `http://127.0.0.1:${back}`,
        '--otlp-exporter-protocol',
        'http',
      ],
    ],
    { ready: address },
  )
  const { chainOf, columnsIn, deliver, erased, manyRows } = sdk
  const { otlp } = sdk.endpoints
  /** The lines that came out, once they hold so many records with this chain's id. */
  const arrived = (rows, count = rows.length) => {
    const { chain } = JSON.parse(rows[0])
    const lines = () =>
      sink
        .output()
        .split('\n')
        .filter((line) => line.includes(chain))
    const records = () => lines().flatMap((line) => line.match(/"key":\s*"nt_chain"/g) ?? []).length
    return until(() => records() >= count && lines().join('\n'), `${count} records`)
  }

  await check('takes every row, and the chain holds', async () => {
    const rows = chainOf()
    rows[2] = erased(rows[2])
    const outcome = await deliver(otlp(address), rows)
    assert.deepEqual([outcome.status, outcome.events, outcome.warnings], [200, 'a', []])
    const lines = await arrived(rows)
    assert.match(lines, /"eventName":\s*"sign out"/)
    assert.match(lines, /"service.name"/)
    await verify(lines, rows.length)
    // To the character: the rows that came out are those that went in, 64-bit integers as strings.
    const found = lines.split('\n').flatMap((line) => columnsIn(JSON.parse(line)))
    const sent = rows.map((line) => Object.entries(JSON.parse(line)).map(([name, value]) => [`nt_${name}`, `${value}`]))
    assert.deepEqual(found, sent.map(Object.fromEntries))
  })
  await check('takes compressed requests', async () => {
    const rows = manyRows(40, 'gzip')
    const { events, seen } = await deliver(otlp(address, { gzip: true }), rows)
    assert.equal(events, 'a')
    assert.ok(seen[0].bytes > 1024)
    await verify(await arrived(rows), rows.length)
    // Not only by chance: Rotel does read the header.
    const body = gzipSync('{')
    const answer = await fetch(`${address}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body,
    })
    assert.equal(answer.status, 400)
  })
  await check('the same request twice is there twice, and still one chain', async () => {
    const rows = chainOf(undefined, 'twice')
    for (let time = 0; time < 2; time++) assert.equal((await deliver(otlp(address), rows)).events, 'a')
    await verify(await arrived(rows, 2 * rows.length), rows.length)
  })
  await check('its refusals are read as refusals', async () => {
    const broken = { ...otlp(address), encode: () => ({ ...otlp(address).encode(sdk.batchOf(chainOf())), body: '{}' }) }
    const refused = await deliver(broken, chainOf())
    assert.deepEqual([refused.status, refused.events], [400, 's'])
    const elsewhere = await deliver(otlp(`${address}/other`), chainOf())
    assert.deepEqual([elsewhere.status, elsewhere.events], [404, 'r'])
  })
}

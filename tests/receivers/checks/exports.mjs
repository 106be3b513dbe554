// The program `nymtrail verify` on what every service hands out again whose rows travel, as its double has it: the chain
// holds, and a change of one body, a missing row or a missing piece is found.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export default async ({ check, sdk, temp, verdictOf }) => {
  const { endpoints: to, doubles: at, chainOf, BODIES, DEVICE, columnsIn, erased, sendAll } = sdk
  const key = { posthog: 'phc_test', segment: 'segment-key', rudderstack: 'rudder key', amplitude: 'amplitude-key' }
  /** Each: the double, the endpoint, and from records to the text of an export; default: a record a line. */
  const services = {
    posthog: [() => at.openPosthog(), (host) => to.posthog({ key: key.posthog, host })],
    // The answer to the query on the page: a column of texts.
    'posthog query': [
      () => at.openPosthog(),
      (host) => to.posthog({ key: key.posthog, host }),
      (events) => [{ columns: ['properties'], results: events.map(({ properties }) => [JSON.stringify(properties)]) }],
    ],
    'posthog v1': [() => at.openPosthog(), (host) => to.posthog({ key: key.posthog, host, api: 'v1' })],
    segment: [() => at.openSegment(), (host) => to.segment({ key: key.segment, host })],
    rudderstack: [() => at.openRudderstack(), (host) => to.rudderstack({ key: key.rudderstack, host })],
    jitsu: [() => at.openJitsu(), (host) => to.jitsu({ key: 'id:secret', host })],
    amplitude: [() => at.openAmplitude(), (host) => to.amplitude({ key: key.amplitude, host })],
    mixpanel: [() => at.openMixpanel(), (host) => to.mixpanel({ token: 'mixpanel-token', host })],
    'mixpanel import': [() => at.openMixpanel(), (host) => to.mixpanel({ api: 'import', host, projectId: 7 })],
    snowplow: [() => at.openSnowplow(), (url) => to.snowplow({ url })],
    umami: [() => at.openUmami(), (url) => to.umami({ url, website: at.WEBSITE })],
    otlp: [
      () => at.openOtlp(),
      (url) => to.otlp(url),
      (logRecords) => [{ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }],
    ],
    cloudevents: [() => at.openCloudevents(), (url) => to.cloudevents(url)],
    clickhouse: [() => at.openClickhouse(), (url) => to.clickhouse(url)],
    elasticsearch: [() => at.openElasticsearch(), (url) => to.elasticsearch(url), (documents) => [searched(documents)]],
    'kafka-rest': [() => at.openKafkaRest(), (url) => to.kafkaRest(url)],
    ndjson: [() => at.openNdjson(), (url) => to.ndjson(`${url}/in`)],
  }

  // A page that says in its properties what looks like a row, or like a part of one.
  const foreign = chainOf(undefined, 'foreign')[0]
  const named = Object.fromEntries(Object.entries(JSON.parse(foreign)).map(([name, value]) => [`nt_${name}`, value]))
  const forged = {
    ...named,
    nt_body_00: 'mine',
    inside: named,
    list: [named, foreign, JSON.stringify(named)],
    plain: JSON.parse(foreign),
    text: JSON.stringify(named),
    broken: '{"nt_chain":1}',
  }
  const rows = chainOf([
    ...BODIES,
    { k: 'track', n: 'forged', d: DEVICE, p: forged },
    ...[1, 3, 8, 30].map((count) => ({ k: 'track', n: 'long', d: DEVICE, p: sentences(count) })),
  ])
  rows[2] = erased(rows[2])

  for (const [name, [open, endpointOf, toExport = (records) => records]] of Object.entries(services)) {
    const double = await open()
    const endpoint = endpointOf(double.url)
    const file = join(temp, `${name.replaceAll(' ', '-')}.ndjson`)
    /** The verdict on the export's file with these records. */
    const judged = (records, change = (text) => text) => {
      const text = toExport(records)
        .map((record) => `${JSON.stringify(record)}\n`)
        .join('')
      writeFileSync(file, change(text))
      return verdictOf(file)
    }
    const firstBad = ({ code, verdict, chains: [chain] = [{}] }) => [code, verdict, chain.class, chain.first_bad]

    await check(`${name}: the chain holds, and a row that came twice counts once`, async () => {
      for (let time = 0; time < 2; time++) {
        const fates = await sendAll(endpoint, rows)
        assert.deepEqual([fates.acknowledged.length, fates.dropped, fates.left], [rows.length, [], []])
      }
      const { code, verdict, chains, found, stderr } = await judged(double.exported())
      assert.deepEqual([code, verdict, chains?.length, chains?.[0].rows], [0, 'holds', 1, rows.length], stderr)
      assert.equal(found.without, 0)
      assert.equal(chains[0].erased, 1)
    })
    await check(`${name}: one body changed is found`, async () => {
      let times = 0
      // Quoted within a text: so it stands in a body and nowhere else.
      const verdict = await judged(double.exported(), (text) =>
        text.replace(/(\\"n\\+":\\+")checkout/g, (_, before) => {
          times++
          return `${before}checkOut`
        }),
      )
      assert.ok(times > 0, 'nothing was changed')
      assert.deepEqual(firstBad(verdict), [2, 'tampered', 'bad_link', 3])
    })
    await check(`${name}: one row removed is found`, async () => {
      const records = double.exported().filter((record) => Number(columnsIn(record)[0].nt_seq) !== 3)
      assert.ok(records.length < double.exported().length)
      assert.deepEqual(firstBad(await judged(records)), [2, 'tampered', 'gap', 4])
    })
    if (['amplitude', 'mixpanel', 'mixpanel import', 'umami'].includes(name))
      await check(`${name}: one piece of a body removed is found`, async () => {
        let times = 0
        const cut = (name, value) => {
          if (name === 'nt_body' && Array.isArray(value)) return value.filter((_, at) => at !== 1 || times++ < 0)
          return name === 'nt_body_01' && ++times ? undefined : value
        }
        const records = JSON.parse(JSON.stringify(double.exported()), cut)
        assert.ok(times > 0, 'nothing is in pieces')
        const { code, verdict, chains } = await judged(records)
        assert.deepEqual([code, verdict, chains[0].class], [2, 'tampered', 'bad_link'])
      })
    await double.close()
  }
}

/** The answer to the search on Elasticsearch's page. */
function searched(documents) {
  const columns = ['chain', 'seq', 't', 'link', 'salt', 'body', 'gprev', 'bc']
  const source = (document) =>
    Object.fromEntries(columns.flatMap((name) => (name in document ? [[name, document[name]]] : [])))
  const hits = documents.map((document) => ({
    _index: 'nymtrail',
    _id: document.link,
    _score: null,
    _source: source(document),
    sort: [document.chain, document.seq],
  }))
  return { took: 1, timed_out: false, hits: { total: { value: hits.length, relation: 'eq' }, hits } }
}

/** So many properties, none of them longer than an event's may be. */
const sentences = (count) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`text${at}`, 'ü"\\'.repeat(40)]))

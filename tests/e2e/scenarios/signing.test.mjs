// Chains signed by keys that a real browser makes and keeps, checked with none of our code.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../browsers/page.mjs'
import { nymtrail, openCollector } from '../collector.mjs'
import { deviceKey, entryOf, logKey, pathOf, readNote, readProof, rootOf } from '../notes.mjs'
import { browserChain } from '../paths.mjs'
import { engine, exportOf, folder, scenario, statsOf } from '../scenario.mjs'
import { accepts } from '../sigstore.mjs'

/** A collector that takes everything and checks each signature: `{ chains, notes }`. */
function collectorOf(site) {
  const taken = { chains: new Map(), notes: [], requests: [] }
  site.answer = ({ path, body }) => {
    if (path !== '/trail/v1/batch') return {}
    const { rows, checkpoints = [] } = JSON.parse(body)
    for (const row of rows) {
      if (!taken.chains.has(row.chain)) taken.chains.set(row.chain, [])
      taken.chains.get(row.chain)[row.seq] = row
    }
    const chain = taken.chains.get(rows[0].chain)
    taken.requests.push({ seq: rows.at(-1).seq, chain: rows[0].chain, signed: checkpoints.length })
    for (const note of checkpoints) {
      const { origin, size, root } = readNote(note, JSON.parse(chain[0].body))
      assert.equal(origin, `shop/${rows[0].chain}`)
      assert.equal(size, rows.at(-1).seq + 1)
      assert.equal(root, rootOf(chain.slice(0, size)))
      taken.notes.push({ origin, size, note })
    }
    return { body: JSON.stringify({ results: rows.map(() => ({ status: 'stored' })) }) }
  }
  return taken
}

/** Opens a page that sends to it, and tracks events. */
async function track(site, profile, names) {
  const page = await profile.open(site.url('/page'))
  await page.evaluate(async () => {
    const { createTrail, collector } = globalThis
    globalThis.trail = createTrail({
      deployment: 'shop',
      endpoint: collector('/trail'),
      consent: 'granted',
      flush: { ageMs: 100 },
    })
    return globalThis.trail.ready()
  })
  for (const name of names) {
    await page.evaluate((name) => {
      globalThis.trail.track(name)
      return globalThis.trail.flush()
    }, name)
  }
  return page
}

const events = ({ chains }) =>
  [...chains.values()].flatMap((rows) => rows.filter(Boolean).map(({ body }) => JSON.parse(body).n ?? 'open'))

scenario('each batch is signed by its chain, and the next page goes on with the key', async ({ site, profile }) => {
  const taken = collectorOf(site)
  const page = await track(site, profile, ['a', 'b'])
  const stored = await page.evaluate(async () => {
    const done = (request) =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(request.error)
      })
    const database = await done(indexedDB.open('nymtrail/shop'))
    const keys = database.transaction('keys').objectStore('keys')
    const [chains, [{ alg, pk, key }]] = await Promise.all([done(keys.getAllKeys()), done(keys.getAll())])
    database.close()
    const exported = await crypto.subtle.exportKey('pkcs8', key).catch(({ name }) => name)
    return { chains, alg, pk, extractable: key.extractable, usages: [...key.usages], exported }
  })
  const [[chain, [genesis]]] = [...taken.chains]
  const { alg, pk } = JSON.parse(genesis.body)
  // Chromium has Ed25519 since 137, Firefox since 129.
  assert.deepEqual(stored, {
    chains: [chain],
    alg: 'Ed25519',
    pk,
    extractable: false,
    usages: ['sign'],
    exported: 'InvalidAccessError',
  })
  assert.equal(alg, 'Ed25519')
  await page.close()
  await track(site, profile, ['c'])
  await until(() => taken.notes.at(-1)?.size === 4, 'the last one is signed')
  assert.deepEqual([taken.chains.size, events(taken)], [1, ['open', 'a', 'b', 'c']])
  assert.deepEqual([...new Set(taken.notes.map(({ origin }) => origin))], [`shop/${chain}`])
})

scenario('without Ed25519, P-256 signs', async ({ site, profile }) => {
  const taken = collectorOf(site)
  site.head = `<script>
    const generateKey = crypto.subtle.generateKey
    SubtleCrypto.prototype.generateKey = function (algorithm, ...rest) {
      if (algorithm.name === 'Ed25519') return Promise.reject(new DOMException('', 'NotSupportedError'))
      return generateKey.call(this, algorithm, ...rest)
    }
  </script>`.replace(/<\/?script>/g, '')
  await track(
    site,
    profile,
    Array.from({ length: 12 }, (_, at) => `event-${at}`),
  )
  const [[chain, rows]] = [...taken.chains]
  const genesis = JSON.parse(rows[0].body)
  assert.equal(genesis.alg, 'ES256')
  const { origin, size, note } = taken.notes.at(-1)
  assert.equal(size, 13)
  const leaves = rows.map(({ link }) => Buffer.from(link, 'hex'))
  const [entry, path] = [entryOf(rows[5], rows[4].link), pathOf(leaves, 5)]
  const stranger = deviceKey(`shop/${'0'.repeat(chain.length)}`, { alg: 'Ed25519', pk: '11'.repeat(32) })
  accepts({ entry, index: 5, path, note }, deviceKey(origin, genesis), stranger)
})

/** Script by name of what goes wrong: events arrive all the same, without a signature. */
const BROKEN = {
  'no key can be made': 'SubtleCrypto.prototype.generateKey = async () => { throw new Error() }',
  'making a key never ends': 'SubtleCrypto.prototype.generateKey = () => new Promise(() => {})',
  'making a key gives nothing': 'SubtleCrypto.prototype.generateKey = async () => null',
  'a key cannot be stored': `
    const put = IDBObjectStore.prototype.put
    IDBObjectStore.prototype.put = function (value, ...rest) {
      if (value?.key instanceof CryptoKey) throw new DOMException('', 'DataCloneError')
      return put.call(this, value, ...rest)
    }`,
  'storing a key fails later': `
    const put = IDBObjectStore.prototype.put
    IDBObjectStore.prototype.put = function (value, ...rest) {
      const request = put.call(this, value, ...rest)
      if (value?.key instanceof CryptoKey) this.add('', 'twice'), this.add('', 'twice')
      return request
    }`,
  'signing fails': 'SubtleCrypto.prototype.sign = async () => { throw new Error() }',
  'signing never ends': 'SubtleCrypto.prototype.sign = () => new Promise(() => {})',
}

scenario('whatever is wrong with keys, events arrive', async ({ site, profile }) => {
  for (const [name, script] of Object.entries(BROKEN)) {
    const taken = collectorOf(site)
    site.head = script
    const page = await track(site, profile, ['a', 'b'])
    await until(() => events(taken).length >= 3, name)
    assert.deepEqual([events(taken), taken.notes], [['open', 'a', 'b'], []], name)
    const { storage, acknowledged, pending } = await statsOf(page)
    assert.deepEqual([storage, pending], ['indexeddb', 0], `${name}: ${acknowledged}`)
    await page.evaluate(() => globalThis.trail.erase())
    await page.close()
  }
})

scenario(
  'what goes with a leaving page waits for no signature, and the next page signs for it',
  async ({ site, profile }) => {
    const taken = collectorOf(site)
    const page = await track(site, profile, ['a'])
    await page.evaluate(() => {
      globalThis.trail.track('last words')
      location.href = '/plain'
    })
    await until(() => events(taken).includes('last words'), 'it arrives')
    assert.equal(taken.requests.find(({ seq }) => seq === 2)?.signed, 0)
    await page.close()
    await track(site, profile, ['b'])
    await until(() => taken.notes.some(({ size }) => size >= 3), 'it is covered')
    assert.equal(taken.chains.size, 1, engine)
  },
)

scenario(
  'with the real collector: signed and receipted on both sides, and one event proved to somebody else',
  async ({ t, site, profile }) => {
    const collector = await openCollector(t, '--demo', '--allow-origin', site.origin)
    const shown = await nymtrail('keys', 'show', '--db', collector.db)
    const key = /shop\/collector\+[\da-f]{8}\+\S+/.exec(shown.output)?.[0]
    assert.ok(key, shown.output)
    const begin = async () => {
      const page = await profile.open(site.url('/page'))
      await page.evaluate(
        async ({ origin, key }) => {
          const { createTrail, collector } = globalThis
          globalThis.trail = createTrail({
            deployment: 'shop',
            endpoint: collector(origin, { key }),
            salt: `${origin}/v1/epochs`,
            consent: 'granted',
            flush: { ageMs: 100, count: 20 },
          })
          return globalThis.trail.ready()
        },
        { origin: collector.origin, key },
      )
      return page
    }
    const send = (page, name, count) =>
      page.evaluate(
        ({ name, count }) => {
          for (let at = 0; at < count; at++) globalThis.trail.track(name, { at })
          return globalThis.trail.flush()
        },
        { name, count },
      )
    const first = await begin()
    await send(first, 'first', 70)
    await first.close()
    const page = await begin()
    await send(page, 'second', 30)
    const { rows, ndjson } = await exportOf(page)
    assert.equal(rows.length, 101, 'one chain')
    const folderPath = folder(t)
    const write = (name, text) => {
      const path = join(folderPath, name)
      writeFileSync(path, text)
      return path
    }

    // What the collector's holder can show.
    const signed = await nymtrail('verify', collector.db, '--require', 'signed')
    assert.equal(signed.code, 0, signed.output)
    // What the browser can show, with its own rows and receipts alone.
    const receipts = await page.evaluate(() => globalThis.trail.receipts())
    assert.deepEqual(
      receipts.map(({ size, signed, code, evidence }) => ({ size, signed, code, evidence })),
      [{ size: 101, signed: true, code: undefined, evidence: [] }],
    )
    assert.deepEqual((await statsOf(page)).receipts, { kept: 1, signed: 1, contradicted: 0 })
    const kept = write('receipts', receipts.map((receipt) => JSON.stringify(receipt)).join('\n'))
    const rowsFile = write('rows.ndjson', ndjson)
    const against = ['--receipts', kept, '--key', key, '--require', 'receipted']
    const receipted = await nymtrail('verify', rowsFile, ...against)
    assert.equal(receipted.code, 0, receipted.output)
    const cut = write('cut.ndjson', `${ndjson.trimEnd().split('\n').slice(0, -1).join('\n')}\n`)
    assert.equal((await nymtrail('verify', cut, ...against)).code, 2)

    const chain = rows[0].chain
    const proofs = await page.evaluate(
      async (ids) => {
        const { prove } = await import('nymtrail/prove')
        return Promise.all(ids.map(async (id) => (await prove(globalThis.trail, id)).proof))
      },
      [0, 64, 100].map((seq) => `${chain}:${seq}`),
    )
    const file = write('row.tlog-proof', proofs[1])
    const checked = await nymtrail('verify', file, '--key', key)
    assert.equal(checked.code, 0, checked.output)
    const other = write('other.tlog-proof', proofs[1].replace('index 64', 'index 65'))
    assert.equal((await nymtrail('verify', other, '--key', key)).code, 2)
    assert.deepEqual(page.warnings(), [])

    // The same proofs, and the receipt in the collector's log, before a verifier that others wrote.
    const device = deviceKey(`shop/${chain}`, JSON.parse(rows[0].body))
    const vkey = /shop\/log\+[\da-f]{8}\+\S+/.exec(shown.output)[0]
    const log = await logOf(collector, receipts[0].note)
    for (const proof of proofs) accepts(readProof(proof), device, logKey(vkey))
    const index = log.entries.indexOf(receipts[0].note)
    const leaves = Array.from(log.entries, (_, at) => log.tile.subarray(32 * at, 32 * at + 32))
    const entry = { entry: Buffer.from(receipts[0].note), index, path: pathOf(leaves, index), note: log.checkpoint }
    accepts(entry, logKey(vkey), device)

    // For the crates that check them in the collector's tests.
    const made = { key, log: { key: vkey, ...log, tile: log.tile.toString('base64') }, proofs, rows: ndjson }
    writeFileSync(browserChain(engine), `${JSON.stringify({ browser: engine, ...made }, null, 1)}\n`)
  },
)

/** The collector's log as it publishes it, once this receipt is in it. */
async function logOf(collector, receipt) {
  const get = async (path) => {
    const answer = await fetch(collector.url(`/log/${path}`))
    return answer.ok ? Buffer.from(await answer.arrayBuffer()) : Buffer.of()
  }
  return until(async () => {
    const checkpoint = (await get('checkpoint')).toString()
    const size = checkpoint.split('\n')[1]
    const [bundle, tile] = await Promise.all([get(`tile/entries/000.p/${size}`), get(`tile/0/000.p/${size}`)])
    const entries = []
    for (let rest = bundle; rest.length; rest = rest.subarray(2 + rest.readUInt16BE()))
      entries.push(rest.subarray(2, 2 + rest.readUInt16BE()).toString())
    return entries.includes(receipt) && { checkpoint, entries, tile }
  }, 'the receipt is logged')
}

// Ten thousand events of a real browser: the same verdict from the browser, from the program and from SQL, and each
// way to tamper with one row found by all three.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { until } from '../browsers/page.mjs'
import { nymtrail } from '../collector.mjs'
import { exported, program, root } from '../paths.mjs'
import { assertAddsUp, begin, exportOf, folder, names, scenario, statsOf, verdictOf } from '../scenario.mjs'

const EVENTS = 10_000
const limits = { rows: 50_000, bytes: 500_000_000 }

/** What is done to the row in the middle, and where the damage shows. Each changes the array of rows it gets. */
const DAMAGES = {
  edit: (rows, at) => {
    rows[at] = { ...rows[at], body: rows[at].body.replace('"k":"track"', '"k":"trick"') }
    return { firstBad: rows[at].seq, class: 'bad_link' }
  },
  delete: (rows, at) => {
    const [gone] = rows.splice(at, 1)
    return { firstBad: gone.seq + 1, class: 'gap' }
  },
  insert: (rows, at) => {
    rows.splice(at, 0, { ...rows[at], body: '{"k":"track","n":"never happened"}', link: 'ab'.repeat(32) })
    return { firstBad: rows[at].seq, class: 'fork' }
  },
  reorder: (rows, at) => {
    const [one, two] = [rows[at], rows[at + 1]]
    rows[at] = { ...two, seq: one.seq }
    rows[at + 1] = { ...one, seq: two.seq }
    return { firstBad: one.seq, class: 'bad_link' }
  },
}

/** A row as the exact line it is stored and exported as: keys sorted, nothing but ASCII. */
const line = (row) =>
  JSON.stringify(Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** Puts `rows` in place of what the browser has stored. */
function replaceRows(page, rows) {
  const lines = rows.map((row) => [[row.chain, row.seq], line(row)])
  return page.evaluate(async (lines) => {
    const done = (request) =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(request.error)
      })
    const database = await done(indexedDB.open('nymtrail/shop'))
    const transaction = database.transaction('rows', 'readwrite')
    const store = transaction.objectStore('rows')
    store.clear()
    for (const [key, text] of lines) store.put(text, key)
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve
      transaction.onabort = () => reject(transaction.error)
    })
    database.close()
  }, lines)
}

scenario(
  'ten thousand events: browser, program and SQL agree, and find every way to tamper',
  async ({ t, site, profile }) => {
    site.answer = () => ({})
    const page = await profile.open(site.url('/page'))
    await begin(page, { limits, flush: { count: 500, bytes: 400_000, ageMs: 200 }, salt: { secret: '7e'.repeat(32) } })
    for (let done = 0; done < EVENTS; done += 500)
      await page.evaluate((from) => {
        if (from % 2000 === 0) globalThis.trail.identify(`customer ${from}`)
        else globalThis.trail.page('shop')
        for (let i = from + 1; i < from + 500; i++)
          globalThis.trail.track(`event-${i}`, {
            i,
            price: i / 7,
            text: 'Größe “L” – 😀 \\ " \n',
            list: [i, null, true, { x: -0.5e-7 }],
          })
      }, done)
    await until(async () => (await statsOf(page)).pending === 0 && site.taken().length >= EVENTS, 'delivered', 60_000)
    const stats = await statsOf(page)
    assert.deepEqual([stats.captured, stats.acknowledged], [EVENTS, EVENTS])
    assertAddsUp(stats)
    assert.equal(new Set(site.taken().map(({ id }) => id)).size, EVENTS)

    const { rows, ndjson } = await exportOf(page)
    assert.equal(rows.length, EVENTS + new Set(rows.map(({ chain }) => chain)).size)
    assert.equal(names(rows).filter((name) => name.startsWith('event-')).length, EVENTS - EVENTS / 500)
    assert.deepEqual(rows.map(line).join('\n'), ndjson.trim(), 'rows are exact lines')
    // The check in SQL, a stage of its own, starts from here.
    mkdirSync(dirname(exported), { recursive: true })
    writeFileSync(exported, ndjson)

    const began = performance.now()
    const verdict = await verdictOf(page)
    t.diagnostic(`verify() of ${rows.length} rows in the page took ${Math.round(performance.now() - began)} ms`)
    assert.equal(verdict.verdict, 'holds')
    assert.equal(
      verdict.chains.reduce((sum, chain) => sum + chain.rows, 0),
      rows.length,
    )

    // The program, given the same rows.
    const directory = folder(t)
    const ask = async (name, changed) => {
      const path = join(directory, `${name}.ndjson`)
      writeFileSync(path, changed)
      const { code, stdout, output } = await nymtrail('verify', path, '--format', 'json')
      assert.ok(stdout, output)
      return { code, ...JSON.parse(stdout) }
    }
    const whole = await ask('whole', ndjson)
    assert.equal(whole.code, 0)
    assert.deepEqual(whole.chains, verdict.chains, 'the same verdict, to the last count')

    // One row at a time.
    const { chain } = [...verdict.chains].sort((a, b) => b.rows - a.rows)[0]
    const middle = Math.floor(
      rows.findIndex((row) => row.chain === chain) + verdict.chains.find((c) => c.chain === chain).rows / 2,
    )
    for (const [name, damage] of Object.entries(DAMAGES)) {
      const changed = structuredClone(rows)
      const expected = damage(changed, middle)
      const fromProgram = await ask(name, `${changed.map(line).join('\n')}\n`)
      assert.equal(fromProgram.code, 2, name)
      const bad = fromProgram.chains.find((one) => one.chain === chain)
      assert.deepEqual([bad.verdict, bad.first_bad, bad.class], ['tampered', expected.firstBad, expected.class], name)
      if (name === 'insert') continue // a place in the browser's store can hold one row alone
      await replaceRows(page, changed)
      const fromPage = await verdictOf(page)
      assert.equal(fromPage.verdict, 'tampered', name)
      assert.deepEqual(fromPage.chains, fromProgram.chains, `${name}: the same verdict, to the last count`)
    }
    // What a browser's store can have inserted: a row behind the last one.
    const extra = rows.findLast((row) => row.chain === chain)
    await replaceRows(page, [...rows, { ...extra, seq: extra.seq + 1, body: '{"k":"track","n":"never happened"}' }])
    const inserted = (await verdictOf(page)).chains.find((one) => one.chain === chain)
    assert.deepEqual([inserted.verdict, inserted.first_bad, inserted.class], ['tampered', extra.seq + 1, 'bad_link'])
    await replaceRows(page, rows)
    assert.equal((await verdictOf(page)).verdict, 'holds', 'and it is all there again')

    // The same in SQL.
    const python = spawnSync('python3', [join(root, 'tests/sql/verify_with_sql.py'), exported], {
      encoding: 'utf8',
      env: { ...process.env, NYMTRAIL_BIN: program },
    })
    const last = python.stdout.trim().split('\n').at(-1)
    t.diagnostic(`SQL: ${last}`)
    assert.equal(python.status, 0, python.stdout + python.stderr)
    assert.match(last, /^[1-9]\d* passed, 0 failed/)
  },
  300_000,
)

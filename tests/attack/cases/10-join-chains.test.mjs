// Do chains join two epochs, and can one event be altered unseen?
import assert from 'node:assert/strict'
import { DAY, Device } from '../device.mjs'
import { documentAt, NOON } from '../linking.mjs'
import { host, measured } from '../report.mjs'
import { openWasm } from '../wasm.mjs'

host('nothing of a chain goes on in the next epoch, and a genesis is random', (t) => {
  const rows = []
  for (let person = 0; person < 200; person++) {
    const device = new Device({ now: NOON })
    for (const day of [NOON, NOON + DAY]) {
      device.now = day
      device.open(documentAt(day))
      device.track()
      device.track()
      device.wait(10_000)
      device.leave()
    }
    const chains = [...grouped(device.requests)]
    assert.equal(chains.length, 2, 'a chain for each epoch')
    for (const [, requests] of chains) {
      assert.equal(requests[0].rows[0].seq, 0, 'numbers begin anew')
      rows.push(requests.flatMap(({ rows }) => rows))
    }
  }
  const seen = new Map()
  rows.forEach((list, epoch) => {
    for (const row of list)
      for (const value of [row.chain, row.link, row.salt, row.gprev]) {
        if (!value) continue
        assert.ok([undefined, epoch].includes(seen.get(value)), 'a hash of another epoch')
        seen.set(value, epoch)
      }
  })
  // What is random of a genesis: its salt, and the secret behind its gprev. Each of the bits is set about as often as not.
  const genesis = rows.map(([first]) => first)
  for (const [name, bits] of [
    ['salt', 128],
    ['gprev', 256],
  ]) {
    const values = genesis.map((row) => BigInt(`0x${row[name]}`))
    assert.equal(new Set(values).size, genesis.length)
    for (let bit = 0; bit < bits; bit++) {
      const set = values.filter((value) => (value >> BigInt(bit)) & 1n).length
      // Of 400 that are fair, 80 more or fewer than half happen once in 10^15.
      assert.ok(Math.abs(set - genesis.length / 2) < 80, `bit ${bit} of ${name}`)
    }
  }
  measured(t, `${seen.size.toLocaleString('en')} hashes and salts of ${rows.length} chains, none in two epochs`)
})

/** Requests by epoch. */
function grouped(requests) {
  const groups = new Map()
  for (const request of requests) groups.set(request.meta.epoch, [...(groups.get(request.meta.epoch) ?? []), request])
  return groups
}

host('one event that is removed, moved or edited is noticed, each of a hundred', (t) => {
  const device = new Device({ now: NOON })
  device.open(documentAt(NOON))
  for (let at = 0; at < 100; at++) {
    device.track(`event ${at}`)
    device.now += 10
  }
  const { Checker } = openWasm()
  const lines = device.rows()
  const verdict = (lines) => {
    const checker = new Checker()
    checker.chain(JSON.parse(lines[0]).chain, '')
    checker.rows(lines.map((line) => `${line}\x1e`).join(''))
    return JSON.parse(checker.verdict()).verdict
  }
  assert.equal(verdict(lines), 'holds')
  const changed = (line, changes) => JSON.stringify({ ...JSON.parse(line), ...changes(JSON.parse(line)) })
  let tried = 0
  const noticed = (name, lines) => {
    tried++
    assert.equal(verdict(lines), 'tampered', name)
  }
  for (let at = 1; at < lines.length; at++) {
    const without = lines.toSpliced(at, 1)
    if (at < lines.length - 1) noticed(`${at} removed`, without)
    if (at > 1) {
      // Each takes the other's place, number and all.
      const [one, other] = [lines[at - 1], lines[at]].map((line) => JSON.parse(line))
      const swapped = [
        { ...other, seq: one.seq, t: one.t },
        { ...one, seq: other.seq, t: other.t },
      ].map((row) => JSON.stringify(row))
      noticed(`${at} moved`, lines.toSpliced(at - 1, 2, ...swapped))
    }
    for (const change of [
      ({ body }) => ({ body: body.replace('event', 'evenT') }),
      ({ t }) => ({ t: t + 1 }),
      ({ salt }) => ({ salt: salt.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')) }),
    ])
      noticed(`${at} edited`, lines.toSpliced(at, 1, changed(lines[at], change)))
  }
  // The docs say so, too: links alone do not show that the end is missing.
  assert.equal(verdict(lines.slice(0, -1)), 'holds')
  measured(t, `${tried} of ${tried} removals, moves and edits of one event noticed`)
})

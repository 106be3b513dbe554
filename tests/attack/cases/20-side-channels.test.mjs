// Does the size of a request, or the time a call takes, tell who was identified, or whether somebody is known?
import assert from 'node:assert/strict'
import { Device } from '../device.mjs'
import { documentAt, NOON } from '../linking.mjs'
import { host, inTries, measured } from '../report.mjs'
import { openWasm } from '../wasm.mjs'

/** Identifiers of 1 to 64 bytes, of all kinds. */
const IDS = Array.from({ length: 64 }, (_, at) => [
  'x'.repeat(at + 1),
  `${'9'.repeat(at)}7`,
  `${'é'.repeat(at >> 1)}y`,
  `${'a'.repeat(Math.max(1, at - 12))}@example.org`,
]).flat()

/** The sizes of all requests of a visit in which these are identified, one after the other. */
function sizes(ids) {
  const device = new Device({ now: NOON })
  device.open(documentAt(NOON))
  for (const id of ids) {
    device.identify(id)
    device.track('did')
  }
  device.wait(10_000)
  return device.requests.map(({ body }) => Buffer.byteLength(body)).join()
}

host('the size of requests is the same whoever it is, known or new', (t) => {
  const all = new Set(IDS.map((id) => sizes([id])))
  assert.equal(all.size, 1, [...all].join(' '))
  const known = new Set(IDS.flatMap((id) => [sizes([id, id]), sizes([id, 'somebody else'])]))
  assert.equal(known.size, 1)
  // Control: what a page records has a size.
  const device = new Device({ now: NOON })
  device.open(documentAt(NOON))
  device.track('did', '{"a":1}')
  device.wait(10_000)
  assert.notEqual(String(Buffer.byteLength(device.requests[0].body)), sizes([]))
  measured(t, `${IDS.length} identifiers of 1 to 64 bytes: requests of ${[...all][0]} bytes each`)
})

/** Welch's t of two samples, each without its slowest twentieth, which is other programs' doing. */
function welch(one, other) {
  const [a, b] = [one, other].map((list) => {
    const kept = [...list].sort((x, y) => x - y).slice(0, Math.floor(0.95 * list.length))
    const mean = kept.reduce((sum, value) => sum + value, 0) / kept.length
    const variance = kept.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (kept.length - 1)
    return { mean, error: variance / kept.length }
  })
  return { t: (a.mean - b.mean) / Math.sqrt(a.error + b.error), means: [a.mean, b.mean] }
}

/** Times, in us, of as many calls of each of two kinds, in random order. */
function times(kinds, count) {
  const { Core } = openWasm()
  let engine
  const taken = [[], []]
  for (let at = -500; at < count; at++) {
    // A new one now and then: what waits to be stored must not grow.
    if (at % 250 === 0) {
      engine = Core.create('shop salt')
      engine.epochs(documentAt(NOON), NOON)
      engine.feed(0, 0, '', '', NOON)
      engine.identify('user', 'opaque', 'known-one-4711-00', 'known-one-4711-00', '', NOON)
    }
    const kind = Math.random() < 0.5 ? 0 : 1
    const id = kinds[kind](at)
    const began = performance.now()
    engine.identify('user', 'opaque', id, id, '', NOON)
    const time = 1000 * (performance.now() - began)
    if (at >= 0) taken[kind].push(time)
  }
  return taken
}

const digits = (at, length) => String(Math.abs(at * 7919) % 1e9).padStart(length, '0')

host('the time of identify() does not depend on which of equally long identifiers it is', async (t) => {
  const COUNT = 6000
  const same = await inTries(4, () => {
    const found = welch(...times([() => digits(4711, 17), (at) => digits(at, 17)], COUNT))
    return { ...found, passed: Math.abs(found.t) < 4.5 }
  })
  measured(t, `one identifier against any, 17 bytes: t = ${same.t.toFixed(2)} over ${COUNT} calls, try ${same.tries}`)
  const known = welch(...times([() => 'known-one-4711-00', (at) => digits(at, 17)], COUNT))
  const long = welch(...times([(at) => digits(at, 10), (at) => digits(at, 64)], COUNT))
  const us = ({ means }) => means.map((mean) => mean.toFixed(1)).join(' and ')
  measured(
    t,
    `known against new: t = ${known.t.toFixed(2)} (${us(known)} us); 10 against 64 bytes: t = ${long.t.toFixed(2)} (${us(long)} us)`,
  )
  // A page's own clock may tell these apart; it has the identifier anyway. What is asserted leaves chance its room.
  for (const { means } of [same, known, long]) assert.ok(Math.max(...means) < 3 * Math.min(...means), us({ means }))
  assert.ok(same.passed, `t = ${same.t}`)
  // Control: a call that does twice the work is noticed.
  const one = times([() => 'a', () => 'a'], 2000).flat()
  assert.ok(
    Math.abs(
      welch(
        one,
        one.map((time) => 2 * time),
      ).t,
    ) > 4.5,
  )
})

// Do order, timing or batches of requests join two epochs, when fifty addresses stand for a thousand people?
import assert from 'node:assert/strict'
import { DAY, Device } from '../device.mjs'
import { adjustedMutualInformation, documentAt, NOON } from '../linking.mjs'
import { host, inTries, measured } from '../report.mjs'

const PEOPLE = 1000
const ADDRESSES = 50
const MINUTE = 60_000
const MIDNIGHT = NOON + DAY / 2
const between = (low, high) => low + Math.floor(Math.random() * (high - low))

/** A visit before midnight and one after it, of people who know nothing of each other. */
function night({ offline = false } = {}) {
  return Array.from({ length: PEOPLE }, (_, person) => {
    const device = new Device({ now: MIDNIGHT - between(40, 120) * MINUTE })
    for (const [late, network] of [
      [device.now, !offline],
      [MIDNIGHT + between(31, 120) * MINUTE, true],
    ]) {
      device.now = late + between(0, MINUTE)
      device.answer = network ? 'a' : 'o'
      device.open(documentAt(device.now))
      device.identify(`person-${person}@example.org`)
      for (let events = between(1, 8); events > 0; events--) {
        device.wait(between(50, 20_000))
        device.track()
      }
      device.wait(5 * MINUTE)
      device.leave()
    }
    return device.requests
  })
}

/** Which tenth of all values each one is in. */
function tenths(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return values.map((value) => Math.floor((10 * sorted.indexOf(value)) / values.length))
}

/** Which tenth of those of its address each value is in. */
function places(values) {
  return values.map((value, person) => {
    const of = values.filter((_, other) => other % ADDRESSES === person % ADDRESSES)
    return Math.floor((10 * of.filter((other) => other < value).length) / of.length)
  })
}

/** What an observer has of either epoch: when its requests came, and how large they were. */
const sides = (people) => [0, 1].map((side) => people.map((requests) => epochs(requests)[side]))

const epochs = (requests) => {
  const ids = [...new Set(requests.map(({ meta }) => meta.epoch))].sort()
  return ids.map((id) => requests.filter(({ meta }) => meta.epoch === id))
}

/** How much the last request of one epoch says about the first of the next. */
function information(people) {
  const [before, after] = sides(people)
  const last = before.map((requests) => requests.at(-1))
  const first = after.map((requests) => requests[0])
  const both = (of, label) => adjustedMutualInformation(label(last.map(of)), label(first.map(of)))
  return {
    order: both(({ at }) => at, places),
    second: both(({ at }) => at % 1000, tenths),
    minute: both(({ at }) => at % MINUTE, tenths),
    size: both(
      ({ rows }) => rows.length,
      (counts) => counts,
    ),
  }
}

host('no request holds two epochs, also when the first is late', (t) => {
  let late = 0
  let apart = Number.POSITIVE_INFINITY
  for (const requests of night({ offline: true })) {
    const all = epochs(requests)
    assert.equal(all.length, 2)
    late += all[0].some(({ at }) => at > MIDNIGHT)
    const owner = new Map()
    for (const { meta, rows } of requests)
      for (const { chain } of rows) {
        assert.equal(chain, meta.chain, 'a chain of its own')
        assert.ok([undefined, meta.epoch].includes(owner.get(chain)), 'a chain of two epochs')
        owner.set(chain, meta.epoch)
      }
    for (const one of all[0]) for (const other of all[1]) apart = Math.min(apart, Math.abs(one.at - other.at))
  }
  assert.ok(late > PEOPLE / 2, 'the first epoch was late')
  measured(t, `0 of ${PEOPLE} devices mixed two epochs in a request; ${late} sent the first one late`)
  measured(
    t,
    `${apart >= MINUTE ? '' : 'known limit: '}requests of two epochs of a device were at least ${apart} ms apart`,
  )
})

host('neither order nor phase nor size of the last request foretells the first of the next epoch', async (t) => {
  const { people, found, passed, tries } = await inTries(3, () => {
    const people = night()
    const found = information(people)
    return { people, found, passed: Object.values(found).every((value) => value < 0.02) }
  })
  measured(
    t,
    `adjusted mutual information of ${PEOPLE} people behind ${ADDRESSES} addresses: ${Object.entries(found)
      .map(([name, value]) => `${name} ${value.toFixed(4)}`)
      .join(', ')} (limit 0.02), try ${tries}`,
  )
  assert.ok(passed, JSON.stringify(found))

  // Controls: a timer that keeps its phase, and a device that keeps its place.
  const phased = people.map((requests) => {
    const phase = between(0, MINUTE)
    return requests.map((request) => ({ ...request, at: Math.floor(request.at / MINUTE) * MINUTE + phase }))
  })
  assert.ok(information(phased).minute > 0.2, 'a phase that lasts is noticed')
  const placed = people.map((requests, person) =>
    requests.map((request) => ({ ...request, at: (request.at < MIDNIGHT ? 0 : DAY) + person })),
  )
  assert.ok(information(placed).order > 0.2, 'an order that lasts is noticed')
})

// Attempts to tell which of a thousand devices of today is which of yesterday, by all that the SDK itself adds.
import { document, epochOf } from '../e2e/epochs.mjs'
import { DAY, Device } from './device.mjs'

const between = (low, high) => low + Math.floor(Math.random() * (high - low))

/** Noon of a day that begins an epoch. */
export const NOON = epochOf(1_796_000_000_000) * DAY + DAY / 2

/** The salt of an epoch, and the document that publishes it. */
export const salt = (epoch) => epoch.toString(16).padStart(8, '0').repeat(8)
export const documentAt = (now) => document(salt(epochOf(now)), { now, next: salt(epochOf(now) + 1) })

/** Visits of as many people on two days: for each, the requests of either. What they do on one says nothing of the other. */
export function population(count) {
  return Array.from({ length: count }, (_, person) => {
    const device = new Device({ now: 0 })
    return [NOON, NOON + DAY].map((day) => {
      device.requests = []
      device.now = day + between(-8, 8) * 3_600_000 + between(0, 3_600_000)
      device.open(documentAt(device.now))
      device.identify(`person-${person}@example.org`)
      for (let events = between(1, 8); events > 0; events--) {
        device.wait(between(50, 20_000))
        device.track()
      }
      device.wait(20_000)
      device.leave()
      return device.requests
    })
  })
}

/** What the page itself says: names, properties, addresses; and who the site is. */
const OF_THE_PAGE = new Set(['n', 'p', 'c', 'dep', 'deployment'])

/** All values in a request's body, with where each stands: `walk(path, value)`. JSON in strings is opened. */
export function eachValue(value, walk, path = '') {
  if (typeof value === 'string' && /^[{[]/.test(value)) return eachValue(JSON.parse(value), walk, path)
  if (Array.isArray(value)) for (const item of value) eachValue(item, walk, path)
  else if (value && typeof value === 'object')
    for (const [name, item] of Object.entries(value)) OF_THE_PAGE.has(name) || eachValue(item, walk, `${path}.${name}`)
  else walk(path, value)
}

/** Words of the format that are as long as a run. */
const WORDS = new Set(['identify'])

/** The bytes that a text stands for: hex or base64 of at least eight, else its own. */
function bytesOf(text) {
  if (/^([\da-f]{2}){8,}$/.test(text)) return Buffer.from(text, 'hex')
  if (/^(p1\.)?[\w+/-]{11,}=*$/.test(text)) return Buffer.from(text.replace('p1.', ''), 'base64url')
  return Buffer.from(text)
}

/** Every run of eight bytes in the texts of these requests. */
export function runsOf(bodies) {
  const runs = new Set()
  for (const body of bodies)
    eachValue(JSON.parse(body), (_, value) => {
      if (typeof value !== 'string' || WORDS.has(value)) return
      for (const part of value.split(/[\s—]+/)) {
        const bytes = bytesOf(part).toString('latin1')
        for (let at = 0; at + 8 <= bytes.length; at++) runs.add(bytes.slice(at, at + 8))
      }
    })
  return runs
}

/** Runs that are in more than one of these sets. What is in a tenth of many sets, or in all of few, is the format itself. */
export function repeated(sets) {
  const counts = new Map()
  for (const runs of sets) for (const run of runs) counts.set(run, (counts.get(run) ?? 0) + 1)
  return [...counts].filter(([, count]) => count > 1 && count < Math.max(3, sets.length / 10)).map(([run]) => run)
}

/** What an attacker has of one device on one day: values by place, and numbers that sum its requests up. */
function traits(requests) {
  const tokens = new Set()
  const numbers = {}
  const first = requests[0]?.at
  for (const { at, body } of requests)
    eachValue(JSON.parse(body), (path, value) => {
      tokens.add(`${path} ${value}`)
      if (typeof value !== 'number') return
      // Times as they say something: since the first request, until the arrival, and within second and minute.
      const said = value > DAY ? { lag: at - value, second: value % 1000, minute: value % 60_000 } : { value }
      for (const [name, number] of Object.entries(said)) {
        const key = `${path} ${name}`
        numbers[key] = [...(numbers[key] ?? []), number]
      }
    })
  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length
  return {
    tokens,
    numbers: Object.fromEntries([
      ...Object.entries(numbers).flatMap(([name, list]) => [
        [`${name} mean`, mean(list)],
        [`${name} last`, list.at(-1)],
        [`${name} first`, list[0]],
      ]),
      ['requests', requests.length],
      ['bytes', mean(requests.map(({ body }) => body.length))],
      ['span', (requests.at(-1)?.at ?? 0) - (first ?? 0)],
    ]),
  }
}

/** `scores(one)` says how much each of the others is like it; among equals, anybody is taken. The share that was right. */
function right(before, scores) {
  let hits = 0
  before.forEach((one, person) => {
    const likeness = scores(one)
    const best = likeness.reduce((most, like) => Math.max(most, like), Number.NEGATIVE_INFINITY)
    const candidates = [...likeness.keys()].filter((other) => likeness[other] === best)
    hits += candidates[between(0, candidates.length)] === person
  })
  return hits / before.length
}

/** How near a number is to each of the others. */
const nearness = (others) => (one) => Float64Array.from(others, (other) => -Math.abs(one - other))

/** By values that both days have; rare ones count for more. */
export function linkedByValues(people) {
  const [before, after] = [0, 1].map((day) => people.map((days) => traits(days[day]).tokens))
  const holders = new Map()
  after.forEach((tokens, person) => {
    for (const token of tokens) holders.set(token, [...(holders.get(token) ?? []), person])
  })
  return right(before, (tokens) => {
    const sums = new Float64Array(after.length)
    for (const token of tokens) {
      const known = holders.get(token) ?? []
      // What half of all have tells nobody apart.
      if (known.length < after.length / 2)
        for (const other of known) sums[other] += Math.log(after.length / known.length)
    }
    return sums
  })
}

/** By the one number that is the nearest: found out with one half of the people, tried on the other. */
export function linkedByNumbers(people) {
  const [before, after] = [0, 1].map((day) => people.map((days) => traits(days[day]).numbers))
  const half = people.length / 2
  const by = (name, from) => {
    const [one, other] = [before, after].map((list) =>
      list.slice(from, from + half).map((numbers) => numbers[name] ?? 0),
    )
    return right(one, nearness(other))
  }
  const names = Object.keys(before[0])
  const shares = names.map((name) => by(name, 0))
  return by(names[shares.indexOf(Math.max(...shares))], half)
}

/**
 * By what the device's clock is off, which each request tells beside the time it arrives: the share that is right when
 * clocks are off by up to `off` ms and the network takes up to `network` ms.
 */
export function byClock(people, { off, network }) {
  const lags = people.map((days) => {
    const skew = between(-off, off)
    return days.map(([{ at, meta }]) => at + skew + between(0, network) - meta.sent_at)
  })
  const [before, after] = [0, 1].map((day) => lags.map((lag) => lag[day]))
  return right(before, nearness(after))
}

/** What chance allows: one of `count`, and three standard deviations more. */
export const chance = (count) => 1 / count + 3 * Math.sqrt((1 / count) * (1 - 1 / count) * (1 / count))

/** Adjusted mutual information of two labellings: 0 for what chance explains, 1 for the same (Vinh et al. 2010). */
export function adjustedMutualInformation(one, other) {
  const count = one.length
  const tally = (labels) => {
    const sums = new Map()
    for (const label of labels) sums.set(label, (sums.get(label) ?? 0) + 1)
    return sums
  }
  const [a, b] = [tally(one), tally(other)]
  const both = tally(one.map((label, at) => `${label} ${other[at]}`))
  const entropy = (sums) => -[...sums.values()].reduce((sum, n) => sum + (n / count) * Math.log(n / count), 0)
  let information = 0
  for (const [labels, n] of both) {
    const [left, right] = labels.split(' ')
    information += (n / count) * Math.log((count * n) / (a.get(tidy(left, a)) * b.get(tidy(right, b))))
  }
  const factorials = [0]
  for (let n = 1; n <= count; n++) factorials.push(factorials[n - 1] + Math.log(n))
  let expected = 0
  for (const x of a.values())
    for (const y of b.values())
      for (let n = Math.max(1, x + y - count); n <= Math.min(x, y); n++) {
        const log =
          factorials[x] +
          factorials[y] +
          factorials[count - x] +
          factorials[count - y] -
          factorials[count] -
          factorials[n] -
          factorials[x - n] -
          factorials[y - n] -
          factorials[count - x - y + n]
        expected += (n / count) * Math.log((count * n) / (x * y)) * Math.exp(log)
      }
  return (information - expected) / ((entropy(a) + entropy(b)) / 2 - expected)
}

/** A label as the tally has it: labels are numbers or texts. */
const tidy = (label, sums) => (sums.has(label) ? label : Number(label))

// What is known of every event: tracked, stored, acknowledged; and whether the collector's store agrees.
import { writeFileSync } from 'node:fs'
import { nymtrail } from '../collector.mjs'

/** An account that is told what happens and compares it with the collector's store. */
export function openLedger(collector) {
  /** `chain:seq` -> link, of rows that the collector has said it has. */
  const acknowledged = new Map()
  /** The same as the clients got it. */
  const heard = new Set()
  /** Events whose write a client's store has confirmed, by id. */
  const stored = new Set()
  /** How many events each tab of a round has tracked, by `round,tab`, as far as it was told. */
  const tracked = new Map()
  /** Events that were rolled back with a profile before the collector had them. */
  const excused = new Set()
  /** Events that the browser threw away with its databases, the test's own among them. */
  const thrownAway = new Set()
  /** Visits, as `round,tab`, that the test's own database has confirmed. */
  let kept = new Set()
  /** Rounds that found that database without all of them. */
  const losses = new Set()
  /** Refused rows, as { at, round, code, chain }. */
  const refused = []
  /** The newest receipt of each chain, and all there were. */
  const receipts = new Set()
  const warnings = {}
  const found = []
  let round = 0

  function compareCanary(round, visits) {
    const gone = [...kept].filter((visit) => roundOf(visit) < round && !visits.has(visit))
    if (gone.length) losses.add(round)
    for (const visit of gone) kept.delete(visit)
  }

  const ledger = {
    acknowledged,
    stored,
    refused,
    warnings,
    found,
    /** Chains that a client has told of. */
    opened: new Set(),
    /** Rounds of which the server heard a page. */
    begun: new Set(),
    enter(number) {
      round = number
    },
    forks: () => refused.filter(({ code }) => code === 'fork'),
    /** Events of a round that the collector is known to have, by chain. */
    chainsOf: new Map(),

    told({ round, tab, lines }) {
      ledger.begun.add(round)
      for (const [kind, value] of lines) {
        if (kind === 'stored') for (const id of value) stored.add(id)
        else if (kind === 'response') for (const place of value) heard.add(place)
        else if (kind === 'lane') ledger.opened.add(value)
        else if (kind === 'kept') kept.add(value)
        else if (kind === 'found') compareCanary(round, new Set(value))
        else if (kind === 'tracked') tracked.set(`${round},${tab}`, value)
        else if (kind === 'dropped' || kind === 'failed') found.push(`round ${round}: ${kind} ${value}`)
        else if (kind === 'warning') warnings[value] = (warnings[value] ?? 0) + 1
      }
    },

    answered(status, body, text) {
      if (![200, 207, 409].includes(status)) return found.push(`round ${round}: the collector answered ${status}`)
      const { results, receipt = {} } = JSON.parse(text)
      const { rows } = JSON.parse(body)
      for (const note of Object.values(receipt)) receipts.add(note)
      for (const [at, { chain, seq, status, code }] of results.entries()) {
        if (status === 'refused') {
          refused.push({ round, code, chain })
          continue
        }
        acknowledged.set(`${chain}:${seq}`, rows[at].link)
        if (seq === 0) continue
        const [of] = JSON.parse(rows[at].body).p.id
        if (!ledger.chainsOf.has(of)) ledger.chainsOf.set(of, new Set())
        ledger.chainsOf.get(of).add(chain)
      }
    },

    /** What a copy of the profile has, which is taken now. */
    copied: () => ({ known: new Set(stored), visits: new Set(kept) }),

    /** The profile is that copy again: what it had stored since, and nobody else has, is gone. */
    async rolledBack({ known, visits }) {
      kept = new Set(visits)
      const { events } = await read(collector)
      const lost = [...stored].filter((id) => !known.has(id) && !events.has(id))
      for (const id of lost) excused.add(id)
      return lost.length
    },

    /** Compares everything with the collector's store; what does not agree is added to `found`. */
    async check() {
      const { rows, events } = await read(collector)
      const links = new Map(rows.map(({ chain, seq, link }) => [`${chain}:${seq}`, link]))
      const complain = (what, places) =>
        places.length && found.push(`round ${round}: ${places.length} ${what}: ${places.slice(0, 5).join(' ')}`)
      complain(
        'acknowledged rows are not in the store',
        [...acknowledged].filter(([place, link]) => links.get(place) !== link).map(([place]) => place),
      )
      complain(
        'rows were acknowledged to a client and never by the collector',
        [...heard].filter((place) => !acknowledged.has(place)),
      )
      complain(
        'events are there more than once',
        [...events].filter(([, count]) => count > 1).map(([id]) => id),
      )
      const missing = [...stored].filter((id) => !events.has(id) && !excused.has(id) && !thrownAway.has(id))
      const isThrownAway = (id) => [...losses].some((loss) => roundOf(id) < loss)
      for (const id of missing.filter(isThrownAway)) thrownAway.add(id)
      complain(
        'confirmed events did not arrive',
        missing.filter((id) => !thrownAway.has(id)),
      )
      const earlier = (loss) => new Set([...ledger.chainsOf].flatMap(([of, chains]) => (of < loss ? [...chains] : [])))
      complain(
        'rounds go on with a chain whose rows the browser has lost',
        [...losses].filter((loss) => [...(ledger.chainsOf.get(loss) ?? [])].some((chain) => earlier(loss).has(chain))),
      )
      const notes = `${collector.db}.receipts`
      writeFileSync(notes, [...receipts].join('\n\n'))
      // Without any receipt there is nothing to compare.
      const more = receipts.size ? ['--receipts', notes, '--require', 'receipted'] : []
      const verdict = await nymtrail('verify', collector.db, ...more)
      if (verdict.code !== 0) found.push(`round ${round}: nymtrail verify: ${verdict.output.trim()}`)
      return { rows, events }
    },

    /** The outcome in figures; `rows` and `events` are the collector's. */
    sum({ rows, events }) {
      const known = [...tracked].flatMap(([tab, count]) => Array.from({ length: count }, (_, i) => `${tab},${i}`))
      const chains = new Map()
      for (const { chain, seq, body } of rows) {
        if (!chains.has(chain)) chains.set(chain, new Set())
        if (seq > 0) chains.get(chain).add(JSON.parse(body).p.id[0])
      }
      const inOthers = [...chains.values()].map((rounds) => [...rounds].sort((a, b) => a - b).slice(1))
      return {
        tracked: known.length,
        confirmed: stored.size,
        acknowledged: [...acknowledged.keys()].filter((place) => !place.endsWith(':0')).length,
        'in the store': events.size,
        'rolled back with a profile': excused.size,
        'thrown away by the browser': thrownAway.size,
        'rounds that found databases thrown away': [...losses],
        'unconfirmed and arrived': known.filter((id) => !stored.has(id) && events.has(id)).length,
        'unconfirmed and lost': known.filter((id) => !stored.has(id) && !events.has(id)).length,
        chains: chains.size,
        'rounds that went on with a chain': new Set(inOthers.flat()).size,
        receipts: receipts.size,
        forks: new Set(ledger.forks().map(({ chain }) => chain)).size,
        refusals: tally(refused.map(({ code }) => code)),
      }
    },
  }
  return ledger
}

/** The round of an event, or of a visit, by its id. */
const roundOf = (id) => Number.parseInt(id, 10)

/** How often each word occurs. */
function tally(words) {
  const counts = {}
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1
  return counts
}

/** The collector's rows, and how often each event is among them, by id. */
async function read(collector) {
  const { code, stdout, output } = await nymtrail('export', '--db', collector.db)
  if (code !== 0) throw new Error(output)
  const rows = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
  const events = new Map()
  for (const { seq, body } of rows) {
    if (seq === 0) continue
    const id = JSON.parse(body).p.id.join()
    events.set(id, (events.get(id) ?? 0) + 1)
  }
  return { rows, events }
}

/**
 * The records that the core keeps beside the rows, taken apart. They are words between blanks, `-` for what is absent
 * (src/core/words.rs); which words is in src/core: lane.rs, settled.rs, visit.rs, epoch.rs.
 */

/** What is kept of a lane: one chain, and who may write to it. */
export interface LaneRecord {
  /** The number of its epoch. */
  epoch: number
  /** The epoch is one of the epochs document. */
  published: boolean
  /** Nobody goes on with it. */
  closed: boolean
  /** Events that were dropped before they were stored. */
  dropped: { scrubbed: number; overflow: number; quota: number; too_large: number }
  /** What it takes to have the chain erased by the service. */
  token: string | undefined
  /** The id of the device, or in the profile `audience` of the visit, that its events carry. */
  whose: string | undefined
}

/** What became of a lane's rows. */
export interface SettledRecord {
  /** Events the service took. */
  acknowledged: number
  /** Events dropped after they were stored. */
  dropped: { poison: number; too_large: number; overflow: number }
  /** Events that were moved to another chain. */
  moved: number
  /** Events sent at least once. */
  sent: number
  /** The last row that was deleted once it was settled, if one was. */
  pruned: { link: string; seq: number; t: number } | undefined
  /** Which rows are settled, from one to another. */
  done: [first: number, last: number][]
}

/** What is kept of a visit. */
export interface VisitRecord {
  /** The number of its epoch. */
  epoch: number
  /** When it began and when its last event was, in ms since 1970. */
  started: number
  last: number
  /** The id of the device for this epoch, and the visit's own. */
  device: string | undefined
  id: string | undefined
  /** The pseudonyms of whoever is signed in. */
  user: string | undefined
  group: string | undefined
}

const wordsOf = (record: string): (string | undefined)[] =>
  record.split(' ').map((word) => (word === '-' || !word ? undefined : word))

/** Takes a lane's record apart. */
export function laneOf(record: string): LaneRecord {
  const words = wordsOf(record)
  const [epoch = 0, published, closed, scrubbed = 0, overflow = 0, quota = 0, tooLarge = 0] = words
    .slice(0, 7)
    .map(Number)
  const [token, whose] = words.slice(7)
  const dropped = { scrubbed, overflow, quota, too_large: tooLarge }
  return { epoch, published: !!published, closed: !!closed, dropped, token, whose }
}

/** Takes the record of what became of rows apart; there may be none. */
export function settledOf(record = ''): SettledRecord {
  const words = wordsOf(record)
  const number = (at: number) => Number(words[at] ?? 0)
  const link = words[6]
  const done: [number, number][] = []
  for (let at = 9; words[at + 1] !== undefined && words[at] !== undefined; at += 2)
    done.push([number(at), number(at + 1)])
  return {
    acknowledged: number(0),
    dropped: { poison: number(1), too_large: number(2), overflow: number(3) },
    moved: number(4),
    sent: number(5),
    pruned: link ? { link, seq: number(7), t: number(8) } : undefined,
    done,
  }
}

/** Takes a visit's record apart; after `reset()` there is none. */
export function visitOf(record = ''): VisitRecord | undefined {
  const [epoch, started, last, device, id, user, group] = wordsOf(record)
  if (epoch === undefined) return
  return { epoch: Number(epoch), started: Number(started), last: Number(last), device, id, user, group }
}

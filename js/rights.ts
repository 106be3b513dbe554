/**
 * What this device holds of its visitor, to show it to them: as a summary for a panel in the page, as pseudonyms that can be
 * named to the operator, and as one document with everything. docs/RIGHTS.md says how a site answers people with it.
 *
 * @packageDocumentation
 */
import { chainsOf } from './erasure.js'
import type { Code } from './errors.js'
import { bodyOf, type Held, heldBy } from './rights/held.js'
import type { LaneRecord, SettledRecord, VisitRecord } from './rights/records.js'
import type { ConsentState, ExportedData, Receipt, Row, Stats, Trail } from './types.js'

export type { LaneRecord, SettledRecord, VisitRecord } from './rights/records.js'

/** What these functions ask of the client. */
export type Asked = Pick<Trail, 'consent' | 'export' | 'stats' | 'receipts'>

/** A pseudonym that this device knows. It can be named to the operator: `nymtrail subject --pseudonym`. */
export interface Pseudonym {
  /** `user`, `group`, or `prop:` and the name of a declared property. */
  namespace: string
  /** The number of the epoch whose pseudonym it is. */
  epoch: number
  /** `p1.` and 22 characters. */
  pseudonym: string
}

/**
 * The pseudonyms that are in what this device holds, of all epochs of which it still has something, the newest first. Of older
 * ones it knows nothing any more.
 *
 * @example
 * ```ts
 * import { pseudonyms } from 'nymtrail/rights'
 *
 * for (const { epoch, namespace, pseudonym } of await pseudonyms(trail)) list.append(`${epoch} ${namespace} ${pseudonym}`)
 * ```
 */
export async function pseudonyms(trail: Asked): Promise<Pseudonym[]> {
  return pseudonymsIn(heldBy(await trail.export()))
}

/** One chain, in short. */
export interface ChainSummary {
  /** Its id. */
  chain: string
  /** The number of its epoch. */
  epoch: number
  /** The epoch is one of the epochs document. */
  published: boolean
  /** Rows stored here, and their bytes. */
  rows: number
  bytes: number
  /** Times of the first and the last row stored here, in ms since 1970. */
  from: number | undefined
  to: number | undefined
  /** Events the service took, and events that wait to be sent. */
  acknowledged: number
  waiting: number
  /** `erase()` has the service erase it, `earlier` if only with the option of that name, `never` if it can't be asked. */
  erasable: 'now' | 'earlier' | 'never'
}

/** What a panel in the page can show: plain data. */
export interface Inspection {
  /** Whether events are recorded. */
  consent: ConsentState
  /** Why nothing could be read; then the rest is empty. */
  code: Code | undefined
  /** The deployment's name, where pseudonyms come from, the endpoint's name and the host that events go to. */
  client: ExportedData['client']
  /** Where events are kept. */
  storage: Stats['storage']
  /** What became of every event. */
  stats: Stats
  /** The chains here, the one that was written to last first. */
  chains: ChainSummary[]
  /** The present visit: its ids, pseudonyms and times. */
  visit: VisitRecord | undefined
  /** The pseudonyms of the present epoch. */
  pseudonyms: Pseudonym[]
  /** Epochs whose salt is here. The salts are public, and not shown. */
  salts: { epoch: number; from: number; to: number }[]
  /** The newest events, the last one first. */
  newest: { t: number; event: Record<string, unknown> }[]
}

/**
 * What is held and done, in short, for a panel in the page.
 *
 * @param trail - The client.
 * @param newest - How many of the newest events to show; default 20.
 * @example
 * ```ts
 * import { inspect } from 'nymtrail/rights'
 *
 * const { consent, client, chains, newest } = await inspect(trail)
 * panel.textContent = JSON.stringify({ consent, to: client.host, chains, newest }, null, 2)
 * ```
 */
export async function inspect(trail: Asked, newest = 20): Promise<Inspection> {
  const [data, stats] = await Promise.all([trail.export(), trail.stats()])
  const held = heldBy(data)
  const all = pseudonymsIn(held)
  const [now, later] = chainsOf(Object.entries(data.records)).map((chains) => chains.map(({ chain }) => chain))
  const chains = held.lanes.map(({ chain, lane, settled, rows }): ChainSummary => {
    const stored = rows.map(({ t }) => t)
    const events = rows.filter((row) => row.seq && row.body !== undefined)
    return {
      chain,
      epoch: lane.epoch,
      published: lane.published,
      rows: rows.length,
      bytes: rows.reduce((sum, row) => sum + JSON.stringify(row).length, 0),
      from: stored[0],
      to: stored.at(-1),
      acknowledged: settled.acknowledged,
      waiting: events.filter(({ seq }) => !settled.done.some(([first, last]) => first <= seq && seq <= last)).length,
      erasable: now?.includes(chain) ? 'now' : later?.includes(chain) ? 'earlier' : 'never',
    }
  })
  const events = data.rows.filter((row) => row.seq && row.body !== undefined).sort((a, b) => b.t - a.t || b.seq - a.seq)
  return {
    consent: trail.consent(),
    code: data.code,
    client: data.client,
    storage: stats.storage,
    stats,
    chains: chains.sort((a, b) => (b.to ?? 0) - (a.to ?? 0)),
    visit: held.visit,
    pseudonyms: all.filter(({ epoch }) => epoch === held.visit?.epoch),
    salts: held.salts,
    newest: events.slice(0, newest).map((row) => ({ t: row.t, event: bodyOf(row) })),
  }
}

/** Everything this device holds, as one document: nothing is left out but the private halves of keys, which nobody can read. */
export interface Readable {
  /** When it was made, in ISO 8601. */
  exported: string
  /** Whether events are recorded. */
  consent: ConsentState
  /** Why nothing could be read. */
  code: Code | undefined
  /** What the client was set to. */
  client: ExportedData['client']
  /** The present visit. */
  visit: VisitRecord | undefined
  /** Pseudonyms of all epochs of which something is here. */
  pseudonyms: Pseudonym[]
  /** The chains, with what is kept beside their rows. */
  chains: {
    chain: string
    /** The record of its lane. Whoever has `token` can have the chain erased by the service. */
    lane: LaneRecord
    /** What became of its rows. */
    settled: SettledRecord
    /** The public half of the key that signs it. */
    key: { alg: string; pk: string } | undefined
    /** Its events: the time in ISO 8601, the event, and the row that holds it as it is stored. */
    events: { time: string; event: Record<string, unknown>; row: Row }[]
  }[]
  /** What the service has signed. */
  receipts: Receipt[]
  /** The commitments to epochs' salts that were seen. */
  commitments: { epoch: number; commitment: string }[]
  /** The epochs document as it came, with its public salts. */
  epochs: unknown
  /** Records of other kinds, as they are stored. */
  others: Record<string, string>
}

/**
 * Everything this device holds, in a form for people: for a button "download my data". The document holds the tokens by which
 * the chains can be erased, so it is nobody else's business.
 *
 * @example
 * ```ts
 * import { readable } from 'nymtrail/rights'
 *
 * const file = new Blob([JSON.stringify(await readable(trail), null, 2)], { type: 'application/json' })
 * link.href = URL.createObjectURL(file)
 * ```
 */
export async function readable(trail: Asked): Promise<Readable> {
  const [data, receipts] = await Promise.all([trail.export(), trail.receipts()])
  const held = heldBy(data)
  const known = /^(lane|settled|receipt)\/|^(visit|keyring)$/
  return {
    exported: new Date().toISOString(),
    consent: trail.consent(),
    code: data.code,
    client: data.client,
    visit: held.visit,
    pseudonyms: pseudonymsIn(held),
    chains: held.lanes.map(({ chain, lane, settled, rows }) => {
      const { alg, pk } = bodyOf(rows.find(({ seq }) => !seq))
      return {
        chain,
        lane,
        settled,
        key: pk ? { alg: `${alg}`, pk: `${pk}` } : undefined,
        events: rows.map((row) => ({ time: new Date(row.t).toISOString(), event: bodyOf(row), row })),
      }
    }),
    receipts,
    commitments: held.commitments,
    epochs: held.document,
    others: Object.fromEntries(Object.entries(data.records).filter(([key]) => !known.test(key))),
  }
}

/** Each pseudonym once, with the epoch of the chain, or the visit, that it is in. */
function pseudonymsIn({ lanes, visit }: Held): Pseudonym[] {
  const found = new Map<string, Pseudonym>()
  const add = (namespace: string, epoch: number, pseudonym: unknown) => {
    if (typeof pseudonym === 'string' && /^p1\.[\w-]{22}$/.test(pseudonym))
      found.set(`${namespace} ${epoch} ${pseudonym}`, { namespace, epoch, pseudonym })
  }
  if (visit) {
    add('user', visit.epoch, visit.user)
    add('group', visit.epoch, visit.group)
  }
  for (const { lane, rows } of lanes)
    for (const row of rows) {
      const { u, g, p = {} } = bodyOf(row)
      add('user', lane.epoch, u)
      add('group', lane.epoch, g)
      // A declared identifier is a property by itself; the scrubber leaves no other value of that form but by the page's doing.
      for (const [name, value] of Object.entries(p as object)) add(`prop:${name}`, lane.epoch, value)
    }
  return [...found.values()].sort((a, b) => b.epoch - a.epoch || (a.namespace < b.namespace ? -1 : 1))
}

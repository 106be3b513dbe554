/** Everything the panel shows, in one place. Views subscribe and read; only the session and the checks write. */

import type { Activity, ConsentState, Stats, Verdict } from 'nymtrail'
import { type Body, bodyOf, keyOf, parseRow, type Row } from './rows.js'

/** A call the shop made, as its developer wrote it, and what became of it. */
export interface Call {
  id: number
  method: 'track' | 'page' | 'identify' | 'group' | 'reset'
  args: unknown[]
  at: number
  /** `memory`: taken, not stored yet. `none`: the call makes no event. */
  fate: 'memory' | 'stored' | 'dropped' | 'none'
  /** Why it was dropped, as a stable code. */
  reason?: string
  /** The stored row, as `chain:seq`. */
  row?: string
}

/** Whose chain it is: this tab's, another open tab's, or one found in the browser's store. */
export type Owner = 'this' | 'other' | 'found'

/** One stored event. */
export interface Block {
  key: string
  row: Row
  body: Body
}

/** One chain, its blocks in order of `seq`. */
export interface Lane {
  chain: string
  owner: Owner
  blocks: Block[]
}

/** One request and its answer. */
export interface Exchange {
  id: number
  /** Which tab sent it. One tab sends for all. */
  from: 'this' | 'other'
  at: number
  url: string
  bytes: number
  body: string
  /** Sent while the page was leaving: nobody waits for the answer. */
  exit: boolean
  /** HTTP status, 0 when there was no answer, absent while waiting. */
  status?: number
  answer?: string
}

/** Who was asked to check the chains. */
export type Checker = 'browser' | 'server'

/** The answer of a check, or the reason why there is none. */
export interface Check {
  at: number
  verdict?: Verdict
  failed?: string
}

/** What the collector says of one event. */
interface Result {
  chain: string
  seq: number
  status: 'stored' | 'duplicate' | 'refused'
  code?: string
}

/** How many requests the wire view keeps. */
const EXCHANGES = 40

/** A row is not older than its call, but for what two clocks differ by, in ms. */
const SLACK = 50

export class State {
  calls: Call[] = []
  lanes: Lane[] = []
  wire: Exchange[] = []
  checks: Partial<Record<Checker, Check>> = {}
  /** Rows the collector has confirmed, as `chain:seq`. */
  delivered = new Set<string>()
  /** Rows the collector has refused, with its code. */
  refused = new Map<string, string>()
  /** Rows as the collector holds them now, fetched after a check found something. */
  serverRows = new Map<string, Row>()
  stats: Stats | undefined
  consent: ConsentState = 'pending'
  online = true
  /** The address the visitor signed in with, known to the shop alone. */
  person: string | undefined
  selected: string | undefined

  #listeners: (() => void)[] = []
  #due = false

  /** Calls `listener` after every change, once per task, and once now. */
  subscribe(listener: () => void): void {
    this.#listeners.push(listener)
    listener()
  }

  /** Applies a change and tells the views. */
  set(change: Partial<Pick<State, 'stats' | 'consent' | 'online' | 'person' | 'selected'>>): void {
    Object.assign(this, change)
    this.changed()
  }

  changed(): void {
    if (this.#due) return
    this.#due = true
    queueMicrotask(() => {
      this.#due = false
      for (const listener of this.#listeners) listener()
    })
  }

  /** Notes a call before it is made. */
  called(method: Call['method'], args: unknown[]): void {
    this.calls.push({
      id: this.calls.length,
      method,
      args: structuredClone(args),
      at: Date.now(),
      fate: method === 'reset' ? 'none' : 'memory',
    })
    this.changed()
  }

  /** Takes in what the SDK did, in this tab or another. */
  apply(activity: Activity, from: 'this' | 'other'): void {
    if (activity.type === 'lane') this.claim(String(activity.chain), from)
    if (activity.type === 'dropped' && from === 'this') this.#dropped(activity.reason, activity.count)
    if (activity.type === 'request') this.#requested(activity, from)
    if (activity.type === 'response') this.#answered(activity, from)
    this.changed()
  }

  /** Notes who writes a chain. */
  claim(chain: string, owner: Owner): void {
    const lane = this.#lane(chain)
    if (owner !== 'found') lane.owner = owner
    this.changed()
  }

  /** Chains that this tab writes. */
  ownChains(): string[] {
    return this.lanes.filter((lane) => lane.owner === 'this').map((lane) => lane.chain)
  }

  /** How many events this tab's chains hold. */
  ownBlocks(): number {
    return this.lanes.reduce((sum, lane) => sum + (lane.owner === 'this' ? lane.blocks.length : 0), 0)
  }

  /** Takes in rows read from the store. Those that are known change nothing. */
  addRows(lines: readonly string[]): void {
    for (const line of lines) {
      const row = parseRow(line)
      if (row) this.#addRow(row)
    }
    this.changed()
  }

  /** Clears what the panel shows of the store, after the SDK has deleted it. */
  forget(): void {
    this.lanes = []
    this.checks = {}
    this.serverRows.clear()
    this.set({ selected: undefined })
  }

  block(key: string | undefined): Block | undefined {
    return this.lanes.flatMap((lane) => lane.blocks).find((block) => block.key === key)
  }

  /** Calls that wait in memory, oldest first. */
  waiting(): Call[] {
    return this.calls.filter((call) => call.fate === 'memory')
  }

  /** The first bad event a check found in a chain. */
  broken(chain: string): { seq: number; class: string | null; by: Checker } | undefined {
    for (const by of ['server', 'browser'] as const) {
      const found = this.checks[by]?.verdict?.chains.find((one) => one.chain === chain && one.verdict === 'tampered')
      if (found) return { seq: found.first_bad ?? 0, class: found.class, by }
    }
    return undefined
  }

  #addRow(row: Row): void {
    const lane = this.#lane(row.chain)
    if (lane.blocks.some((block) => block.row.seq === row.seq)) return
    const block: Block = { key: keyOf(row), row, body: bodyOf(row) }
    const after = lane.blocks.findIndex((other) => other.row.seq > row.seq)
    lane.blocks.splice(after < 0 ? lane.blocks.length : after, 0, block)
    if (lane.owner !== 'other') this.#settleCall(block, lane)
  }

  #lane(chain: string): Lane {
    const known = this.lanes.find((one) => one.chain === chain)
    const lane: Lane = known ?? { chain, owner: 'found', blocks: [] }
    if (!known) this.lanes.push(lane)
    return lane
  }

  /** Finds the call that a row came of: the oldest that waits and fits. Its chain is one that this tab writes. */
  #settleCall({ key, row, body }: Block, lane: Lane): void {
    const named = (call: Call) => call.method === 'identify' || call.method === 'group' || call.args[0] === body.n
    const call = this.waiting().find((one) => one.method === body.k && named(one) && row.t >= one.at - SLACK)
    if (!call) return
    call.fate = 'stored'
    call.row = key
    lane.owner = 'this'
  }

  #dropped(reason: string, count: number): void {
    for (const call of this.waiting().slice(-count)) {
      call.fate = 'dropped'
      call.reason = reason
    }
  }

  #requested(request: Extract<Activity, { type: 'request' }>, from: 'this' | 'other'): void {
    const { url, bytes, exit } = request
    this.wire.push({
      id: (this.wire.at(-1)?.id ?? 0) + 1,
      from,
      at: Date.now(),
      url,
      bytes,
      body: String(request.body),
      exit,
    })
    if (this.wire.length > EXCHANGES) this.wire.shift()
  }

  #answered(response: Extract<Activity, { type: 'response' }>, from: 'this' | 'other'): void {
    const exchange = this.wire.findLast((one) => one.from === from && one.status === undefined)
    if (!exchange) return
    exchange.status = response.status
    exchange.answer = response.text
    for (const result of resultsOf(response.text)) {
      if (result.status === 'refused') this.refused.set(keyOf(result), result.code ?? 'refused')
      else this.delivered.add(keyOf(result))
    }
  }
}

function resultsOf(text: string): Result[] {
  try {
    return (JSON.parse(text) as { results?: Result[] }).results ?? []
  } catch {
    return []
  }
}

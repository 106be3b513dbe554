import type { CoreStats } from './core.js'
import type { DropReason, Stats } from './types.js'

/** The client's own counts, and how they add up with the core's. */
export interface Ledger {
  /** Events that were dropped before the core saw them. */
  drop(reason: DropReason, count: number): void
  /** A call refused for wrong use. */
  reject(code: string): void
  /** A property that a schema kept out. */
  leave(code: string): void
  /** An event that the core took. */
  took(): void
  /** The core's own counts, which replace those kept for it here. */
  learn(stats: CoreStats): void
  /** The core's counts are gone with everything else. */
  forget(): void
  /** Everything together, with `queued` events in memory. */
  sum(queued: number, live: boolean): Stats
}

const none = (): Record<DropReason, number> => ({
  scrubbed: 0,
  overflow: 0,
  quota: 0,
  poison: 0,
  too_large: 0,
  consent: 0,
  unknown_schema: 0,
  inert: 0,
})

/** An empty ledger. */
export function makeLedger(): Ledger {
  const dropped = none()
  const rejected: Record<string, number> = {}
  const properties: Record<string, number> = {}
  const more = (table: Record<string, number>, code: string) => {
    table[code] = (table[code] ?? 0) + 1
  }
  let lost = 0
  let known: CoreStats | undefined
  // Taken since `known`: where they are now, only the core can say, so they count as waiting.
  let since = 0
  return {
    drop(reason, count) {
      dropped[reason] += count
      lost += count
    },
    reject: (code) => more(rejected, code),
    leave: (code) => more(properties, code),
    took() {
      since++
    },
    learn(stats) {
      known = stats
      since = 0
    },
    forget() {
      known = undefined
      since = 0
    },
    sum(queued, live) {
      const zero = {
        captured: 0,
        stored: 0,
        waiting: 0,
        sent: 0,
        acknowledged: 0,
        pending: 0,
        lanes: 0,
        pseudonym_failures: 0,
        receipts: { kept: 0, signed: 0, contradicted: 0 },
      }
      const core = { ...zero, dropped: {}, rejected: {}, properties: {}, storage: 'none' as const, ...known }
      return {
        ...core,
        captured: core.captured + since + queued + lost,
        waiting: core.waiting + since + queued,
        storage: live ? core.storage : 'none',
        dropped: add(dropped, core.dropped),
        rejected: add(rejected, core.rejected),
        properties: { ...properties },
      }
    },
  }
}

/** The sums of two tables. */
function add<T extends Record<string, number>>(one: T, other: Partial<T>): T {
  const sum: Record<string, number> = { ...one }
  for (const [key, count] of Object.entries(other)) sum[key] = (sum[key] ?? 0) + (count ?? 0)
  return sum as T
}

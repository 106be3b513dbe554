import { type Code, message } from '../errors.js'
import { makeLedger } from '../ledger.js'
import { readIdentifier } from '../normalise.js'
import { isConsent } from '../options.js'
import { isName, isRefusal, lostBy, RING, writeProps } from '../props.js'
import type {
  ConsentState,
  Described,
  DropReason,
  EventMap,
  IdentifierType,
  IdentifyOptions,
  Props,
  Schema,
  Trail,
} from '../types.js'

/** What a call would have recorded. */
export type RecordedEvent =
  | { kind: 'track'; name: string; props: Props }
  | { kind: 'page'; name?: string; props: Props }
  /** `id` in its one spelling, of which the real client sends a pseudonym alone. */
  | { kind: 'identify' | 'group'; type: IdentifierType; id: string; traits: Props }

/** A recorded event that has a name. */
export type NamedEvent = Extract<RecordedEvent, { kind: 'track' | 'page' }>

/** What to look for: the name of an event or a page, or a function that says of each event whether it is meant. */
export type Match = string | ((event: RecordedEvent) => boolean)

/** What a {@link Match} finds. */
export type Found<M extends Match> = M extends string ? NamedEvent : RecordedEvent

/** Looks into what was recorded since {@link TestTrail.clear}. */
export interface TestingTools {
  /** All events that match, oldest first. */
  find<M extends Match>(match: M): Found<M>[]
  /** How many match; without a match, how many there are. */
  count(match?: Match): number
  /** The latest event that matches; without a match, the latest of all. */
  last(): RecordedEvent | undefined
  last<M extends Match>(match: M): Found<M> | undefined
  /**
   * The first event that matches, once there is one. Rejects after `timeoutMs` (default 1000), and says what was
   * recorded instead.
   */
  waitFor<M extends Match>(match: M, timeoutMs?: number): Promise<Found<M>>
}

/** A client that records in memory. */
export interface TestTrail<Events extends EventMap<Events> = Record<string, Props>> extends Trail<Events> {
  /** Looks into {@link TestTrail.events}. */
  readonly testing: TestingTools
  /** What was recorded, oldest first. Properties are as JSON carries them: no functions, no `undefined`. */
  readonly events: readonly RecordedEvent[]
  /** Codes of every wrong call, in order; the real client prints them, once each. */
  readonly warnings: readonly Code[]
  /** Empties {@link TestTrail.events} and {@link TestTrail.warnings}; consent stays. */
  clear(): void
}

/**
 * Creates a client for tests; each call gives a new one. Consent is `granted` unless said otherwise; with `pending`,
 * events wait as in the real client. With a `schema`, only what it declares is recorded, and the rest is in
 * {@link TestTrail.warnings}. Nothing is linked, so `verify()` says `unchecked`; `export()` has no rows.
 *
 * @example
 * ```ts
 * const trail = createTestTrail()
 * renderCheckout({ trail })
 * button.click()
 * expect(trail.events).toEqual([{ kind: 'track', name: 'checkout', props: { items: 3 } }])
 * expect(trail.testing.last('checkout')?.props.items).toBe(3)
 * ```
 */
export function createTestTrail<Events extends EventMap<Events> = Record<string, Props>>(
  options: { consent?: ConsentState; schema?: Schema<Events> } = {},
): TestTrail<Events> {
  let consent = options.consent ?? 'granted'
  const write = options.schema?.write ?? writeProps
  let closed = false
  const events: RecordedEvent[] = []
  const waiting: RecordedEvent[] = []
  const warnings: Code[] = []
  const counts = makeLedger()
  let stored = 0

  /** Those who wait for an event. */
  const watchers = new Set<() => void>()

  function keep(...kept: RecordedEvent[]) {
    events.push(...kept)
    stored += kept.length
    for (const look of [...watchers]) look()
  }

  const find = <M extends Match>(match: M) =>
    events.filter((event) =>
      typeof match === 'function' ? match(event) : 'name' in event && event.name === match,
    ) as Found<M>[]

  const testing: TestingTools = {
    find,
    count: (match = () => true) => find(match).length,
    last: (match: Match = () => true) => find(match).at(-1) as NamedEvent | undefined,
    waitFor: <M extends Match>(match: M, timeoutMs = 1000) =>
      new Promise<Found<M>>((done, reject) => {
        const stop = () => {
          clearTimeout(timer)
          watchers.delete(look)
        }
        const look = () => {
          try {
            const [found] = find(match)
            if (!found) return
            done(found)
          } catch (error) {
            // A match that throws is the test's affair, not that of the call it looks at.
            reject(error)
          }
          stop()
        }
        const timer = setTimeout(() => {
          stop()
          const wanted = typeof match === 'string' ? match : 'a matching event'
          reject(
            new Error(`Waited ${timeoutMs} ms for ${wanted}; recorded: ${events.map(label).join(', ') || 'nothing'}`),
          )
        }, timeoutMs)
        watchers.add(look)
        look()
      }),
  }

  function record(
    of: Described,
    name: string | undefined,
    props: unknown,
    make: (props: Props) => RecordedEvent | Code,
  ) {
    if (closed) {
      warnings.push('closed')
      return counts.drop('inert', 1)
    }
    if (consent === 'denied') return counts.drop('consent', 1)
    const json = write(props, of, name, (code) => {
      warnings.push(code)
      counts.leave(code)
    })
    const event = isRefusal(json) ? (json as Code) : make(json ? JSON.parse(json) : {})
    if (typeof event === 'string') {
      warnings.push(event)
      const lost = lostBy(event)
      return lost ? counts.drop(lost, 1) : counts.reject(event)
    }
    if (consent === 'granted') return keep(event)
    waiting.push(event)
    if (waiting.length > RING) {
      waiting.shift()
      counts.drop('consent', 1)
    }
  }

  /** Whatever waits goes. */
  function dropWaiting(reason: DropReason) {
    counts.drop(reason, waiting.length)
    waiting.length = 0
  }

  function decide(next: ConsentState) {
    consent = next
    if (next === 'granted') keep(...waiting.splice(0))
    if (next === 'denied') dropWaiting('consent')
  }

  function subject(kind: 'identify' | 'group', id: unknown, traits?: Props, how?: IdentifyOptions) {
    record(kind === 'group' ? kind : 'user', undefined, traits, (traits) => {
      const found = readIdentifier(id, how?.type)
      return found ? { kind, type: found.type, id: found.canonical, traits } : 'invalid_identifier'
    })
  }

  const trail: TestTrail = {
    testing,
    events,
    warnings,
    clear() {
      events.length = warnings.length = 0
    },
    track: (name: string, props?: Props) =>
      record('track', name, props, (props) => (isName(name) ? { kind: 'track', name, props } : 'invalid_name')),
    page: (name, props) =>
      record('page', name, props, (props) =>
        name === undefined || isName(name) ? { kind: 'page', ...(name && { name }), props } : 'invalid_name',
      ),
    identify: (id, traits, how) => subject('identify', id, traits, how),
    group: (id, traits, how) => subject('group', id, traits, how),
    reset() {},
    consent: ((next?: ConsentState) => {
      if (next !== undefined && !isConsent(next)) warnings.push('invalid_options')
      else if (next && !closed) decide(next)
      return consent
    }) as Trail['consent'],
    flush: async () => ({ done: true }),
    verify: async () => ({ verdict: 'unchecked', level: 'chained', chains: [] }),
    stats: async () => {
      const sum = counts.sum(waiting.length, false)
      return { ...sum, captured: sum.captured + stored, stored, pending: stored, storage: 'memory' }
    },
    export: async () => ({
      rows: [],
      ndjson: '',
      records: {},
      client: { deployment: 'test', mode: 'random', endpoint: 'testing', host: undefined },
    }),
    receipts: async () => [],
    continuity: async () => [],
    async erase() {
      decide('denied')
      events.length = stored = 0
      return { asked: 0, erased: 0, left: 0 }
    },
    ready: async () => {
      if (consent === 'granted' && !closed) return { state: 'ready', storage: 'memory' }
      if (consent === 'pending' && !closed) return { state: 'waiting', code: 'consent_pending' }
      return { state: 'inert', code: closed ? 'closed' : 'consent_denied' }
    },
    async close() {
      closed = true
      dropWaiting('inert')
    },
  }
  return trail as unknown as TestTrail<Events>
}

/** What to call an event in a message. */
const label = (event: RecordedEvent): string => ('name' in event && event.name) || event.kind

/** The text of a code, for the messages of failing tests. */
export const explain = (code: Code): string => message(code)

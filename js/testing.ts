/**
 * For the unit tests of a page: a client that keeps events in an array, without wasm, storage, network or DOM.
 *
 * @packageDocumentation
 */
import { type Code, message } from './errors.js'
import { makeLedger } from './ledger.js'
import { readIdentifier } from './normalise.js'
import { isConsent } from './options.js'
import { isName, isRefusal, lostBy, RING, writeProps } from './props.js'
import type { ConsentState, DropReason, EventMap, IdentifierType, IdentifyOptions, Props, Trail } from './types.js'

export type { Code } from './errors.js'
export type * from './types.js'

/** What a call would have recorded. */
export type RecordedEvent =
  | { kind: 'track'; name: string; props: Props }
  | { kind: 'page'; name?: string; props: Props }
  /** `id` in its one spelling, of which the real client sends a pseudonym alone. */
  | { kind: 'identify' | 'group'; type: IdentifierType; id: string; traits: Props }

/** A client that records in memory. */
export interface TestTrail<Events extends EventMap<Events> = Record<string, Props>> extends Trail<Events> {
  /** What was recorded, oldest first. Properties are as JSON carries them: no functions, no `undefined`. */
  readonly events: readonly RecordedEvent[]
  /** Codes of every wrong call, in order; the real client prints them, once each. */
  readonly warnings: readonly Code[]
  /** Empties {@link TestTrail.events} and {@link TestTrail.warnings}; consent stays. */
  clear(): void
}

/**
 * Creates a client for tests; each call gives a new one. Consent is `granted` unless said otherwise; with `pending`,
 * events wait as in the real client. Nothing is linked, so `verify()` says `unchecked`; `export()` has no rows.
 *
 * @example
 * ```ts
 * const trail = createTestTrail()
 * renderCheckout({ trail })
 * button.click()
 * expect(trail.events).toEqual([{ kind: 'track', name: 'checkout', props: { items: 3 } }])
 * ```
 */
export function createTestTrail<Events extends EventMap<Events> = Record<string, Props>>(
  options: { consent?: ConsentState } = {},
): TestTrail<Events> {
  let consent = options.consent ?? 'granted'
  let closed = false
  const events: RecordedEvent[] = []
  const waiting: RecordedEvent[] = []
  const warnings: Code[] = []
  const counts = makeLedger()
  let stored = 0

  function keep(...kept: RecordedEvent[]) {
    events.push(...kept)
    stored += kept.length
  }

  function record(props: unknown, make: (props: Props) => RecordedEvent | Code) {
    if (closed) {
      warnings.push('closed')
      return counts.drop('inert', 1)
    }
    if (consent === 'denied') return counts.drop('consent', 1)
    const json = writeProps(props)
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
    record(traits, (traits) => {
      const found = readIdentifier(id, how?.type)
      return found ? { kind, type: found.type, id: found.canonical, traits } : 'invalid_identifier'
    })
  }

  const trail: TestTrail = {
    events,
    warnings,
    clear() {
      events.length = warnings.length = 0
    },
    track: (name: string, props?: Props) =>
      record(props, (props) => (isName(name) ? { kind: 'track', name, props } : 'invalid_name')),
    page: (name, props) =>
      record(props, (props) =>
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
    export: async () => ({ rows: [], ndjson: '' }),
    async erase() {
      decide('denied')
      events.length = stored = 0
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

/** The text of a code, for the messages of failing tests. */
export const explain = (code: Code): string => message(code)

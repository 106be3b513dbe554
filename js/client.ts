/**
 * The client: takes calls at once, lets them wait for consent and core, hands them over in order, and stays harmless
 * whatever happens. Everything that counts, hashes, stores or schedules is in the core.
 */
import { about } from './about.js'
import { receiptsIn } from './browser/receipts.js'
import type { Metas } from './browser/store.js'
import { pageContext } from './context.js'
import type { Call, Core, CoreClass, Host } from './core.js'
import { chainsOf } from './erasure.js'
import { type Code, message, say } from './errors.js'
import { makeLedger } from './ledger.js'
import { forgetMatches, guessable, readIdentifier } from './normalise.js'
import { isConsent, type Settings } from './options.js'
import { isName, isRefusal, lostBy, RING, writeProps } from './props.js'
import { type EpochKeeper, keepEpochs } from './salt.js'
import { makeTransport, type Transport } from './transport.js'
import type {
  Activity,
  ConsentState,
  Described,
  DropReason,
  Erasure,
  IdentifyOptions,
  Props,
  ReadyState,
  Row,
  Trail,
} from './types.js'
import { within } from './within.js'

/** Calls that may wait for the core, which takes milliseconds, or seconds when the salt is slow. */
const BACKLOG = 1000
/** When to say that events wait for consent: by then the page has tracked what it tracks at its start. */
const REMIND_AFTER = 1000
/** How long the core may take to open the store; after that it opens a new lane without. */
const START_LIMIT = 10_000
/** How long the core may take to answer: for a question, and for a check of everything. */
const ANSWER_LIMIT = 30_000
const CHECK_LIMIT = 120_000

/** What strict mode throws: what the page's code does wrong, and not what the network or the salt is short of. */
const THROWN = /^(?!overflow|no_epoch_key)/

function complain(code: Code): never {
  throw Object.assign(new Error(`[nymtrail] ${code}: ${message(code)}`), { code })
}

const nothing = () => {}

const isEvent = (call: Call | undefined): boolean => !!call && call[0] !== 'reset'

/** A client in a page, or one that is inert from the start because of `broken`. */
export function makeTrail(
  settings: Settings,
  load: () => Promise<CoreClass | Code>,
  broken: Code | undefined,
  ended: () => void,
): Trail {
  const { config, endpoint, saltUrl, debug } = settings
  const counts = makeLedger()
  const warned = new Set<Code>()
  /** Calls that wait, in order. */
  const queue: Call[] = []
  let consent = settings.consent
  let core: Core | undefined
  /** The core takes calls. */
  let live = false
  /** The core, or code of the page that it called, is at work: calls made now wait until it has returned. */
  let busy = false
  /** Which start is the present one: what an earlier one still brings is ignored. */
  let turn = 0
  let storage: 'indexeddb' | 'memory' = 'memory'
  let starting: Promise<void> = Promise.resolve()
  let stopping: Promise<unknown> = starting
  let started: Promise<string> | undefined
  /** The core has opened its store, and knows the commitments it made earlier. */
  let opened = false
  let keeper: EpochKeeper | undefined
  let transport: Transport | undefined
  /** The epochs document, until the core has it. */
  let epochs: string | undefined
  let reminded = false
  /** A call of the page is running. */
  let calling = false
  /** What is wrong with it. */
  let objection: Code | undefined
  const write = settings.schema?.write ?? writeProps

  // ---- What the page gets to see -----------------------------------------------------------------------------

  function emit(activity: Activity) {
    // Later, so that the hook can neither slow down a call nor come between its steps.
    if (debug) void Promise.resolve(activity).then(debug).catch(nothing)
  }

  /** Says so: each time to the hook, once to the console. */
  function warn(code: Code) {
    emit({ type: 'warning', code })
    if (warned.has(code)) return
    warned.add(code)
    say('warn', code)
  }

  /** Says so, and in strict mode throws it: from the call, or, if that is over, for the page to see as uncaught. */
  function object(code: Code) {
    warn(code)
    if (!settings.strict || !THROWN.test(code)) return
    if (calling) objection = code
    else setTimeout(() => complain(code))
  }

  function drop(reason: DropReason, count = 1) {
    if (!count) return
    counts.drop(reason, count)
    emit({ type: 'dropped', reason, count })
  }

  const events = () => queue.filter(isEvent).length

  function dropQueue(reason: DropReason) {
    drop(reason, events())
    queue.length = 0
  }

  /** Why nothing is recorded. */
  const reason = (): Code => broken ?? (consent === 'pending' ? 'consent_pending' : 'consent_denied')

  // ---- Calls ---------------------------------------------------------------------------------------------------

  /** Runs what the page asked for; a defect of ours ends the client, never the page. */
  function guard(work: () => void) {
    try {
      work()
    } catch {
      fail('internal')
    }
  }

  /** A call that names an event: dropped, refused, or made into a {@link Call}. */
  function event(of: Described, name: string | undefined, props: unknown, make: (json: string) => Call | Code) {
    const nested = calling
    calling = true
    objection = undefined
    guard(() => {
      if (broken === 'closed') warn(broken)
      if (broken || consent === 'denied') return drop(broken ? 'inert' : 'consent')
      const json = write(props, of, name, (code) => {
        counts.leave(code)
        object(code)
      })
      const call = objection ?? (isRefusal(json) ? (json as Code) : make(json))
      if (typeof call !== 'string') return submit(call)
      object(call)
      const lost = lostBy(call)
      if (lost) drop(lost)
      else counts.reject(call)
    })
    calling = nested
    if (objection) complain(objection)
  }

  function submit(call: Call) {
    queue.push(call)
    if (live) return drain()
    const pending = consent === 'pending'
    if (queue.length > (pending ? RING : BACKLOG) && isEvent(queue.shift())) drop(pending ? 'consent' : 'overflow')
    if (pending && !reminded) {
      reminded = true
      setTimeout(() => consent === 'pending' && !broken && say('info', 'consent_pending', `${events()} `), REMIND_AFTER)
    }
  }

  /** Runs the core, or code of the page on its behalf; calls made meanwhile follow when it has returned. */
  function atWork<T>(work: () => T): T {
    const nested = busy
    busy = true
    try {
      return work()
    } finally {
      busy = nested
      if (!nested && queue.length) queueMicrotask(drain)
    }
  }

  /** Hands over what waits. */
  function drain() {
    while (live && !busy && queue.length && (keeper?.ready?.(queue) ?? true)) hand(queue.shift() as Call)
  }

  function hand(call: Call) {
    try {
      const [method, ...values] = call
      // The tuple's first item says which arguments follow, which TypeScript cannot tell from a spread.
      const target = core as unknown as Record<string, (...values: string[]) => string | undefined>
      const code = atWork(() => target[method]?.(...values))
      if (code) {
        object(code as Code)
        if (code === 'audience_profile') counts.reject(code)
      } else if (isEvent(call)) counts.took()
    } catch {
      if (isEvent(call)) drop('inert')
      fail('internal')
    }
  }

  function subject(namespace: 'user' | 'group', id: unknown, traits?: Props, options?: IdentifyOptions) {
    event(namespace, undefined, traits, (json) => {
      const found = readIdentifier(id, options?.type)
      const warns = settings.warnGuessable && found && guessable(found)
      forgetMatches()
      if (!found) return 'invalid_identifier'
      if (warns) warn('guessable_identifier')
      return ['identify', namespace, found.type, found.canonical, found.raw, json]
    })
  }

  // ---- The core's life -------------------------------------------------------------------------------------------

  /** What the core asks of the page. Once its turn is over it gets nothing any more: no request, no word. */
  function hostFor(mine: number): Host {
    const inTurn = <T>(work: () => T): T | undefined => {
      try {
        return mine === turn ? atWork(work) : undefined
      } catch {
        return
      }
    }
    const later = '{"status":0,"events":"r"}'
    return {
      signer: endpoint?.signer,
      deliver: (...batch) => inTurn(() => transport?.deliver(...batch)) ?? Promise.resolve(later),
      warn: (code) => inTurn(() => warn(code as Code)),
      note: (type, detail) => inTurn(() => debug && emit(activity(type, detail))),
      erased: () =>
        inTurn(() => {
          consent = 'denied'
          halt()
          counts.forget()
          dropQueue('consent')
        }),
    }
  }

  function start() {
    const mine = ++turn
    const over = () => mine !== turn
    transport = makeTransport(endpoint, emit, (code) => over() || warn(code))
    keeper = saltUrl
      ? (settings.keep ?? keepEpochs)(
          saltUrl,
          (text) => {
            epochs = text
            useEpochs()
          },
          () => warn('salt_unreachable'),
          { ...settings, expect: (...texts) => core?.expect(...texts) ?? '', drain, warn },
        )
      : undefined
    addEventListener('pagehide', leave)
    starting = (async () => {
      await stopping
      if (over()) return
      if (!globalThis.crypto?.getRandomValues) return fail('no_crypto')
      const Core = await load()
      if (over()) return
      if (typeof Core === 'string') return fail(Core)
      core = new Core(config, hostFor(mine))
      started = core.start()
      const opening = started.then((kind) => {
        if (over()) return
        if (kind !== 'indexeddb' && kind !== 'memory') return fail('invalid_config')
        opened = true
        storage = kind
        useEpochs()
      })
      await within(opening, START_LIMIT)
      if (!over()) await keeper?.first
      if (over() || live) return
      if (!opened) core.hurry()
      takeCalls()
    })().catch(() => {
      if (!over()) fail('internal')
    })
  }

  /** Hands over the epochs document: after the store was opened, so that it is checked against what was known before. */
  function useEpochs() {
    if (!opened || epochs === undefined) return
    const text = epochs
    epochs = undefined
    guard(() => {
      const code = atWork(() => core?.epochs(text))
      if (code) warn(code as Code)
    })
  }

  function takeCalls() {
    live = true
    drain()
  }

  /** The page leaves: what waits, for pseudonyms or for the core, which opens a new lane then, goes now or is lost. */
  function leave() {
    guard(() => {
      keeper?.leave?.()
      if (live) return drain()
      if (!core) return
      if (!opened) core.hurry()
      takeCalls()
    })
  }

  /** Ends the present turn: no call, no request, no timer any more. The core is handed to whoever ends it properly. */
  function halt(): Core | undefined {
    const last = core
    turn++
    core = epochs = undefined
    live = opened = false
    keeper?.stop()
    transport?.stop()
    removeEventListener('pagehide', leave)
    return last
  }

  /** The client can't go on. */
  function fail(code: Code) {
    if (broken) return
    halt()
    broken = code
    dropQueue('inert')
    warn(code)
  }

  /**
   * Deletes everything stored, also by earlier visits: for that a core is started if there is none, but not heard. Then the
   * service is asked to erase what it was sent; for which nobody waits but who has called {@link Trail.erase}.
   */
  function wipe(earlier?: boolean): Promise<Erasure> {
    let asked: Promise<Erasure> | Erasure = { asked: 0, erased: 0, left: 0 }
    const ask = async (metas: Metas): Promise<Erasure> => {
      const [chains, others] = chainsOf(metas, earlier)
      if (!endpoint.erase) return { asked: 0, erased: 0, left: chains.length + others.length }
      const erased = await makeTransport(endpoint, emit, warn).erase(chains)
      if (erased < chains.length) warn('erasure_unconfirmed')
      return { asked: chains.length, erased, left: others.length }
    }
    const opening = started
    const last = halt()
    counts.forget()
    stopping = stopping
      .then(async () => {
        const Core = last ? undefined : await load()
        const target = last ?? (typeof Core === 'function' && new Core(config, hostFor(-1)))
        // What is not open yet cannot be deleted.
        if (!target || !(await within(last ? opening : target.start(), START_LIMIT))) return
        return within(
          target
            .erase((metas) => {
              asked = ask(metas)
            })
            .then(() => true),
          ANSWER_LIMIT,
        )
      })
      .catch(() => false)
      .then((done) => done || warn('erase_failed'))
    return stopping.then(() => asked)
  }

  function decide(next: ConsentState) {
    const before = consent
    if (broken || next === before) return
    consent = next
    if (next === 'denied') dropQueue('consent')
    if (before === 'granted') {
      if (next === 'denied') wipe()
      else stopping = within(halt()?.close(), ANSWER_LIMIT).catch(() => {})
    }
    if (next === 'granted') start()
  }

  // ---- Questions -------------------------------------------------------------------------------------------------

  async function settled() {
    for (let seen: unknown; seen !== starting; ) {
      seen = starting
      await starting
      await keeper?.idle?.()
    }
  }

  /** Asks the core something; undefined when there is none, when it takes too long, and when it fails. */
  async function ask<T>(question: (core: Core) => Promise<T>, limit: number): Promise<T | undefined> {
    await settled()
    const asked = core
    if (!live || !asked) return
    try {
      const answer = await within(
        atWork(() => question(asked)),
        limit,
      )
      // An answer that an erasure has overtaken is about what is no more.
      return asked === core ? answer : undefined
    } catch {
      if (asked === core) fail('internal')
      return
    }
  }

  /** Why there was no answer. */
  const why = (): Code => (live ? (navigator.onLine === false ? 'offline' : 'timeout') : reason())

  if (settings.signal) void Promise.resolve(settings.signal).then(settings.onPrivacySignal).catch(nothing)
  if (!broken && consent === 'granted') guard(start)

  return {
    track: (name: string, props?: Props) =>
      event('track', name, props, (json) => (isName(name) ? ['capture', 'track', name, json, ''] : 'invalid_name')),

    page: (name, props) =>
      event('page', name, props, (json) => {
        if (name !== undefined && !isName(name)) return 'invalid_name'
        return ['capture', 'page', name ?? '', json, pageContext(settings.query)]
      }),

    identify: (id, traits, options) => subject('user', id, traits, options),
    group: (id, traits, options) => subject('group', id, traits, options),

    reset: () =>
      guard(() => {
        if (!broken && consent !== 'denied') submit(['reset'])
      }),

    consent: ((next?: ConsentState) => {
      if (next !== undefined) guard(() => (isConsent(next) ? decide(next) : warn('invalid_options')))
      return consent
    }) as Trail['consent'],

    async flush() {
      const code = await ask((core) => core.flush(), ANSWER_LIMIT)
      return code === '' ? { done: true } : { done: false, code: (code as Code | undefined) ?? why() }
    },

    async verify() {
      const verdict = await ask((core) => core.verify(), CHECK_LIMIT)
      return verdict ?? { verdict: 'unchecked', level: 'chained', chains: [], code: why() }
    },

    async stats() {
      const known = await ask((core) => core.stats(), ANSWER_LIMIT)
      if (known) counts.learn(known)
      return counts.sum(events(), live)
    },

    async export() {
      const found = await ask((core) => Promise.all([core.export(), core.metas()]), CHECK_LIMIT)
      const [ndjson, metas] = found ?? ['', []]
      return {
        ndjson,
        rows: ndjson
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as Row),
        records: Object.fromEntries(metas),
        client: about(settings),
        ...(!found && { code: why() }),
      }
    },

    continuity: async (options) => (await ask((core) => core.continuity(!!options?.forget), ANSWER_LIMIT)) ?? [],

    receipts: async () => receiptsIn((await ask((core) => core.metas(), ANSWER_LIMIT)) ?? []),

    async erase(options) {
      consent = 'denied'
      dropQueue('consent')
      return broken === 'no_dom' ? { asked: 0, erased: 0, left: 0 } : wipe(options?.earlier)
    },

    async ready(): Promise<ReadyState> {
      await settled()
      if (live) return { state: 'ready', storage }
      const code = reason()
      return { state: code === 'consent_pending' ? 'waiting' : 'inert', code }
    },

    async close() {
      if (broken) return
      ended()
      const known = await ask((core) => core.stats(), ANSWER_LIMIT)
      if (known) counts.learn(known)
      const last = halt()
      broken ??= 'closed'
      dropQueue('inert')
      try {
        await within(last?.close(), ANSWER_LIMIT)
      } catch {
        // What was stored stays so, and the browser takes the lane back with the page.
      }
    },
  }
}

/** What the core notes, as the hook gets it. */
function activity(type: Parameters<Host['note']>[0], detail: string): Activity {
  const found = JSON.parse(detail)
  return type === 'stored' ? { type, rows: found } : { ...(type === 'dropped' && { count: 1 }), ...found, type }
}

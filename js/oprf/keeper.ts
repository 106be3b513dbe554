/**
 * Between the client and a key server: takes the identifiers out of calls, has them evaluated, and puts pseudonyms in their place.
 *
 * A call is blinded as soon as the client could hand it over. From then on nothing here holds an identifier, only its blinded digest, in
 * the wasm, until the answer is there or is not awaited any more.
 */
import type { Call } from '../core.js'
import type { Code } from '../errors.js'
import { type Asking, type Keep, keepEpochs } from '../salt.js'
import { openSession, type Session } from './wasm.js'

/** How long events wait for an answer. */
const PATIENCE = 3000
/** The server takes so many elements at once. */
const BATCH = 16
/** So many calls may wait; with more, none waits any longer. */
const BACKLOG = 1000
/** So many pseudonyms are known again without asking. */
const KNOWN = 1000
/** How long the server is left alone after a failure, doubled each time, to an hour. */
const REST = 60_000
const MAX_DOUBLINGS = 6

/** An identifier that is being evaluated. */
interface Question {
  /** The epoch and its public key. */
  words: string
  /** What the same identifier has in the same epoch, as long as this page lives. */
  id: string
  /** Its number in the wasm. */
  number: string
  element: string
  /** The calls that wait for it, and what puts it into them. */
  places: [Call, (pseudonym: string) => void][]
}

/** A failure to get answers, with a code and the seconds to wait that the server asks for. */
class Refused extends Error {
  constructor(
    readonly code: Code,
    readonly seconds = 0,
  ) {
    super(code)
  }
}

/** Makes the keeper of a key server. `ticket` brings a ticket for each request. */
export function keepKeys(ticket?: () => string | Promise<string>): Keep {
  return (url, use, failed, asking) => {
    const document = keepEpochs(url, use, failed)
    const evaluator = new Evaluator(url.replace(/[^/]*$/, 'evaluate'), ticket, asking)
    return {
      first: Promise.all([document.first, evaluator.open()]).then(() => {}),
      ready: (queue) => evaluator.ready(queue),
      idle: () => evaluator.idle(),
      leave: () => evaluator.leave(),
      stop() {
        document.stop()
        evaluator.stop()
      },
    }
  }
}

class Evaluator {
  readonly #url: string
  readonly #ticket: (() => string | Promise<string>) | undefined
  readonly #client: Asking
  #session: Session | undefined
  /** Calls that were looked at. */
  readonly #seen = new WeakSet<Call>()
  /** Calls that wait, and for how many answers. */
  readonly #open = new Map<Call, number>()
  /** What is asked, by id, and of that what no request has yet. */
  readonly #asked = new Map<string, Question>()
  #unsent: Question[] = []
  /** Pseudonyms by id, as the core takes them. */
  readonly #known = new Map<string, string>()
  /** Who waits until no call does. */
  #waiting: (() => void)[] = []
  #abort = new AbortController()
  #stopped = false
  #leaving = false
  #restUntil = 0
  #failures = 0

  constructor(url: string, ticket: (() => string | Promise<string>) | undefined, client: Asking) {
    this.#url = url
    this.#ticket = ticket
    this.#client = client
  }

  async open(): Promise<void> {
    try {
      const session = await openSession(this.#client.deployment)
      if (!this.#stopped) this.#session = session
    } catch {
      this.#client.warn('wasm_failed')
    }
  }

  /** Whether the first call can be handed over. Takes the identifiers out of all that are new. */
  ready(queue: Call[]): boolean {
    try {
      // New ones stand at the end.
      let from = queue.length
      while (from && !this.#seen.has(queue[from - 1] as Call)) from--
      for (const call of queue.slice(from)) this.#prepare(call)
      if (queue.length > BACKLOG) this.#giveUp()
    } catch {
      // The wasm has trapped. No identifier is in a call any more.
      this.#session = undefined
      this.#giveUp()
    }
    return !this.#open.has(queue[0] as Call)
  }

  async idle(): Promise<void> {
    if (this.#open.size) await new Promise<void>((done) => this.#waiting.push(done))
  }

  /** The page is left: no answer would come in time. If it lives on, new calls may wait again. */
  leave(): void {
    this.#leaving = true
    setTimeout(() => {
      this.#leaving = false
    })
    this.#giveUp()
  }

  stop(): void {
    this.#stopped = true
    this.#giveUp()
    this.#known.clear()
    this.#session = undefined
  }

  #prepare(call: Call): void {
    this.#seen.add(call)
    if (call[0] === 'reset') return
    const place = call[0] === 'identify' ? 5 : 3
    // Out of the call before anything else.
    const properties = this.#identifiersIn(call[place] as string)
    const names = Object.keys(properties.taken)
    if (names.length) call[place] = JSON.stringify(properties.all)
    if (call[0] === 'identify') {
      const [, namespace, type, canonical, raw] = call
      call[2] = 'opaque'
      call[3] = call[4] = ''
      this.#ask(call, [namespace, type, canonical], raw, (pseudonym) => {
        call[3] = pseudonym
      })
    }
    for (const name of names) {
      const value = properties.taken[name] as string
      this.#ask(call, [`prop:${name}`, 'opaque', value], value, (pseudonym) => {
        properties.all[name] = pseudonym
        call[place] = JSON.stringify(properties.all)
      })
    }
  }

  /** Declared identifiers in a call's properties, which are left empty there: an empty one is no pseudonym, and left out. */
  #identifiersIn(json: string): { all: Record<string, unknown>; taken: Record<string, string> } {
    const { identifiers } = this.#client
    const all = identifiers.length && json ? JSON.parse(json) : {}
    const taken: Record<string, string> = {}
    for (const name of identifiers) {
      const value = Object.hasOwn(all, name) ? all[name] : undefined
      if (typeof value !== 'string' && typeof value !== 'number') continue
      taken[name] = `${value}`
      all[name] = ''
    }
    return { all, taken }
  }

  #ask(
    call: Call,
    identifier: [namespace: string, type: string, canonical: string],
    raw: string,
    fill: (pseudonym: string) => void,
  ): void {
    // The core looks for it from now on, whether or not a pseudonym will be had.
    const words = this.#client.expect(identifier[2], raw)
    const session = this.#session
    if (!words || !session || this.#leaving) return
    const [number = '', element = '', tag] = session.ask(...identifier).split(' ')
    if (!tag) return
    const id = `${words} ${tag}`
    const known = this.#known.get(id)
    const asked = this.#asked.get(id)
    const resting = !asked && performance.now() < this.#restUntil
    if (known !== undefined || asked || resting) session.withdraw(number)
    if (known !== undefined) fill(known)
    else if (!resting) {
      this.#open.set(call, (this.#open.get(call) ?? 0) + 1)
      if (asked) asked.places.push([call, fill])
      else this.#add({ words, id, number, element, places: [[call, fill]] })
    }
  }

  #add(question: Question): void {
    this.#asked.set(question.id, question)
    // What the page's task says is asked for together.
    if (this.#unsent.push(question) === 1) queueMicrotask(() => this.#send())
  }

  #send(): void {
    while (this.#unsent.length) {
      const words = this.#unsent[0]?.words
      // No request holds two epochs.
      const batch = this.#unsent.filter((question) => question.words === words).slice(0, BATCH)
      this.#unsent = this.#unsent.filter((question) => !batch.includes(question))
      void this.#evaluate(batch)
    }
  }

  async #evaluate(batch: Question[]): Promise<void> {
    const { signal } = this.#abort
    const late = new AbortController()
    const stop = () => late.abort()
    const timer = setTimeout(stop, PATIENCE)
    signal.addEventListener('abort', stop)
    const over = new Promise<never>((_, reject) => {
      late.signal.addEventListener('abort', reject)
    })
    let made: string[] = []
    let failure: Refused | undefined
    try {
      made = await Promise.race([this.#request(batch, late.signal), over])
      this.#failures = 0
    } catch (reason) {
      failure = reason instanceof Refused ? reason : new Refused('keys_unreachable')
    }
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    // Given up meanwhile: nobody waits any more.
    if (signal.aborted) return
    if (failure) this.#rest(failure)
    try {
      this.#session?.withdraw(batch.map(({ number }) => number).join(' '))
    } catch {
      this.#session = undefined
    }
    batch.forEach((question, at) => {
      this.#settle(question, made[at])
    })
    this.#client.drain()
    this.#tell()
  }

  /** Pseudonyms, in the order of the questions. */
  async #request(batch: Question[], signal: AbortSignal): Promise<string[]> {
    const [epoch = '', key = ''] = (batch[0] as Question).words.split(' ')
    const elements = batch.map(({ element }) => element)
    const ticket = this.#ticket && (await this.#ticket())
    // Text needs no preflight. Nothing else of this visitor goes along.
    const response = await fetch(this.#url, {
      method: 'POST',
      body: JSON.stringify({ epoch: Number(epoch), elements, ticket }),
      credentials: 'omit',
      cache: 'no-store',
      referrerPolicy: 'no-referrer',
      signal,
    })
    if (response.status === 429 || response.status === 403)
      throw new Refused('keys_refused', Number(response.headers.get('retry-after')) || 0)
    if (!response.ok) throw new Refused('keys_unreachable')
    const text = await response.text()
    if (signal.aborted) throw signal.reason
    let made: string
    try {
      const answer = JSON.parse(text)
      const numbers = batch.map(({ number }) => number).join(' ')
      made = this.#session?.take(epoch, key, numbers, answer.elements.join(' '), `${answer.proof}`) ?? '!'
    } catch {
      made = '!'
    }
    if (made.startsWith('!')) throw new Refused('oprf_refused')
    return made.split(' ')
  }

  #settle({ id, words, places }: Question, made: string | undefined): void {
    this.#asked.delete(id)
    const pseudonym = made && `${words.split(' ')[0]} ${made}`
    if (pseudonym) {
      this.#known.set(id, pseudonym)
      const oldest = this.#known.size > KNOWN && this.#known.keys().next().value
      if (oldest) this.#known.delete(oldest)
    }
    for (const [call, fill] of places) {
      if (pseudonym) fill(pseudonym)
      const left = (this.#open.get(call) ?? 1) - 1
      if (left) this.#open.set(call, left)
      else this.#open.delete(call)
    }
  }

  /** Leaves the server alone for a while. */
  #rest({ code, seconds }: Refused): void {
    const doublings = Math.min(this.#failures++, MAX_DOUBLINGS)
    const wait = seconds * 1000 || REST * 2 ** doublings * (0.5 + Math.random() / 2)
    this.#restUntil = performance.now() + wait
    this.#client.warn(code)
  }

  #tell(): void {
    if (!this.#open.size) for (const done of this.#waiting.splice(0)) done()
  }

  /** All that waits goes without a pseudonym, and is forgotten. */
  #giveUp(): void {
    this.#abort.abort()
    this.#abort = new AbortController()
    const numbers = [...this.#asked.values()].map(({ number }) => number)
    this.#asked.clear()
    this.#open.clear()
    this.#unsent = []
    this.#tell()
    try {
      if (numbers.length) this.#session?.withdraw(numbers.join(' '))
    } catch {
      this.#session = undefined
    }
  }
}

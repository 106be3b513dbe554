/** Joins the shop, the SDK and the panel: creates the trail, notes each call, and hands on what the SDK did. */

import { type Activity, type ConsentState, createTrail, type Props, type Trail } from 'nymtrail'
import { collector } from 'nymtrail/endpoints/collector'
import { switchable } from './network.js'
import { recall, remember } from './remember.js'
import { keyOf, parseRow } from './rows.js'
import type { State } from './state.js'

/** Where a real shop would keep its visitor's choice. */
const CHOICE = 'oxbow.consent'

/** Where a real shop would have a session cookie. */
const PERSON = 'oxbow.person'

/** The collector's addresses. */
const BATCH = new URL('/v1/batch', location.href).href
const EPOCHS = new URL('/v1/epochs', location.href).href

/** What tabs of the demo tell each other, so that each panel shows the whole picture. The SDK needs none of it. */
type Message =
  | { type: 'activity'; activity: Activity }
  | { type: 'network'; online: boolean }
  | { type: 'hello' }
  /** This tab has stored something; these are its chains. */
  | { type: 'mine'; chains: string[] }
  | { type: 'over' }

export class Session {
  readonly trail: Trail
  readonly #state: State
  readonly #tabs = new BroadcastChannel('oxbow-demo')
  #due = false

  constructor(state: State) {
    this.#state = state
    const consent = savedChoice()
    state.set({ consent, person: recall(PERSON) })
    this.#tabs.onmessage = (event: MessageEvent<Message>) => this.#heard(event.data)
    this.trail = createTrail({
      deployment: 'shop',
      endpoint: switchable(collector(BATCH), () => state.online),
      salt: EPOCHS,
      consent,
      // `checkout` carries an e-mail address as a property.
      identifiers: ['email'],
      // The notes of the panel say that e-mail addresses can be guessed.
      acknowledgeGuessable: true,
      // Short, so that a visitor of the demo need not wait to see a request.
      flush: { ageMs: 2000 },
      debug: (activity) => this.#saw(activity),
    })
    // A choice made in another tab holds here too, and so does signing in and out.
    addEventListener('storage', (event) => {
      if (event.key === PERSON) state.set({ person: event.newValue ?? undefined })
      if (event.key === CHOICE && event.newValue) this.#chosen(event.newValue as ConsentState)
    })
    // A browser that signals Global Privacy Control has declined already.
    state.set({ consent: this.trail.consent() })
    this.#tell({ type: 'hello' })
    if (state.consent === 'granted') void this.#askServer()
    this.#refresh()
  }

  track(name: string, props?: Props): void {
    this.#state.called('track', props ? [name, props] : [name])
    this.trail.track(name, props)
    this.#refresh()
  }

  page(name: string): void {
    this.#state.called('page', [name])
    this.trail.page(name)
    this.#refresh()
  }

  /** Begins the visit: a shop that knows who is signed in says so on each page. */
  begin(): void {
    if (this.#state.person) this.#identify(this.#state.person)
    this.page('Shop')
  }

  signIn(email: string): void {
    remember(PERSON, email)
    this.#state.set({ person: email })
    this.#identify(email)
    this.track('sign_in', { method: 'email' })
  }

  #identify(email: string): void {
    this.#state.called('identify', [email, { plan: 'guest' }])
    this.trail.identify(email, { plan: 'guest' })
    this.#refresh()
  }

  signOut(): void {
    this.track('sign_out')
    remember(PERSON, undefined)
    this.#state.set({ person: undefined })
    this.#state.called('reset', [])
    this.trail.reset()
  }

  /** Passes the visitor's choice to the SDK and remembers it for the next visit and the next tab. */
  choose(choice: Exclude<ConsentState, 'pending'>): void {
    remember(CHOICE, choice)
    this.#chosen(choice)
  }

  setOnline(online: boolean): void {
    this.#state.set({ online })
    this.#tell({ type: 'network', online })
    if (online) this.#resume()
  }

  /** Deletes what the SDK holds in this browser and begins again, in every tab. */
  async startOver(): Promise<void> {
    remember(CHOICE, undefined)
    remember(PERSON, undefined)
    await this.trail.erase()
    this.#tell({ type: 'over' })
    location.reload()
  }

  #chosen(choice: ConsentState): void {
    const before = this.#state.consent
    this.trail.consent(choice)
    if (choice === 'denied') this.#state.forget()
    this.#state.set({ consent: choice })
    // The SDK has forgotten who is signed in; the shop has not.
    if (choice === 'granted' && before === 'denied' && this.#state.person) this.#identify(this.#state.person)
    this.#refresh()
  }

  #saw(activity: Activity): void {
    this.#state.apply(activity, 'this')
    this.#tell({ type: 'activity', activity })
    this.#refresh()
  }

  #heard(message: Message): void {
    if (message.type === 'activity') this.#state.apply(message.activity, 'other')
    if (message.type === 'mine') for (const chain of message.chains) this.#state.claim(chain, 'other')
    if (message.type === 'hello') this.#introduce()
    if (message.type === 'network') {
      this.#state.set({ online: message.online })
      if (message.online) this.#resume()
    }
    if (message.type === 'over') location.reload()
    this.#refresh()
  }

  /** Tells a new tab what it can't know: which chains are this tab's, and that the network is switched off. */
  #introduce(): void {
    this.#tell({ type: 'mine', chains: this.#state.ownChains() })
    if (!this.#state.online) this.#tell({ type: 'network', online: false })
  }

  /** What a browser does when the network is back: it fires `online`, and the SDK sends what waits. */
  #resume(): void {
    dispatchEvent(new Event('online'))
  }

  /** Soon, and once for many changes: reads the counts and the stored rows, as `export()` gives them to anybody. */
  #refresh(): void {
    if (this.#due) return
    this.#due = true
    setTimeout(async () => {
      this.#due = false
      const before = this.#state.ownBlocks()
      const [stats, { ndjson }] = await Promise.all([this.trail.stats(), this.trail.export()])
      this.#state.addRows(lines(ndjson))
      this.#state.set({ stats })
      if (this.#state.ownBlocks() !== before) this.#tell({ type: 'mine', chains: this.#state.ownChains() })
    }, 100)
  }

  /** Asks which events of earlier visits and other tabs the collector has. */
  async #askServer(): Promise<void> {
    const { rows } = await this.trail.export()
    for (const chain of new Set(rows.map((row) => row.chain))) {
      for (const line of await serverRows(chain)) {
        const row = parseRow(line)
        if (row) this.#state.delivered.add(keyOf(row))
      }
    }
    this.#state.changed()
  }

  #tell(message: Message): void {
    this.#tabs.postMessage(message)
  }
}

/** The rows of a chain as the collector holds them now; none when it can't be asked. */
export async function serverRows(chain: string): Promise<string[]> {
  try {
    const response = await fetch(`/v1/rows?chain=${chain}`)
    return response.ok ? lines(await response.text()) : []
  } catch {
    return []
  }
}

const lines = (ndjson: string): string[] => ndjson.split('\n').filter(Boolean)

function savedChoice(): ConsentState {
  const saved = recall(CHOICE)
  return saved === 'granted' || saved === 'denied' ? saved : 'pending'
}

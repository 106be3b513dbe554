// A visitor's device in Node: the engine of the built wasm, a store in memory and a clock that is told. It does what
// js/driver.ts does, without waiting, so that a thousand devices live through two days in seconds.
import { openWasm, source } from './wasm.mjs'

const { EFFECTS, INPUTS } = await source('driver.ts')
const { readIdentifier } = await source('normalise.ts')
const { json } = await source('endpoints/json.ts')
const endpoint = json('/ingest')

const ITEM = '\x1e'
const FRAME = '\x1d'
const itemsOf = (items) => items.map((item) => item + ITEM).join('')

export const DAY = 86_400_000
/** Words of a configuration as src/core/config.rs reads them: events that are sent after 5 s, as by default. */
export const SALTED = 'shop salt - - - - - - - - - -'

const shared = openWasm()

export class Device {
  /** What was sent, as { at, body, meta, rows }. */
  requests = []
  warnings = []
  /** What the endpoint says of a batch; `o`: the device has no network. */
  answer = 'a'
  #metas = new Map()
  #rows = new Map()
  #queue = []
  #wakeAt = Number.POSITIVE_INFINITY

  constructor({ config = SALTED, now, wasm = shared }) {
    Object.assign(this, { config, now, wasm })
  }

  /** Loads a page: a new engine over what the store has. */
  open(...documents) {
    this.engine = this.wasm.Core.create(this.config)
    this.#feed('Opened', 1, '', [...this.#metas].flat())
    return documents.map((document) => this.engine.epochs(document, this.now))
  }

  /** The document is there again. */
  epochs(document) {
    return this.engine.epochs(document, this.now)
  }

  track(name = 'did', props = '') {
    return this.#committed(this.engine.capture('track', name, props, '', this.now))
  }

  identify(id, namespace = 'user') {
    const { type, canonical, raw } = readIdentifier(id)
    return this.#committed(this.engine.identify(namespace, type, canonical, raw, '', this.now))
  }

  stats() {
    return JSON.parse(this.engine.stats(''))
  }

  /** Everything in the store, as a text. */
  kept() {
    return [...[...this.#metas].flat(), ...this.rows()].join('\n')
  }

  /** The stored rows, as lines, chain by chain. */
  rows() {
    return [...this.#rows.values()].flatMap((rows) => [...rows].sort(([a], [b]) => a - b).map(([, line]) => line))
  }

  /** Time passes; what is due happens when it is. */
  wait(ms) {
    const end = this.now + ms
    while (this.#wakeAt <= end) {
      this.now = Math.max(this.now, this.#wakeAt)
      this.#wakeAt = Number.POSITIVE_INFINITY
      this.#feed('Wake')
    }
    this.now = end
  }

  /** The page goes away. */
  leave() {
    this.#feed('Leaving', 0)
    this.#wakeAt = Number.POSITIVE_INFINITY
  }

  flush() {
    this.#feed('Flush')
  }

  #committed(code) {
    this.#feed('Commit')
    return code
  }

  #feed(input, number = 0, text = '', list = []) {
    this.#queue.push([input, number, text, list])
    if (this.#queue.length > 1) return
    while (this.#queue.length) {
      const [input, number, text, list] = this.#queue[0]
      const frames = this.engine.feed(INPUTS.indexOf(input), number, text, itemsOf(list), this.now)
      for (const frame of frames.split(FRAME).slice(1)) {
        const [kind, number, text, ...list] = frame.split(ITEM).slice(0, -1)
        this.#perform(EFFECTS[kind], Number(number), text, list)
      }
      this.#queue.shift()
    }
  }

  #perform(effect, number, text, list) {
    switch (effect) {
      case 'TryLane': {
        const rows = this.#of(text)
        return this.#feed('LaneTaken', rows.size, text, this.#last(text))
      }
      case 'Elect':
      case 'Survey': {
        const tops = [...this.#rows.keys()].map((chain) => [
          `top/${chain}`,
          String(Math.max(...this.#of(chain).keys())),
        ])
        return this.#feed('Elected', number, '', [...this.#metas, ...tops].flat())
      }
      case 'Write':
        this.#write(text, list)
        return this.#feed('Written', number)
      case 'Read': {
        const [from, count] = list.map(Number)
        const lines = [...this.#of(text)].filter(([seq]) => seq >= from).sort(([a], [b]) => a - b)
        return this.#feed(
          'Read',
          number,
          '',
          lines.slice(0, count).map(([, line]) => line),
        )
      }
      case 'Deliver':
        if (this.answer !== 'o') this.#send(text, list)
        return this.#feed('Answered', number, this.answer === 'o' ? '0 o -' : `200 ${this.answer} -`)
      case 'DeliverExit':
        if (this.answer !== 'o') this.#send(text, list)
        return
      case 'Wake':
        this.#wakeAt = this.now + number
        return
      case 'Warn':
        this.warnings.push(text)
        return
      case 'HoldLane':
      case 'ReleaseLane':
      case 'Resign':
      case 'Tell':
      case 'Ready':
      case 'Flushed':
      case 'Note':
        return
    }
    throw new Error(`tests/attack/device.mjs does not know the effect ${effect}: teach it what js/driver.ts does`)
  }

  #send(meta, rows) {
    const { deployment, epoch, chain, sent_at: sentAt, age_ms: ageMs } = JSON.parse(meta)
    const { body } = endpoint.encode({ deployment, epoch, chain, rows, sentAt, ageMs })
    this.requests.push({ at: this.now, body, meta: JSON.parse(meta), rows: rows.map((row) => JSON.parse(row)) })
  }

  #of(chain) {
    return this.#rows.get(chain) ?? new Map()
  }

  #last(chain) {
    const rows = this.#of(chain)
    return rows.size ? [rows.get(Math.max(...rows.keys()))] : []
  }

  #write(text, list) {
    const [removed, first, last, count] = text.split(' ')
    const rows = 3 * Number(count)
    for (const seq of this.#of(removed).keys())
      if (seq >= Number(first) && seq <= Number(last)) this.#of(removed).delete(seq)
    for (let at = 0; at < rows; at += 3) {
      const [chain, seq, line] = list.slice(at, at + 3)
      if (!this.#rows.has(chain)) this.#rows.set(chain, new Map())
      this.#of(chain).set(Number(seq), line)
    }
    for (let at = rows; at < list.length; at += 2) this.#metas.set(list[at], list[at + 1])
  }
}

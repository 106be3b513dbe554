/**
 * The driver: carries out the engine's effects with the browser's adapters and feeds back what came of them. It
 * decides nothing; every rule is in the engine.
 *
 * The engine speaks in frames: a kind, a number, a text and a list of strings, all in one string. Kinds of inputs are
 * those of src/bindings.rs, of effects those of src/core/engine/effect.rs, marks those of src/core/frames.rs.
 */
import { openChannel } from './browser/channel.js'
import { openIdb } from './browser/idb.js'
import { chainKeys, type Keys } from './browser/keys.js'
import { type Happening, listen } from './browser/lifecycle.js'
import { hasLocks, tryLock, waitLock } from './browser/locks.js'
import { memoryStore } from './browser/memory.js'
import { type Overlay, overlay } from './browser/overlay.js'
import { countReceipts, receiptsIn } from './browser/receipts.js'
import { type Store, StoreError, unveiled, type Write } from './browser/store.js'
import type { Core, CoreClass, CoreStats, Host } from './core.js'
import type { Verdict } from './types.js'
import { within } from './within.js'

/** The engine, as src/bindings.rs exports it. */
export interface Engine {
  capture(kind: string, name: string, props: string, context: string, now: number): string
  identify(namespace: string, kind: string, canonical: string, raw: string, props: string, now: number): string
  expect(canonical: string, raw: string, now: number): string
  epochs(document: string, now: number): string
  reset(): void
  feed(kind: number, number: number, text: string, list: string, now: number): string
  stats(metas: string): string
}

/** The verifier, as src/bindings.rs exports it. */
export interface Checker {
  chain(chain: string, settled: string): void
  rows(lines: string): void
  verdict(): string
}

/** What the wasm offers. */
export interface Wasm {
  Core: { create(config: string): Engine | undefined }
  Checker: new () => Checker
}

/** Inputs, by number: `Input` in src/core/engine/effect.rs. */
export const INPUTS = [
  'Opened',
  'LaneTaken',
  'LaneBusy',
  'Commit',
  'Written',
  'Elected',
  'Read',
  'Answered',
  'Wake',
  'Flush',
  'Heard',
  'Hidden',
  'Leaving',
  'Resumed',
  'Online',
  'Hurry',
  'Close',
  'Erase',
  'Restored',
  'Key',
] as const

/** Effects, by number: `Effect` in src/core/engine/effect.rs; a batch for a leaving page has a number of its own. */
export const EFFECTS = [
  'TryLane',
  'HoldLane',
  'ReleaseLane',
  'Elect',
  'Resign',
  'Write',
  'Read',
  'Deliver',
  'DeliverExit',
  'Wake',
  'Tell',
  'Degrade',
  'Ready',
  'Flushed',
  'Warn',
  'Note',
  'Survey',
  'Restore',
] as const

/** Ends an item of a list. */
const ITEM = '\x1e'
/** Begins a frame. */
const FRAME = '\x1d'

type Input = (typeof INPUTS)[number]
type Effect = (typeof EFFECTS)[number]

/** How a page's happening is told: input, and number. */
const HAPPENINGS: Record<Happening, [Input, number?]> = {
  hidden: ['Hidden'],
  leaving: ['Leaving', 0],
  frozen: ['Leaving', 1],
  resumed: ['Resumed'],
  online: ['Online'],
}

/** Rows that are read at once to be checked or exported: few enough to keep a page responsive. */
const PAGE_ROWS = 500
const PAGE_BYTES = 1_000_000

/** How often a page that sends looks for what others have stored, in ms, where they cannot tell it. */
const LOOK_EVERY = 10_000

/** How long opening the database may take, in ms; a slow disk takes a second. */
const OPEN_LIMIT = 5000

/** How long the client waits for its key, in ms, once the store is open: making and storing one takes 2 to 10. */
const KEY_LIMIT = 200

/** A timer of more than 2^31 - 1 ms runs at once in every browser. */
const LONGEST_TIMER = 2 ** 31 - 1

/** Makes the core of the client out of the wasm. */
export const driverOf = ({ Core, Checker }: Wasm): CoreClass =>
  class implements Core {
    readonly #engine: Engine | undefined
    readonly #host: Host
    readonly #name: string
    #store: Promise<Store> | undefined
    /** The store once it is there, so that a write needs no promise to begin. */
    #open: Store | undefined
    #durable = false
    /** The store while the durable one takes nothing. */
    #overlay: Overlay | undefined
    readonly #lanes = new Map<string, Promise<(() => void) | undefined>>()
    readonly #keys: Keys | undefined
    #leave: (() => void) | undefined
    #ready: ((kind: string) => void)[] = []
    #flushed: ((code: string) => void)[] = []
    #committing = false
    #timer: ReturnType<typeof setTimeout> | undefined
    #stop: (() => void) | undefined
    #tell: ((message: string) => void) | undefined

    /** When the page began, by the clock as it is now. */
    readonly #began = Date.now() - performance.now()

    constructor(config: string, host: Host) {
      this.#engine = Core.create(config)
      this.#host = host
      this.#name = `nymtrail/${config.split(' ', 1)}`
      const { signer } = host
      this.#keys =
        signer &&
        chainKeys(
          signer,
          () => this.#open,
          (alg, pk) => this.#feed('Key', 0, alg, [pk]),
        )
    }

    start() {
      const channel = openChannel(this.#name, (message) => {
        this.#feed('Heard', 0, message)
        if (message === 'erased') this.#end()
      })
      const deaf = listen((what) => this.#feed(...HAPPENINGS[what]))
      this.#tell = channel.post
      // Where pages cannot hear each other, the one that sends looks for itself.
      const look =
        typeof BroadcastChannel === 'undefined' && setInterval(() => this.#feed('Heard', 0, 'opened'), LOOK_EVERY)
      this.#stop = () => {
        clearInterval(look || undefined)
        deaf()
        channel.close()
        clearTimeout(this.#timer)
      }
      // Made while the store opens.
      const key = this.#keys?.make()
      void this.metas()
        .catch(() => void this.#use(memoryStore(), false))
        .then(async (metas) => {
          await within(key?.(), KEY_LIMIT)
          this.#feed('Opened', +this.#durable, '', metas?.flat())
        })
      return new Promise<string>((done) => this.#ready.push(done))
    }

    capture(kind: 'track' | 'page', name: string, props: string, context: string) {
      const code = this.#engine?.capture(kind, name, props, context, this.#now())
      this.#commitSoon()
      return code ?? 'invalid_config'
    }

    identify(...[namespace, type, canonical, raw, props]: Parameters<Core['identify']>) {
      const code = this.#engine?.identify(namespace, type, canonical, raw, props, this.#now())
      this.#commitSoon()
      return code ?? 'invalid_config'
    }

    expect(canonical: string, raw: string) {
      return this.#engine?.expect(canonical, raw, Date.now()) ?? ''
    }

    epochs(document: string) {
      return this.#engine?.epochs(document, this.#now()) ?? 'invalid_config'
    }

    reset() {
      this.#engine?.reset()
      this.#commitSoon()
    }

    flush() {
      const flushed = new Promise<string>((done) => this.#flushed.push(done))
      this.#feed('Flush')
      return flushed
    }

    hurry() {
      this.#feed('Hurry')
    }

    async verify() {
      const checker = new Checker()
      await this.#readAll(
        (chain, settled) => checker.chain(chain, settled),
        (lines) => checker.rows(itemsOf(lines)),
      )
      return JSON.parse(checker.verdict()) as Verdict
    }

    async stats() {
      this.#feed('Commit')
      const store = await this.#connect()
      const metas = await store.metas()
      const parts = metas.map(async ([key, value]) => [key, value, (await lastOf(store, key)) ?? ''])
      const stats = JSON.parse(this.#engine?.stats(itemsOf((await Promise.all(parts)).flat())) ?? '{}')
      const receipts = countReceipts(receiptsIn(metas))
      return { ...stats, receipts, storage: this.#durable ? 'indexeddb' : 'memory' } as CoreStats
    }

    metas() {
      return this.#connect().then((store) => store.metas())
    }

    async continuity(forget: boolean) {
      this.#feed('Commit')
      const store = await this.#connect()
      const held = (await store.metas()).filter(([key, text]) => key.startsWith('opening/') && text)
      if (forget) await store.write({ put: held.map(([key]) => [key, '']) })
      return held.map(([, text]) => text)
    }

    async export() {
      let rows = ''
      await this.#readAll(
        () => {},
        (lines) => {
          rows += `${lines.map(unveiled).join('\n')}\n`
        },
      )
      return rows
    }

    async erase(taken: Parameters<Core['erase']>[0]) {
      this.#tell?.('erased')
      this.#feed('Erase')
      this.#letGo()
      // A client that never opened its store may have one from an earlier page.
      await (await this.#connect()).wipe(taken)
    }

    async close() {
      this.#feed('Close')
      this.#letGo()
      const store = await this.#store?.catch(() => undefined)
      // Operations take effect in order, so the last write is in once this is answered.
      await store?.last('').catch(() => undefined)
      store?.close()
    }

    #letGo() {
      this.#stop?.()
      this.#leave?.()
      for (const chain of [...this.#lanes.keys()]) this.#release(chain)
    }

    /** What another page has erased must not come back: not even a question may open the database again. */
    #end() {
      this.#letGo()
      void this.#store?.then(
        (store) => store.close(),
        () => {},
      )
      this.#host.erased()
    }

    #connect(): Promise<Store> {
      this.#store ??= openInTime(this.#name, () => this.#host.warn('storage_lost')).then((store) =>
        this.#use(store, true),
      )
      return this.#store
    }

    #use(store: Store, durable: boolean) {
      this.#open = store
      this.#store = Promise.resolve(store)
      this.#durable = durable
      return store
    }

    /** Goes on in the durable store with all that is in memory, if it takes it. */
    #restore() {
      return this.#overlay?.restore().then(
        (store) => {
          this.#use(store, true)
          this.#feed('Restored', 1)
        },
        () => this.#feed('Restored', 0),
      )
    }

    #commitSoon() {
      if (this.#committing) return
      this.#committing = true
      queueMicrotask(() => {
        this.#committing = false
        this.#feed('Commit')
      })
    }

    /** The time of day, but never less than has gone by: a clock that is set back keeps no ended epoch alive. */
    #now() {
      return Math.max(Date.now(), Math.floor(this.#began + performance.now()))
    }

    #feed(input: Input, number = 0, text = '', list: string[] = []) {
      const frames = this.#engine?.feed(INPUTS.indexOf(input), number, text, itemsOf(list), this.#now()) ?? ''
      for (const frame of frames.split(FRAME).slice(1)) {
        const [kind, number, text, ...list] = frame.split(ITEM).slice(0, -1) as [string, string, string, ...string[]]
        this.#perform(EFFECTS[+kind] as Effect, +number, text, list)
      }
    }

    #perform(effect: Effect, number: number, text: string, list: string[]) {
      switch (effect) {
        case 'TryLane':
          return this.#tryLane(text)
        case 'HoldLane':
          return this.#lanes.set(text, tryLock(`${this.#name}/lane/${text}`))
        case 'ReleaseLane':
          return this.#release(text)
        case 'Elect':
          return this.#elect(number)
        case 'Survey':
          return this.#survey(number)
        case 'Resign':
          this.#leave?.()
          this.#leave = undefined
          return
        case 'Write':
          return this.#write(text, list).then(
            () => this.#feed('Written', number),
            (error: StoreError) => this.#feed('Written', number, error.kind ?? 'other'),
          )
        case 'Read': {
          const [from, rows, bytes] = list.map(Number) as [number, number, number]
          return this.#connect()
            .then((store) => store.read(text, from, rows, bytes))
            .then(
              (lines) => this.#feed('Read', number, '', lines),
              () => this.#feed('Read', number, 'failed'),
            )
        }
        case 'Deliver':
          return this.#deliver(number, text, list)
        case 'DeliverExit':
          return this.#host.deliver(list, text, true)
        case 'Wake':
          clearTimeout(this.#timer)
          this.#timer = setTimeout(() => this.#feed('Wake'), Math.min(number, LONGEST_TIMER))
          return
        case 'Tell':
          return this.#tell?.(text)
        case 'Degrade':
          // Only a write that failed makes a page degrade, so there is a store.
          this.#overlay = overlay(this.#open as Store)
          return this.#use(this.#overlay, false)
        case 'Restore':
          return this.#restore()
        case 'Ready':
          return settle(this.#ready, this.#durable ? 'indexeddb' : 'memory')
        case 'Flushed':
          return settle(this.#flushed, text)
        case 'Warn':
          return this.#host.warn(text)
        case 'Note':
          return this.#host.note(text as Parameters<Host['note']>[0], list[0] ?? '')
      }
    }

    /** Without a promise in between: a page that goes away waits for none. */
    #write(text: string, list: string[]): Promise<void> {
      const write = readWrite(text, list)
      write.keys = this.#keys?.of(write) ?? []
      return this.#open ? this.#open.write(write) : this.#connect().then((store) => store.write(write))
    }

    async #deliver(number: number, meta: string, rows: string[]) {
      const checkpoints = this.#keys && (await this.#keys.sign(meta))
      const outcome = JSON.parse(await this.#host.deliver(rows, meta, false, checkpoints))
      const { status, events, after = '-' } = outcome
      const { code, ahead } = (await this.#keys?.take(meta, outcome)) ?? {}
      if (code) this.#host.warn(code)
      this.#feed('Answered', number, `${status} ${events} ${after}${ahead ? ' ahead' : ''}`)
    }

    /** Where there are no locks nobody can tell whether a lane is idle: then every page opens its own. */
    async #tryLane(chain: string) {
      const release = await tryLock(`${this.#name}/lane/${chain}`)
      if (!release) return this.#feed('LaneBusy')
      this.#lanes.set(chain, Promise.resolve(release))
      const [rows, line] = await this.#connect()
        .then((store) => Promise.all([store.count(chain), store.last(chain)]))
        .catch(() => [0, undefined] as const)
      this.#feed('LaneTaken', rows, chain, line === undefined ? [] : [line])
    }

    #release(chain: string) {
      void this.#lanes.get(chain)?.then((release) => release?.())
      this.#lanes.delete(chain)
    }

    #elect(term: number) {
      if (!hasLocks()) return this.#survey(term)
      this.#leave = waitLock(`${this.#name}/sender`, () => this.#survey(term))
      return
    }

    /** All metas, and where each lane ends. */
    async #survey(term: number) {
      try {
        const store = await this.#connect()
        const metas = await store.metas()
        const tops = metas.map(async ([key]) => {
          const line = await lastOf(store, key)
          return line ? [`top/${chainOf(key)}`, String(seqOf([line]))] : []
        })
        this.#feed('Elected', term, '', [...metas, ...(await Promise.all(tops))].flat())
      } catch {
        // Without a store nothing can be sent from it.
      }
    }

    /** Reads every row of every chain, in order. */
    async #readAll(begin: (chain: string, settled: string) => void, take: (lines: string[]) => void) {
      this.#feed('Commit')
      const store = await this.#connect()
      const metas = new Map(await store.metas())
      for (const key of metas.keys()) {
        const chain = chainOf(key)
        if (!chain) continue
        begin(chain, metas.get(`settled/${chain}`) ?? '')
        for (let from = 0, lines: string[]; ; from = seqOf(lines) + 1) {
          lines = await store.read(chain, from, PAGE_ROWS, PAGE_BYTES)
          if (!lines.length) break
          take(lines)
        }
      }
    }
  }

/** Opens the database, or fails: opening waits without end behind a deletion that a frozen page holds up. */
function openInTime(name: string, thrownAway: () => void): Promise<Store> {
  return new Promise((resolve, reject) => {
    let late = false
    const timer = setTimeout(() => {
      late = true
      reject(new StoreError('blocked'))
    }, OPEN_LIMIT)
    openIdb(name, thrownAway)
      .then((store) => (late ? store.close() : resolve(store)), reject)
      .finally(() => clearTimeout(timer))
  })
}

/** The chain of a lane's meta. */
const chainOf = (key: string): string | undefined => (key.startsWith('lane/') ? key.slice(5) : undefined)

const lastOf = (store: Store, key: string) => {
  const chain = chainOf(key)
  return chain && store.last(chain)
}

/** Items in one string, each with its end. */
const itemsOf = (items: string[]): string => items.map((item) => item + ITEM).join('')

const seqOf = (lines: string[]): number => JSON.parse(lines.at(-1) as string).seq

/** Calls all that wait, once. */
function settle<T>(waiting: ((value: T) => void)[], value: T) {
  for (const done of waiting.splice(0)) done(value)
}

/** A change of the store out of its frame: what is deleted and how many rows there are; the rows; the metas. */
function readWrite(text: string, list: string[]): Write {
  const [chain = '-', first, last, rows] = text.split(' ')
  const metas = 3 * Number(rows)
  const write = { add: [], put: [], remove: [], keys: [] } as {
    [K in keyof Required<Write>]: Required<Write>[K][number][]
  }
  if (chain !== '-') write.remove.push([chain, Number(first), Number(last)])
  for (let at = 0; at < metas; at += 3) {
    const [chain, seq, line] = list.slice(at, at + 3) as [string, string, string]
    write.add.push({ chain, seq: Number(seq), line })
  }
  for (let at = metas; at < list.length; at += 2) write.put.push([list[at] as string, list[at + 1] as string])
  return write
}

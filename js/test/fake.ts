/** A page and a core for tests: no wasm, no DOM, nothing that takes time. */
import { vi } from 'vitest'
import type { Core, CoreClass, CoreStats, Host } from '../core.ts'
import { type CreateTrail, createClient } from '../create.ts'
import type { Code } from '../errors.ts'
import type { Verdict } from '../types.ts'

/** Installs what the client uses of a page. `vi.unstubAllGlobals()` takes it away again. */
export function installPage({ href = 'https://shop.example/', referrer = '', navigator = {} as object } = {}) {
  const events = new EventTarget()
  vi.stubGlobal('window', globalThis)
  vi.stubGlobal('document', { referrer, baseURI: href })
  vi.stubGlobal('location', { href })
  vi.stubGlobal('navigator', { sendBeacon: vi.fn(() => true), onLine: true, ...navigator })
  vi.stubGlobal('addEventListener', events.addEventListener.bind(events))
  vi.stubGlobal('removeEventListener', events.removeEventListener.bind(events))
  vi.stubGlobal(
    'fetch',
    vi.fn(async () => new Response('', { status: 200 })),
  )
  return { leave: () => events.dispatchEvent(new Event('pagehide')) }
}

/** Forgets the clients of the page before. */
export const forgetPage = () => Reflect.deleteProperty(globalThis, Symbol.for('nymtrail/1'))

/** The console, silent and recorded. */
export function recordConsole() {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const info = vi.spyOn(console, 'info').mockImplementation(() => {})
  const codes = (spy: typeof warn) => spy.mock.calls.map(([line]) => /^\[nymtrail\] (\w+): ./.exec(String(line))?.[1])
  return { warn, info, warnings: () => codes(warn), infos: () => info.mock.calls.map(([line]) => String(line)) }
}

/** What a {@link FakeCore} does. */
export interface Script {
  /** `start()` resolves with it; default `indexeddb`. */
  start?: Promise<string>
  /** Methods that trap, as a panic in wasm does; `all` for every one. */
  trap?: string[] | 'all'
  /** Answers of methods that answer with a code. */
  answers?: Record<string, string>
  flush?: Promise<string>
  erase?: Promise<void>
}

/** Records its calls and keeps counts as the real one does. */
export class FakeCore implements Core {
  readonly calls: unknown[][] = []
  readonly config: string
  readonly host: Host
  private readonly script: Script
  private captured = 0

  constructor(config: string, host: Host, script: Script = {}) {
    this.config = config
    this.host = host
    this.script = script
    this.log('new')
  }

  private log(method: string, ...values: unknown[]): string {
    this.calls.push([method, ...values])
    const { trap = [], answers = {} } = this.script
    if (trap === 'all' || trap.includes(method)) throw new WebAssembly.RuntimeError('unreachable')
    return answers[method] ?? ''
  }

  /** Names of the methods called, in order; for events, their name. */
  get order(): unknown[] {
    return this.calls.map(([method, ...values]) =>
      method === 'capture' ? values[1] : method === 'identify' ? values[2] : method,
    )
  }

  start() {
    this.log('start')
    return this.script.start ?? Promise.resolve('indexeddb')
  }
  capture(...values: string[]) {
    const code = this.log('capture', ...values)
    if (!code) this.captured++
    return code
  }
  identify(...values: string[]) {
    const code = this.log('identify', ...values)
    if (!code) this.captured++
    return code
  }
  expect(canonical: string, raw: string) {
    return this.log('expect', canonical, raw)
  }
  epochs(document: string) {
    return this.log('epochs', document)
  }
  reset() {
    this.log('reset')
  }
  async flush() {
    const code = this.log('flush')
    return this.script.flush ?? code
  }
  async verify(): Promise<Verdict> {
    this.log('verify')
    return { verdict: 'holds', level: 'chained', chains: [] }
  }
  async stats(): Promise<CoreStats> {
    this.log('stats')
    const stored = this.captured
    return {
      captured: stored + 1,
      stored,
      waiting: 0,
      sent: 0,
      acknowledged: 0,
      pending: stored,
      dropped: { quota: 1 },
      rejected: { invalid_properties: 2 },
      storage: 'indexeddb',
      lanes: 1,
      pseudonym_failures: 0,
      receipts: { kept: 0, signed: 0, contradicted: 0 },
    }
  }
  async metas() {
    return []
  }
  async export() {
    this.log('export')
    return '{"chain":"c","seq":0,"t":1,"link":"c"}\n{"chain":"c","seq":1,"t":2,"link":"d","body":"{}","salt":"00"}\n'
  }
  async continuity(forget: boolean) {
    this.log('continuity', forget)
    return ['{"v":1}']
  }
  async erase() {
    this.log('erase')
    return this.script.erase
  }
  hurry() {
    this.log('hurry')
  }
  async close() {
    this.log('close')
  }
}

/** An entry whose cores can be watched: `cores` are those made so far, `load` can be made to fail or wait. */
export function makeEntry(script: Script = {}) {
  const cores: FakeCore[] = []
  class Scripted extends FakeCore {
    constructor(config: string, host: Host) {
      super(config, host, script)
      cores.push(this)
    }
  }
  const load = vi.fn(async (): Promise<CoreClass | Code> => Scripted)
  const createTrail: CreateTrail = createClient(load)
  return { createTrail, load, cores, core: () => cores.at(-1) as FakeCore }
}

/** Lets everything that is due happen. */
export const settle = () => new Promise((done) => setImmediate(done))

/** A promise and what settles it. */
export function gate<T>() {
  let open!: (value: T) => void
  const promise = new Promise<T>((done) => {
    open = done
  })
  return { promise, open }
}

/** Whether counts add up as documented. */
export function addsUp(stats: {
  captured: number
  stored: number
  waiting: number
  acknowledged: number
  pending: number
  dropped: Record<string, number>
}): boolean {
  const { poison = 0, too_large = 0, ...before } = stats.dropped
  const early = Object.values(before).reduce((sum, count) => sum + count, 0)
  return (
    stats.captured === stats.stored + stats.waiting + early + too_large &&
    stats.stored === stats.acknowledged + stats.pending + poison
  )
}

import type { Row } from '../types.js'
import { type Installed, replace } from './install.js'

/** Why a write fails: the disk is full, it cannot be written to, or the browser takes the connection away. */
export type StoreFault = 'quota' | 'unreadable' | 'closed'

/** A storage that fails when it is told to, in the place of `indexedDB`. */
export interface FakeStore extends Installed {
  /** Deployments of which something is, or was, stored. None: nothing has been touched. */
  readonly deployments: readonly string[]
  /** Rows stored for all deployments, by chain and position. */
  readonly rows: readonly Row[]
  /** Whether storage is switched off, as in some private windows. */
  disabled: boolean
  /**
   * Lets the next writes fail, one each; then it goes on as before. `ok` for one that does not. What is written of keys
   * alone does not count.
   */
  next(...faults: (StoreFault | 'ok')[]): void
  /** Lets every write fail with this, or none. */
  always(fault: StoreFault | 'ok'): void
}

/** The names of the exceptions by which a browser says it. */
const ERRORS: Record<StoreFault, string> = {
  quota: 'QuotaExceededError',
  unreadable: 'NotReadableError',
  closed: 'AbortError',
}

type Key = string | [chain: string, seq: number]
type Range = { lower: Key; upper: Key }
type Table = Map<string, { key: Key; value: string }>
type Fault = () => StoreFault | 'ok'
interface Database {
  tables: Map<string, Table>
  connections: Set<Connection>
}
/** A request of which someone waits for an event. */
type Handlers = Partial<Record<'onupgradeneeded' | 'onsuccess' | 'onerror' | 'onblocked', (event: object) => void>>
type Connection = { onclose?: () => void; onversionchange?: (event: { newVersion: null }) => void }

/**
 * Puts a storage in memory in the place of `indexedDB` that fails as it is told, until `remove()`: as much of IndexedDB
 * as the client uses, and no more. What is stored outlives a client, as it does a page, so a second one goes on with it.
 *
 * @example
 * ```ts
 * const store = fakeStore()
 * store.always('quota')
 * trail.track('checkout')
 * expect((await trail.stats()).storage).toBe('memory')
 * store.remove()
 * ```
 */
export function fakeStore(): FakeStore {
  const databases = new Map<string, Database>()
  const faults: (StoreFault | 'ok')[] = []
  let always: StoreFault | 'ok' = 'ok'
  let disabled = false

  /** Answers a request to open or delete: later, as what is asked for is set up after asking. */
  function answer(work: (request: Handlers & { result?: unknown; error?: unknown }) => void) {
    const request: Handlers & { result?: unknown; error?: unknown } = {}
    queueMicrotask(() => {
      if (!disabled) return work(request)
      request.error = new DOMException('', 'SecurityError')
      request.onerror?.({ preventDefault() {} })
    })
    return request
  }

  const indexedDB = {
    open: (name: string) =>
      answer((request) => {
        const known = databases.get(name)
        const database = known ?? { tables: new Map(), connections: new Set() }
        databases.set(name, database)
        request.result = connect(database, () => faults.shift() ?? always)
        if (!known) request.onupgradeneeded?.({})
        request.onsuccess?.({})
      }),
    deleteDatabase: (name: string) =>
      answer((request) => {
        const { connections } = databases.get(name) ?? { connections: new Set<Connection>() }
        for (const each of [...connections]) each.onversionchange?.({ newVersion: null })
        if (connections.size) return request.onblocked?.({})
        databases.delete(name)
        request.onsuccess?.({})
      }),
  }
  const bound = (lower: Key, upper: Key): Range => ({ lower, upper })
  const remove = replace(globalThis, { indexedDB, IDBKeyRange: { bound } })

  return {
    get deployments() {
      return [...databases.keys()].map((name) => name.replace('nymtrail/', ''))
    },
    get rows() {
      const tables = [...databases.values()].map(({ tables }) => tables.get('rows') ?? new Map())
      return tables.flatMap((table) => sorted(table).map(({ value }) => JSON.parse(value) as Row))
    },
    get disabled() {
      return disabled
    },
    set disabled(next) {
      disabled = next
    },
    next: (...more) => void faults.push(...more),
    always(fault) {
      always = fault
    },
    remove,
  }
}

/** A connection: an `IDBDatabase`. */
function connect({ tables, connections }: Database, fault: Fault) {
  const connection: Connection & Record<string, unknown> = {
    createObjectStore: (name: string) => tables.set(name, new Map()),
    objectStoreNames: { contains: (name: string) => tables.has(name) },
    close: () => connections.delete(connection),
    transaction(_: string[], mode: string) {
      if (!connections.has(connection)) throw new DOMException('', 'InvalidStateError')
      return begin(tables, mode === 'readwrite' ? fault : () => 'ok')
    },
  }
  connections.add(connection)
  return connection
}

let ends = Promise.resolve()

/**
 * Tells the end of a transaction, and gives whoever waits for it time to go on before the next end is told, as in a
 * browser, where each is a task of its own. Not by a timer: those may be fakes, too.
 */
function atEnd(tell: () => void) {
  ends = ends.then(async () => {
    tell()
    for (let turn = 0; turn < 20; turn++) await undefined
  })
}

/**
 * A transaction: an `IDBTransaction`. Requests take effect at once, and are undone if one of them fails; only the end is
 * told later, in the order of the transactions.
 */
function begin(tables: Map<string, Table>, fault: Fault) {
  const before = new Map([...tables].map(([name, table]) => [name, new Map(table)]))
  const tx: { error?: unknown; onerror?: (event: object) => void; onabort?: () => void; oncomplete?: () => void } = {}
  let failed: { error: DOMException } | undefined
  const abort = (name: string) => {
    if (failed) return
    failed = { error: new DOMException('', name) }
    for (const [name, table] of before) tables.set(name, table)
  }
  let struck = false
  /** The first request for anything but keys decides. */
  const strike = (name: string) => {
    if (struck || name === 'keys') return
    struck = true
    const kind = fault()
    if (kind !== 'ok') abort(ERRORS[kind])
  }
  atEnd(() => {
    if (!failed) return tx.oncomplete?.()
    tx.error = failed.error
    tx.onerror?.({ target: failed })
    tx.onabort?.()
  })
  return Object.assign(tx, {
    commit() {},
    // Nobody ends a script halfway here, which is all that the client wants to hear of between a request and the end.
    addEventListener() {},
    abort: () => abort('AbortError'),
    objectStore(name: string) {
      const asked = () => strike(name)
      const ask = <T>(work: (table: Table) => T) => ({ result: failed ? undefined : work(tables.get(name) as Table) })
      const put = (value: string, key: Key) => ask((table) => table.set(JSON.stringify(key), { key, value }))
      const find = (range?: Range) => ask((table) => sorted(table, range)).result ?? []
      return {
        put(value: string, key: Key) {
          asked()
          return put(value, key)
        },
        add(value: string, key: Key) {
          asked()
          if (tables.get(name)?.has(JSON.stringify(key))) abort('ConstraintError')
          return put(value, key)
        },
        delete(range: Range | string) {
          asked()
          if (typeof range === 'string') return ask((table) => void table.delete(JSON.stringify(range)))
          return ask((table) => find(range).forEach(({ key }) => void table.delete(JSON.stringify(key))))
        },
        clear() {
          asked()
          ask((table) => table.clear())
        },
        get: (key: string) => ask((table) => table.get(JSON.stringify(key))?.value),
        count: (range: Range) => ({ result: find(range).length }),
        getAll: (range?: Range, count = Infinity) => ({
          result: find(range)
            .slice(0, count)
            .map(({ value }) => value),
        }),
        getAllKeys: () => ({ result: find().map(({ key }) => key) }),
        openCursor: (range: Range, _: 'prev') => ({ result: find(range).at(-1) ?? null }),
      }
    },
  })
}

/** What is in a table, or in a range of it, by key. */
const sorted = (table: Table, range?: Range) =>
  [...table.values()]
    .filter(({ key }) => !range || (compare(range.lower, key) <= 0 && compare(key, range.upper) <= 0))
    .sort((a, b) => compare(a.key, b.key))

function compare(a: Key, b: Key): number {
  const [first, second] = [a, b].map((key) => (typeof key === 'string' ? ([key, 0] as const) : key)) as [
    readonly [string, number],
    readonly [string, number],
  ]
  return first[0] < second[0] ? -1 : first[0] > second[0] ? 1 : first[1] - second[1]
}

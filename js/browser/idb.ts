/**
 * A store in IndexedDB.
 *
 * - A write is blind, relaxed and committed in the task that asked for it. Written after a read, or with strict
 *   durability, events tracked just before a page goes away are lost.
 * - An operation settles on its transaction's `complete` or `abort` and on nothing else: a full disk shows only there.
 * - A connection that another page wants closed is closed at once; the next operation opens a new one.
 *
 * Three object stores: `rows`, from `[chain, seq]` to a line, `metas`, from a key to a value, and `keys`, from a chain to
 * the key that signs it.
 */
import { fitting, type Metas, type Store, StoreError, type StoreFailure, type Write } from './store.js'

const VERSION = 2
const STORES = ['rows', 'metas', 'keys']

/** By the name of a DOMException. Its code is legacy and its message for people. */
const KINDS: Record<string, StoreFailure> = {
  AbortError: 'closed', // the browser tore the connection down; where we abort there is no error at all
  ConstraintError: 'collision',
  InvalidStateError: 'closed',
  NotAllowedError: 'disabled',
  NotFoundError: 'corrupt', // an object store is missing
  NotReadableError: 'corrupt',
  QuotaExceededError: 'quota',
  SecurityError: 'disabled',
  VersionError: 'newer',
}

const kindOf = (error: unknown): StoreFailure => KINDS[(error as DOMException | null)?.name ?? ''] ?? 'other'

/** What the transaction's `issue` asked for, once it is complete. `failed`: it completed although a request failed. */
type Outcome<T> = (failed?: StoreFailure) => T | Promise<T>
type Issue<T> = (tx: IDBTransaction, rows: IDBObjectStore, metas: IDBObjectStore, signers: IDBObjectStore) => Outcome<T>

/**
 * Opens the database `name`, creating it if there is none.
 * Rejects with `disabled` where there is no IndexedDB, `newer` after an upgrade, `corrupt` when it is not ours.
 * `thrownAway` is called if it is new because the browser found the old one damaged; only Chromium says so.
 */
export async function openIdb(name: string, thrownAway?: () => void): Promise<Store> {
  let database: IDBDatabase | undefined
  let opening: Promise<IDBDatabase> | undefined
  let wiped = false
  /** Whether there was a connection before this one. */
  let reopened = false
  /** Someone deleted the database, and the rows that the next ones follow with it. */
  let lost = false

  function disconnect(): void {
    database?.close()
    database = undefined
  }

  async function connect(): Promise<IDBDatabase> {
    try {
      database = await answer(
        () => indexedDB.open(name, VERSION),
        (dataLoss) => {
          lost = reopened
          if (dataLoss === 'total') thrownAway?.()
        },
      )
      reopened = true
      database.onclose = disconnect
      database.onversionchange = ({ newVersion }) => {
        lost ||= newVersion === null
        disconnect()
      }
      return database
    } finally {
      opening = undefined
    }
  }

  /** Runs one transaction: at once on an open connection, else on a new one, after what was called before it. */
  function transact<T>(mode: IDBTransactionMode, issue: Issue<T>): Promise<T> {
    if (wiped) return Promise.reject(new StoreError('closed'))
    if (database)
      try {
        return begin(database, mode, issue)
      } catch {
        // Lost without a word, as happens in Safari. Nothing has begun, so trying again, once, is safe.
        disconnect()
      }
    opening ??= connect()
    return opening.then((opened) => begin(opened, mode, issue))
  }

  const write = ({ add = [], put = [], remove = [], keys = [] }: Write): Promise<void> =>
    transact('readwrite', (tx, rows, metas, signers) => {
      if (lost && add.length) {
        // No row of a chain may be stored without those before it, nor a new one before its owner knows of the loss.
        lost = false
        tx.commit()
        return async () => {
          throw new StoreError('collision')
        }
      }
      for (const [key, value] of put) metas.put(value, key)
      for (const [chain, key] of keys) key ? signers.put(key, chain) : signers.delete(chain)
      for (const [chain, first, last] of remove) if (first <= last) rows.delete(span(chain, first, last))
      // The first row goes last: it is the one to collide when another page has gone on with the chain, and Firefox
      // completes a transaction that was committed before one of its requests failed, unless that was the last one.
      const added = [...add].reverse().map((row) => [row, rows.add(row.line, [row.chain, row.seq])] as const)
      tx.commit()
      return async (failed) => {
        if (!failed) return
        const kept = added.filter(([, { error }]) => !error).map(([{ chain, seq }]) => [chain, seq, seq] as const)
        await write({ remove: kept }).catch(() => {})
        throw new StoreError(failed)
      }
    })

  const store: Store = {
    write,
    read: (chain, from, count, bytes) =>
      transact('readonly', (_, rows) => {
        // To getAll() a count of 0 means no limit.
        const found = count > 0 ? rows.getAll(span(chain, from), Math.min(count, 2 ** 32 - 1)) : { result: [] }
        return () => fitting(found.result, bytes)
      }),
    count: (chain) =>
      transact('readonly', (_, rows) => {
        const counted = rows.count(span(chain, 0))
        return () => counted.result
      }),
    last: (chain) =>
      transact('readonly', (_, rows) => {
        const found = rows.openCursor(span(chain, 0), 'prev')
        return () => found.result?.value
      }),
    metas: () => transact('readonly', (_, __, metas) => allOf(metas)),
    key: (chain) =>
      transact('readonly', (_, __, ___, signers) => {
        const found = signers.get(chain)
        return () => found.result
      }),
    async wipe(taken) {
      const cleared = transact('readwrite', (tx, ...stores) => {
        const found = allOf(stores[1])
        for (const store of stores) store.clear()
        tx.commit()
        return found
      })
      if (wiped) return void (await cleared)
      wiped = true
      // Whatever became of the content, the database goes. If a frozen page keeps it, at least the content is gone.
      const found = await cleared.catch((): Metas => [])
      taken?.(found)
      disconnect()
      await answer(() => indexedDB.deleteDatabase(name))
    },
    close: disconnect,
  }
  // Connects, and shows that the object stores are there.
  await store.last('')
  return store
}

/** Throws, before anything has begun, when the connection is of no use. */
function begin<T>(database: IDBDatabase, mode: IDBTransactionMode, issue: Issue<T>): Promise<T> {
  let tx: IDBTransaction
  try {
    tx = database.transaction(STORES, mode, { durability: 'relaxed' })
  } catch (error) {
    throw new StoreError(kindOf(error))
  }
  return new Promise((resolve, reject) => {
    let failed: StoreFailure | undefined
    let outcome: Outcome<T> | undefined
    tx.onerror = ({ target }) => {
      // Safari and Firefox do not tell the transaction which request it was. Those that fail because the transaction
      // has been aborted are not the reason for that.
      const kind = kindOf((target as IDBRequest).error)
      if (kind !== 'closed') failed ??= kind
    }
    // A browser may end a script halfway, past every `catch`: Firefox does when it closes a site's last tab in a process.
    // What was asked until then would be stored, a chain without its beginning; the first answer comes before that.
    const whole = () => {
      if (outcome) return
      tx.onabort = null // nobody ever got this promise
      tx.abort()
    }
    tx.addEventListener('success', whole, { capture: true, once: true })
    tx.oncomplete = () => outcome && resolve(outcome(failed))
    tx.onabort = () => reject(new StoreError(failed ?? kindOf(tx.error)))
    try {
      outcome = issue(tx, tx.objectStore('rows'), tx.objectStore('metas'), tx.objectStore('keys'))
    } catch {
      tx.abort() // what could not even be asked leaves nothing
    }
  })
}

/** The answer to an `open` or a `deleteDatabase`. `created`: there was no such database; with Chromium's word for why. */
function answer(ask: () => IDBOpenDBRequest, created?: (dataLoss?: string) => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const fail = (kind: StoreFailure) => reject(new StoreError(kind))
    try {
      const request = ask()
      request.onupgradeneeded = (event) => {
        created?.((event as { dataLoss?: string }).dataLoss)
        const { objectStoreNames: there } = request.result
        for (const store of STORES) if (!there.contains(store)) request.result.createObjectStore(store)
      }
      request.onsuccess = () => resolve(request.result)
      request.onerror = (event) => {
        // Older versions of Firefox report an unhandled one to `window.onerror`, where it would be the page's error.
        event.preventDefault()
        const kind = kindOf(request.error)
        // Here it is how Firefox says that storage is switched off.
        fail(kind === 'closed' ? 'disabled' : kind)
      }
      request.onblocked = () => fail('blocked')
    } catch {
      // `indexedDB` is undefined, or its getter or its methods throw.
      fail('disabled')
    }
  })
}

/** Asks for all there is of metas. */
function allOf(metas: IDBObjectStore): () => Metas {
  const [keys, values] = [metas.getAllKeys(), metas.getAll()]
  return () => keys.result.map((key, at) => [key as string, values.result[at]])
}

const span = (chain: string, first: number, last = Infinity): IDBKeyRange =>
  IDBKeyRange.bound([chain, first], [chain, last])

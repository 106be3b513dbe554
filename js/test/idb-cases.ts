/** What only a browser can do to a store. */
import { openIdb } from '../browser/idb.ts'
import type { Store } from '../browser/store.ts'
import { type Cases, equal, fails, fresh, pause, shadowing, until } from './check.ts'
import { all, lines, range, row, rows, someKey } from './store-conformance.ts'

/** Opens a database by hand; resolves to the connection, to `blocked`, or to nothing where it would be new. */
function openByHand(name: string, version?: number, create = true): Promise<IDBDatabase | 'blocked' | undefined> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version)
    request.onupgradeneeded = () => {
      if (create) return
      request.transaction?.abort()
      resolve(undefined)
    }
    request.onsuccess = () => resolve(request.result)
    request.onblocked = () => resolve('blocked')
    request.onerror = (event) => {
      event.preventDefault()
      reject(request.error)
    }
  })
}

/** Opens it at a version, as another release of this code would, and closes it again. */
async function upgrade(name: string, version = 3): Promise<void> {
  const database = await openByHand(name, version)
  if (typeof database !== 'object') throw new Error('an open store keeps a newer release from upgrading')
  database.close()
}

/** Whether there is a database of that name. Leaves nothing behind. */
async function exists(name: string): Promise<boolean> {
  const database = await openByHand(name, undefined, false)
  if (typeof database === 'object') database.close()
  return !!database
}

/** Deletes the database, unless an open connection is in the way. */
const remove = (name: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name)
    request.onsuccess = () => resolve('deleted')
    request.onblocked = () => resolve('blocked')
    request.onerror = () => reject(request.error)
  })

/** Throws at whoever reads the property, as a sandbox does. */
const refuse = (): never => {
  throw new DOMException('no', 'SecurityError')
}

export const idbCases: Cases = {
  async 'what was stored is there when it is opened again'() {
    const name = fresh('reopened')
    const store = await openIdb(name)
    await store.write({ add: rows('a', [0, 1]), put: [['n', '1']] })
    store.close()
    const again = await openIdb(name)
    equal(await all(again, 'a'), lines('a', [0, 1]))
    equal(await again.metas(), [['n', '1']])
  },

  async 'two databases have nothing in common'() {
    const [one, two] = [await openIdb(fresh('one')), await openIdb(fresh('two'))]
    await one.write({ add: rows('a', [0]) })
    await two.write({ add: rows('a', [0]) })
    equal(await all(one, 'a'), lines('a', [0]))
  },

  async 'the object stores are laid out as documented'() {
    const name = fresh('layout')
    const store = await openIdb(name)
    await store.write({ add: rows('a', [7]), put: [['n', '1']] })
    const database = (await openByHand(name, 2)) as IDBDatabase
    const tx = database.transaction(['rows', 'metas', 'keys'])
    const found = ['rows', 'metas', 'keys'].map((name) => [
      tx.objectStore(name).getAllKeys(),
      tx.objectStore(name).getAll(),
    ])
    await new Promise((resolve) => {
      tx.oncomplete = resolve
    })
    database.close()
    equal(
      found.map((requests) => requests.map(({ result }) => result)),
      [
        [[['a', 7]], ['line 7 of a']],
        [['n'], ['1']],
        [[], []],
      ],
    )
  },

  async 'a write is relaxed and committed before the call returns'() {
    const store = await openIdb(fresh('blind'))
    const committed: string[] = []
    const noting = (original: () => void) => ({
      value(this: IDBTransaction) {
        committed.push(`${this.mode} ${this.durability}`)
        original.call(this)
      },
    })
    await shadowing(IDBTransaction.prototype, 'commit', noting, async () => {
      const written = store.write({ add: rows('a', [0]), put: [['n', '1']], remove: [['b', 0, 9]] })
      equal(committed, ['readwrite relaxed'])
      await written
    })
  },

  async 'a write never reads'() {
    const store = await openIdb(fresh('never reads'))
    const written: Promise<void>[] = []
    const work = ['get', 'getKey', 'getAll', 'getAllKeys', 'count', 'openCursor', 'openKeyCursor'].reduce(
      (inner, read) => () => shadowing(IDBObjectStore.prototype, read, { value: refuse }, inner),
      async () => {
        written.push(store.write({ add: rows('a', [0]), put: [['n', '1']], remove: [['b', 0, 9]] }))
        await written[0]
        await fails(store.last('a'), 'other', 'the trap for reads works:')
      },
    )
    await work()
    equal(await all(store, 'a'), lines('a', [0]))
  },

  async 'a database deleted under an open store is opened anew'() {
    const name = fresh('deleted')
    const store = await openIdb(name)
    await store.write({ add: rows('a', [0, 1]) })
    equal(await remove(name), 'deleted', 'the store must let go of it at once:')
    await store.write({ put: [['n', '1']] })
    // A chain cannot go on without its beginning; whoever writes it is told so, once.
    await fails(store.write({ add: rows('a', [2]), put: [['n', '2']] }), 'collision')
    equal(await all(store, 'a'), [])
    equal(await store.metas(), [['n', '1']])
    await store.write({ add: rows('b', [0]) })
    equal(await all(store, 'b'), lines('b', [0]))
  },

  async 'a database deleted under two stores: both are told, and neither loses what it writes then'() {
    const name = fresh('deleted under two')
    const [one, two] = [await openIdb(name), await openIdb(name)]
    equal(await remove(name), 'deleted')
    for (const store of [one, two]) await fails(store.write({ add: rows('a', [2]) }), 'collision')
    await one.write({ add: rows('b', [0]) })
    await two.write({ add: rows('c', [0]) })
    equal([await all(one, 'c'), await all(two, 'b')], [lines('c', [0]), lines('b', [0])])
  },

  async 'what is under way when the database is deleted still settles'() {
    const name = fresh('deleted under way')
    const store = await openIdb(name)
    const written = range(0, 20).map((seq) => store.write({ add: rows('a', [seq]) }))
    const removed = remove(name)
    await Promise.all(written)
    await removed
  },

  async 'a connection that the browser closed is opened anew'() {
    const store = await openIdb(fresh('closed'))
    let connection: IDBDatabase | undefined
    const grabbing = (original: (...given: unknown[]) => unknown) => ({
      value(this: IDBDatabase, ...given: unknown[]) {
        connection = this
        return original.apply(this, given)
      },
    })
    await shadowing(IDBDatabase.prototype, 'transaction', grabbing, () => store.write({ add: rows('a', [0]) }))
    const first = connection
    first?.onclose?.(new Event('close'))
    await shadowing(IDBDatabase.prototype, 'transaction', grabbing, () => store.write({ add: rows('a', [1]) }))
    equal([first === undefined, connection === first], [false, false])
    equal(await all(store, 'a'), lines('a', [0, 1]))
  },

  async 'operations wait in order while the store is opened anew'() {
    const store = await openIdb(fresh('in order'))
    store.close()
    const answers = await Promise.all([
      store.write({ add: rows('a', [0]) }),
      all(store, 'a'),
      store.write({ add: rows('a', [1]) }),
      all(store, 'a'),
      store.write({ remove: [['a', 0, 0]] }),
      store.last('a'),
    ])
    const [zero, one] = lines('a', [0, 1])
    equal([answers[1], answers[3], answers[5]], [[zero], [zero, one], one])
  },

  async 'a store that was closed opens once for all that is asked'() {
    const store = await openIdb(fresh('once'))
    store.close()
    let opened = 0
    const counting = (original: (...given: unknown[]) => unknown) => ({
      value(this: IDBFactory, ...given: unknown[]) {
        opened++
        return original.apply(this, given)
      },
    })
    await shadowing(IDBFactory.prototype, 'open', counting, async () => {
      await Promise.all(range(0, 5).map((seq) => store.write({ add: rows('a', [seq]) })))
      await store.last('a')
    })
    equal(opened, 1)
  },

  async 'a close lets what is under way finish'() {
    const name = fresh('closing')
    const store = await openIdb(name)
    const written = range(0, 20).map((seq) => store.write({ add: rows('a', [seq]) }))
    store.close()
    await Promise.all(written)
    equal(await remove(name), 'deleted', 'and then nothing is open:')
  },

  async 'a connection lost without a word is opened anew once'() {
    const store = await openIdb(fresh('lost'))
    await store.write({ add: rows('a', [0]) })
    let begun = 0
    const losing = (times: number) => (original: (...given: unknown[]) => unknown) => ({
      value(this: IDBDatabase, ...given: unknown[]) {
        if (begun++ < times) throw new DOMException('gone', 'InvalidStateError')
        return original.apply(this, given)
      },
    })
    await shadowing(IDBDatabase.prototype, 'transaction', losing(1), () => store.write({ add: rows('a', [1]) }))
    equal(begun, 2)
    begun = 0
    await shadowing(IDBDatabase.prototype, 'transaction', losing(99), async () => {
      await fails(store.write({ add: rows('a', [2]) }), 'closed')
      equal(begun, 2, 'it was tried again once and no more:')
      await fails(all(store, 'a'), 'closed')
    })
    await store.write({ add: rows('a', [2]) })
    equal(await all(store, 'a'), lines('a', [0, 1, 2]))
  },

  async 'a newer release may upgrade at once and the store stays out of it'() {
    const name = fresh('upgraded')
    const store = await openIdb(name)
    await store.write({ add: rows('a', [0]) })
    await upgrade(name)
    await fails(store.write({ add: rows('a', [1]) }), 'newer')
    await fails(openIdb(name), 'newer')
    await store.wipe()
    equal(await exists(name), false, 'a wipe deletes it all the same:')
  },

  async 'a failure to open is marked as handled'() {
    const name = fresh('handled')
    await upgrade(name)
    // fake-indexeddb has a name of its own for it.
    const events: (Event & { canceled?: boolean })[] = []
    const listening = (original: (...given: unknown[]) => unknown) => ({
      value(this: IDBFactory, ...given: unknown[]) {
        const request = original.apply(this, given) as IDBOpenDBRequest
        request.addEventListener('error', (event) => events.push(event))
        return request
      },
    })
    await shadowing(IDBFactory.prototype, 'open', listening, () => fails(openIdb(name), 'newer'))
    equal(
      events.map((event) => event.defaultPrevented || event.canceled),
      [true],
    )
  },

  async 'a database of the first layout gets the object store that it lacks'() {
    const name = fresh('first layout')
    const database = await new Promise<IDBDatabase>((resolve) => {
      const request = indexedDB.open(name, 1)
      request.onupgradeneeded = () => {
        for (const store of ['rows', 'metas']) request.result.createObjectStore(store)
        request.transaction?.objectStore('rows').add('line 0 of a', ['a', 0])
      }
      request.onsuccess = () => resolve(request.result)
    })
    database.close()
    const store = await openIdb(name)
    await store.write({ add: rows('a', [1]), keys: [['a', await someKey()]] })
    equal([await all(store, 'a'), (await store.key('a'))?.alg], [lines('a', [0, 1]), 'ES256'])
  },

  async 'a database that the browser has thrown away is said to be, and is empty'() {
    const name = fresh('thrown away')
    const told: string[] = []
    // What Chromium puts into the event.
    const saying = (dataLoss: string) => (original: (...given: unknown[]) => unknown) => ({
      value(this: IDBFactory, ...given: unknown[]) {
        const request = original.apply(this, given) as IDBOpenDBRequest
        request.addEventListener('upgradeneeded', (event) =>
          Object.defineProperty(event, 'dataLoss', { value: dataLoss }),
        )
        return request
      },
    })
    for (const dataLoss of ['none', 'total']) {
      await shadowing(IDBFactory.prototype, 'open', saying(dataLoss), async () => {
        const store = await openIdb(`${name} ${dataLoss}`, () => told.push(dataLoss))
        await store.write({ add: rows('a', [0]) })
        equal(await all(store, 'a'), lines('a', [0]))
      })
      await openIdb(`${name} ${dataLoss}`, () => told.push('again'))
    }
    equal(told, ['total'])
  },

  async 'a database without our object stores is corrupt'() {
    const name = fresh('foreign')
    await upgrade(name, 2)
    await fails(openIdb(name), 'corrupt')
  },

  async 'without IndexedDB the store is disabled'() {
    const name = fresh('missing')
    const store = await openIdb(name)
    const invalid = () => {
      throw new DOMException('no', 'InvalidStateError')
    }
    for (const descriptor of [
      { value: undefined },
      { value: null },
      { get: refuse },
      { value: { open: refuse } },
      { value: { open: invalid } },
    ])
      await shadowing(globalThis, 'indexedDB', descriptor, () => fails(openIdb(name), 'disabled'))
    // Nor does a store that loses it later break.
    await store.write({ add: rows('a', [0]) })
    store.close()
    await shadowing(globalThis, 'indexedDB', { value: undefined }, async () => {
      await fails(store.write({ add: rows('a', [1]) }), 'disabled')
      await fails(all(store, 'a'), 'disabled')
    })
    await store.write({ add: rows('a', [1]) })
    await shadowing(globalThis, 'indexedDB', { get: refuse }, () => fails(store.wipe(), 'disabled'))
    equal(await (await openIdb(name)).read('a', 0, 9, 99), [], 'the content is gone even so:')
  },

  async 'the reason of an abort is read from the transaction'() {
    const store = await openIdb(fresh('quota'))
    // A full disk shows in the transaction alone: no request fails, and the commit is what is refused.
    for (const [name, kind] of [
      ['QuotaExceededError', 'quota'],
      ['AbortError', 'closed'],
      ['NotReadableError', 'corrupt'],
      ['UnknownError', 'other'],
      ['', 'other'],
    ] as const) {
      const refused = {
        value(this: IDBTransaction) {
          const error = name ? new DOMException('full', name) : null
          Object.defineProperty(this, 'error', { get: () => error, set() {} })
          this.abort()
        },
      }
      await shadowing(IDBTransaction.prototype, 'commit', refused, () =>
        fails(store.write({ add: rows('a', [0]), put: [['n', '1']] }), kind, name),
      )
    }
    equal(await all(store, 'a'), [])
    equal(await store.metas(), [])
  },

  async 'success is not reported before the transaction is complete'() {
    const store = await openIdb(fresh('complete'))
    // The request succeeds; the transaction is aborted after that.
    const aborting = (original: (...given: unknown[]) => unknown) => ({
      value(this: IDBObjectStore, ...given: unknown[]) {
        const request = original.apply(this, given) as IDBRequest
        request.addEventListener('success', () => request.transaction?.abort())
        return request
      },
    })
    await shadowing(IDBTransaction.prototype, 'commit', { value() {} }, () =>
      shadowing(IDBObjectStore.prototype, 'add', aborting, () => fails(store.write({ add: rows('a', [0]) }), 'other')),
    )
    equal(await all(store, 'a'), [])
  },

  async 'what cannot even be asked leaves nothing'() {
    const store = await openIdb(fresh('refused'))
    await shadowing(IDBObjectStore.prototype, 'add', { value: refuse }, () =>
      fails(store.write({ add: rows('a', [0]), put: [['n', '1']] }), 'other'),
    )
    await fails(
      store.write({ put: [['n', '1']], remove: [['a', Number.NaN, 1]], add: rows('a', [Number.NaN]) }),
      'other',
    )
    equal(await all(store, 'a'), [])
    equal(await store.metas(), [])
  },

  async 'no failure reaches the page'() {
    const name = fresh('quiet')
    const store = await openIdb(name)
    const heard: string[] = []
    const hear = (event: Event) => heard.push(`${event.type} ${(event as ErrorEvent).message}`)
    for (const type of ['error', 'unhandledrejection']) globalThis.addEventListener?.(type, hear)
    await store.write({ add: rows('a', [0, 3]) })
    await fails(store.write({ add: rows('a', [0]) }), 'collision')
    await fails(store.write({ add: rows('a', [2, 3, 4]) }), 'collision')
    await upgrade(name)
    await fails(store.write({ add: rows('a', [1]) }), 'newer')
    await store.wipe()
    await fails(store.metas(), 'closed')
    await pause(50)
    for (const type of ['error', 'unhandledrejection']) globalThis.removeEventListener?.(type, hear)
    equal(heard, [])
  },

  async 'a wipe deletes the database'() {
    const name = fresh('wiped')
    const [store, other] = [await openIdb(name), await openIdb(name)]
    await store.write({ add: rows('a', [0, 1, 2]), put: [['n', '1']] })
    equal(await exists(name), true)
    await store.wipe()
    equal(await exists(name), false)
    equal(await all(other, 'a'), [])
    await fails(other.write({ add: rows('a', [3]) }), 'collision')
    await other.write({ add: rows('a', [0]) })
    equal(await all(await openIdb(name), 'a'), lines('a', [0]))
  },

  async 'of two pages that wipe at once one is told of what was there'() {
    const name = fresh('wiped twice')
    const [store, other] = [await openIdb(name), await openIdb(name)]
    await store.write({ put: [['n', '1']] })
    const taken: unknown[] = []
    // One may be told that the other is still in the way of the deletion, which happens all the same.
    const wipe = (store: Store) => store.wipe((metas) => taken.push(...metas)).catch(() => {})
    await Promise.all([wipe(store), wipe(other)])
    equal(taken, [['n', '1']])
    await until(async () => !(await exists(name)))
  },

  async 'a closed store can be wiped'() {
    const name = fresh('closed and wiped')
    const store = await openIdb(name)
    await store.write({ add: rows('a', [0, 1, 2]) })
    store.close()
    await store.wipe()
    equal(await exists(name), false)
  },

  async 'a wipe blocked by a frozen page deletes the content all the same'() {
    const name = fresh('blocked')
    const store = await openIdb(name)
    await store.write({ add: [row('a', 0, 'secret')], put: [['n', 'secret']], keys: [['a', await someKey()]] })
    // A connection that hears of it and does nothing.
    const frozen = (await openByHand(name, 2)) as IDBDatabase
    let taken: unknown
    await fails(
      store.wipe((metas) => {
        taken = metas
      }),
      'blocked',
    )
    equal(taken, [['n', 'secret']])
    const tx = frozen.transaction(['rows', 'metas', 'keys'])
    const counts = ['rows', 'metas', 'keys'].map((store) => tx.objectStore(store).count())
    await new Promise((resolve) => {
      tx.oncomplete = resolve
    })
    frozen.close()
    equal(
      counts.map(({ result }) => result),
      [0, 0, 0],
    )
    equal(await exists(name), false, 'and the database goes with the page that held it:')
  },
}

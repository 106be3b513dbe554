/** What a page goes on with when its store takes nothing more: new rows in memory, with all that is stored in view. */
import { memoryStore } from './memory.js'
import type { Metas, Store, StoreError } from './store.js'

/** A store in memory over another one. */
export interface Overlay extends Store {
  /**
   * Moves everything in memory into the store below, in one transaction, and gives that store, which is then to be used
   * alone. Rejects, and leaves all as it is, when it still takes nothing. Called once at a time.
   */
  restore(): Promise<Store>
}

/** A store in memory over `under`, which is read, removed from and wiped, but gets nothing new any more. */
export function overlay(under: Store): Overlay {
  const over = memoryStore()
  /** What was removed below. */
  let removed: Promise<unknown> = Promise.resolve()
  /** Whether what is in memory went below, while that is tried. */
  let moving: Promise<boolean> | undefined
  /** Both are asked at once, as operations take effect in order; what can no longer be read is not there. */
  const both = <T>(ask: (store: Store) => Promise<T>, nothing: T): Promise<[T, T]> =>
    Promise.all([ask(over), ask(under).catch(() => nothing)])

  return {
    ...over,
    async write(write) {
      const underway = moving
      const failure = over.write(write).then(
        () => undefined,
        (error: StoreError) => error,
      )
      // Perhaps of rows that were on their way below when one before them failed.
      const { remove = [] } = write
      if (remove.length) removed = Promise.all([removed, under.write({ remove }).catch(() => {})])
      // What was called later is not answered sooner.
      await removed
      const moved = await underway
      const error = await failure
      if (error) throw error
      // What is written while all is moved goes below after it, or stays in memory with it.
      if (moved) await under.write(write)
    },
    async restore() {
      const { add, put, keys } = over.contents()
      // Lanes and their accounts are this page's alone; of all else another page may have written something newer.
      const moved = under.write({ add, put: put.filter(([key]) => key.includes('/')), keys })
      moving = moved.then(
        () => true,
        () => false,
      )
      if (!(await moving)) moving = undefined
      await moved
      return under
    },
    // A lane is in one of the two: a page that degrades opens a new one.
    async read(...range) {
      const [above, below] = await both((store) => store.read(...range), [])
      return above.length ? above : below
    },
    async last(chain) {
      const [above, below] = await both((store) => store.last(chain), undefined)
      return above ?? below
    },
    async count(chain) {
      const [above, below] = await both((store) => store.count(chain), 0)
      return above || below
    },
    async key(chain) {
      const [above, below] = await both((store) => store.key(chain), undefined)
      return above ?? below
    },
    async metas() {
      const metas = new Map((await both((store) => store.metas(), [])).reverse().flat())
      return [...metas].sort(([a], [b]) => (a < b ? -1 : 1))
    },
    async wipe(taken) {
      let above: Metas = []
      await over.wipe((metas) => {
        above = metas
      })
      // A database that cannot even be opened can only be said to be still there.
      await under
        .wipe((below) => taken?.([...below, ...above]))
        .catch((error: StoreError) => {
          if (error.kind !== 'closed') throw error
        })
    },
    close: under.close,
  }
}

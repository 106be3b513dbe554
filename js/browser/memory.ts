/** A store in memory: what a page falls back on when IndexedDB cannot be used. */
import type { ChainKey } from '../types.js'
import { fitting, type Store, type StoredRow, StoreError } from './store.js'

/** A store whose whole content can be had at once. */
export interface MemoryStore extends Store {
  /** Everything, as one write. */
  contents(): { add: StoredRow[]; put: [string, string][]; keys: [string, ChainKey][] }
}

/** An empty store that lives as long as its page. */
export function memoryStore(): MemoryStore {
  const rows = new Map<string, StoredRow>()
  const metas = new Map<string, string>()
  const signers = new Map<string, ChainKey>()
  let wiped = false

  function check(): void {
    if (wiped) throw new StoreError('closed')
  }
  const linesOf = (chain: string, from: number): string[] => {
    const found = [...rows.values()].filter((row) => row.chain === chain && row.seq >= from)
    return found.sort((a, b) => a.seq - b.seq).map(({ line }) => line)
  }

  return {
    async write({ add = [], put = [], remove = [], keys = [] }) {
      check()
      const removed = ({ chain, seq }: StoredRow) =>
        remove.some(([other, first, last]) => other === chain && first <= seq && seq <= last)
      const added = new Map(add.map((row) => [`${row.chain}/${row.seq}`, row]))
      const taken = [...added].some(([key, row]) => rows.has(key) && !removed(row))
      if (taken || added.size < add.length) throw new StoreError('collision')
      for (const [key, value] of put) metas.set(key, value)
      for (const [chain, key] of keys) key ? signers.set(chain, key) : signers.delete(chain)
      if (remove.length) for (const [key, row] of rows) if (removed(row)) rows.delete(key)
      for (const [key, row] of added) rows.set(key, row)
    },
    async read(chain, from, count, bytes) {
      check()
      return fitting(linesOf(chain, from).slice(0, count), bytes)
    },
    async count(chain) {
      check()
      return linesOf(chain, 0).length
    },
    async last(chain) {
      check()
      return linesOf(chain, 0).at(-1)
    },
    async metas() {
      check()
      return [...metas].sort(([a], [b]) => (a < b ? -1 : 1))
    },
    async key(chain) {
      check()
      return signers.get(chain)
    },
    async wipe(taken) {
      check()
      wiped = true
      taken?.([...metas])
      rows.clear()
      metas.clear()
      signers.clear()
    },
    close() {},
    contents: () => ({ add: [...rows.values()], put: [...metas], keys: [...signers] }),
  }
}

/** The store's port: durable rows and small named values ("metas") of one deployment. */

import type { ChainKey } from '../types.js'

/** A row as a store keeps it: its key and its exact line. */
export interface StoredRow {
  /** The chain's id. */
  readonly chain: string
  /** Position in the chain, from 0. */
  readonly seq: number
  /** The row as one JSON object in ASCII, exactly as it is sent and exported. */
  readonly line: string
}

/** All metas of a store. */
export type Metas = [key: string, value: string][]

/** What one {@link Store.write} does: first it puts, then it removes, then it adds. */
export interface Write {
  /** Rows for keys that are free: one that is taken fails the write with `collision`, it is never overwritten. */
  add?: readonly StoredRow[]
  /** Metas that are set, whether there already or not. */
  put?: readonly (readonly [key: string, value: string])[]
  /** Rows that are deleted: a chain, the first seq and the last, both included. To replace a row, add it as well. */
  remove?: readonly (readonly [chain: string, first: number, last: number])[]
  /** Keys that are set, by their chain, or deleted. */
  keys?: readonly (readonly [chain: string, key: ChainKey | undefined])[]
}

/**
 * Why a store failed:
 * - `quota`: no room is left, on the disk or for this origin.
 * - `closed`: the browser took the connection away, or the store was wiped. Nothing of the operation was done.
 * - `blocked`: another page that does not answer keeps the database from being deleted.
 * - `newer`: a newer version of this code has upgraded the database.
 * - `disabled`: there is no IndexedDB, or it is switched off here.
 * - `collision`: a row's key was taken, or the rows before it are gone because someone deleted the database. Said once.
 * - `corrupt`: the database cannot be read, or is not ours.
 * - `other`: the browser did not say.
 */
export type StoreFailure = 'quota' | 'closed' | 'blocked' | 'newer' | 'disabled' | 'collision' | 'corrupt' | 'other'

/** What every method of a store rejects with, and nothing else. */
export class StoreError extends Error {
  readonly kind: StoreFailure

  constructor(kind: StoreFailure) {
    super(kind)
    this.kind = kind
  }
}

/**
 * Rows and metas. Operations take effect in the order they were called, and a promise resolves only after what it
 * stands for is stored. Nothing throws.
 */
export interface Store {
  /**
   * One transaction, all or nothing, that reads nothing. When the store is connected it is issued and committed before
   * this call returns: that is what survives a page's exit. An empty write succeeds.
   *
   * One exception: when a row other than the first of `add` collides, a browser may keep `put` and `remove`; of `add`
   * nothing is left all the same. So the first row should be the one that shows whether someone else has gone on with
   * the chain, and the metas must be harmless without the rows.
   */
  write(write: Write): Promise<void>
  /** Lines of `chain` from seq `from`, ascending: at most `rows` rows and `bytes` bytes, but at least one if there is one. */
  read(chain: string, from: number, rows: number, bytes: number): Promise<string[]>
  /** The line with the highest seq of `chain`. */
  last(chain: string): Promise<string | undefined>
  /** How many rows of `chain` there are. */
  count(chain: string): Promise<number>
  /** All metas, by ascending key. */
  metas(): Promise<Metas>
  /** The key that signs `chain`. */
  key(chain: string): Promise<ChainKey | undefined>
  /**
   * Deletes everything, the database itself too. From this call on every operation fails with `closed`.
   * @param taken - Is told, once the content is gone, of the metas that were there: of several pages that wipe at once
   * only one gets each.
   */
  wipe(taken?: (metas: Metas) => void): Promise<void>
  /** Gives the connection back once what is under way is done. The next operation connects again. */
  close(): void
}

/** A line without its veil, as it is for everybody but a service with a pepper: src/core/pepper.rs puts that at the end. */
export const unveiled = (line: string): string => line.replace(/,"veil":"[^"]*"}$/, '}')

/** As many of `lines` as fit in `bytes`, but at least one. They are ASCII: a character is a byte. */
export function fitting(lines: string[], bytes: number): string[] {
  const end = lines.findIndex((line, at) => {
    bytes -= line.length
    return at && bytes < 0
  })
  return end < 0 ? lines : lines.slice(0, end)
}

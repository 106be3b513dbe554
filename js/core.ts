/** The boundary to the wasm: strings both ways, no exceptions but traps. Its other side is src/bindings.rs. */
import type { Metas } from './browser/store.js'
import type { Code } from './errors.js'
import type { IdentifierType, Signer, Stats, Verdict } from './types.js'

/** Counts as the core knows them: it has no `inert`, and no schema. */
export type CoreStats = Omit<Stats, 'dropped' | 'properties'> & { dropped: Partial<Stats['dropped']> }

/** The core of one client. A method that answers with a string answers `''` for success, else a code. */
export interface Core {
  start(): Promise<string>
  capture(kind: 'track' | 'page', name: string, props: string, context: string): string
  identify(namespace: 'user' | 'group', type: IdentifierType, canonical: string, raw: string, props: string): string
  /** In the mode `oprf`: looks for an identifier from now on, and says for which epoch and key a pseudonym is needed. */
  expect(canonical: string, raw: string): string
  epochs(document: string): string
  reset(): void
  flush(): Promise<string>
  verify(): Promise<Verdict>
  stats(): Promise<CoreStats>
  export(): Promise<string>
  metas(): Promise<Metas>
  continuity(forget: boolean): Promise<string[]>
  /** Deletes everything; `taken` is told of the metas that were there. */
  erase(taken: (metas: Metas) => void): Promise<void>
  hurry(): void
  close(): Promise<void>
}

/** What the core asks of the page. Nothing here throws or rejects. */
export interface Host {
  deliver(rows: string[], meta: string, exit: boolean, checkpoints?: string[]): Promise<string>
  /** Signs the chains; none: they are not signed. */
  readonly signer?: Signer | undefined
  warn(code: string): void
  note(kind: 'stored' | 'settled' | 'dropped' | 'lane', detail: string): void
  /** Another page has erased everything; the core has ended, and must not be asked any more. */
  erased(): void
}

/** Makes a core from its configuration, in words. */
export type CoreClass = new (config: string, host: Host) => Core

/** Brings the core, or the code that says why there is none. */
export type LoadCore<Extra = unknown> = (options: Extra) => Promise<CoreClass | Code>

/** A call that waits for the core, as data: nothing of it outlives its turn. */
export type Call =
  | ['capture', ...Parameters<Core['capture']>]
  | ['identify', ...Parameters<Core['identify']>]
  | ['reset']

import type { Call } from './core.js'
import type { Code } from './errors.js'

/** Keeps the epochs document at hand: fetched now, and again before the last epoch in it ends. */
export interface EpochKeeper {
  /** Resolves when the document was there for the first time, when it could not be had, and after 3 s at the latest. */
  first: Promise<void>
  /** Whether the first of the calls can be handed over; where identifiers are sent away to be made into pseudonyms. */
  ready?(queue: Call[]): boolean
  /** Resolves when no call waits for its pseudonyms. */
  idle?(): Promise<void>
  /** The page is left: calls go as they are. */
  leave?(): void
  /** No fetch and no callback any more. */
  stop(): void
}

/** What a keeper may ask of the client that it makes pseudonyms for. */
export interface Asking {
  deployment: string
  /** Properties that hold identifiers. */
  identifiers: readonly string[]
  /** As the core has it. */
  expect(canonical: string, raw: string): string
  /** Calls may have become ready. */
  drain(): void
  warn(code: Code): void
}

/** Makes a keeper, as {@link keepEpochs} does. */
export type Keep = (url: string, use: (document: string) => void, failed: () => void, asking: Asking) => EpochKeeper

/** How long events wait for the salt. After that they go without a user's pseudonym, which is better than not at all. */
const PATIENCE = 3000
const MINUTE = 60_000
const HOUR = 60 * MINUTE

/**
 * @param use - Takes the text of the document, each time it was fetched.
 * @param failed - Told of a fetch that brought none.
 */
export function keepEpochs(url: string, use: (document: string) => void, failed: () => void): EpochKeeper {
  const abort = new AbortController()
  let timer: ReturnType<typeof setTimeout>
  let failures = 0

  /** Waits in slices: a timer longer than 24 days fires at once, and one set before a sleep fires late. */
  function wake(due: number) {
    const wait = due - Date.now()
    if (!abort.signal.aborted)
      timer = setTimeout(() => (wait > HOUR ? wake(due) : void fetchNow()), Math.max(0, Math.min(wait, HOUR)))
  }

  async function fetchNow() {
    let text: string | undefined
    try {
      // Nothing that could make this visitor's answer differ from another's, or the visitor known by the request.
      const response = await fetch(url, {
        credentials: 'omit',
        cache: 'no-store',
        referrerPolicy: 'no-referrer',
        signal: abort.signal,
      })
      if (response.ok) text = await response.text()
    } catch {
      // Told below.
    }
    if (abort.signal.aborted) return
    text === undefined ? failed() : use(text)
    const now = Date.now()
    // 1 to 9 minutes before the end, where the next epoch is shown already, so that not all come at once.
    const due = lastEnd(text) - MINUTE * (1 + 8 * Math.random())
    if (due > now) failures = 0
    wake(due > now ? due : now + Math.min(HOUR, MINUTE * 2 ** failures++) * (0.5 + Math.random() / 2))
  }

  let impatience: ReturnType<typeof setTimeout>
  const first = Promise.race([fetchNow(), new Promise<void>((done) => (impatience = setTimeout(done, PATIENCE)))])
  return {
    first: first.finally(() => clearTimeout(impatience)),
    stop() {
      abort.abort()
      clearTimeout(timer)
    },
  }
}

/** When the last epoch of the document ends; NaN when that cannot be told, Infinity when it never does. */
function lastEnd(document: string | undefined): number {
  try {
    const ends: number[] = JSON.parse(document ?? '').epochs.map(
      (epoch: { not_after?: number }) => epoch.not_after ?? Infinity,
    )
    return Math.max(...ends)
  } catch {
    return Number.NaN
  }
}

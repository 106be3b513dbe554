/** What all clients of a page share, also when two bundles each bring their own copy of this package. */
export interface Page {
  /** Clients by deployment. */
  trails: Map<string, unknown>
  /** Bytes of keepalive requests in flight. */
  bytes: number
  /** Number of keepalive requests in flight. */
  requests: number
}

/** The page's shared state. The number in its name changes with its shape. */
export function page(): Page {
  const key = Symbol.for('nymtrail/1')
  const holder = globalThis as { [key]?: Page }
  holder[key] ??= { trails: new Map(), bytes: 0, requests: 0 }
  return holder[key]
}

/** The page's document; none in a worker, nor on a server. */
export const theDocument = (): Document | undefined => globalThis.document

/**
 * Whether there is a page, or a worker of any kind that can store; not so on a server. Runtimes that call their servers
 * workers have neither `importScripts()` nor IndexedDB.
 */
export const inBrowser = (): boolean =>
  theDocument() ? !!globalThis.window : 'importScripts' in globalThis && 'indexedDB' in globalThis

/** What relative addresses are relative to: the page, or a worker's origin, as its script may be a blob. */
export const baseAddress = (): string => theDocument()?.baseURI ?? origin

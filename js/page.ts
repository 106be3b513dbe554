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

/** Whether there is a page at all: not so on a server, nor in a worker. */
export const inPage = (): boolean => typeof window === 'object' && typeof document === 'object'

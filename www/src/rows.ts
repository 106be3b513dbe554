/** A stored event as the browser and the collector hold it: one line of JSON, and the event inside it. */

/** One row of a chain, with the names that FORMAT.md gives its columns. `body` and `salt` are gone once a row is erased. */
export interface Row {
  chain: string
  seq: number
  /** Milliseconds since 1970. */
  t: number
  link: string
  body?: string
  salt?: string
  bc?: string
  /** `prev` of the first row of a chain. */
  gprev?: string
}

/** The fields of a body that the demo reads. All are optional: an absent field is an empty one. */
export interface Body {
  /** Set on control events such as `open`, the first event of a chain. */
  x?: string
  k?: 'track' | 'page' | 'identify' | 'group'
  n?: string
  p?: Record<string, unknown>
  /** Pseudonym of the signed-in person. */
  u?: string
  g?: string
  /** Random id of the device, for one epoch. */
  d?: string
  /** Random id of the visit. */
  s?: string
  c?: { url?: string; ref?: string }
}

/** Reads a row line, or gives `undefined` when it isn't one. */
export function parseRow(line: string): Row | undefined {
  try {
    const row = JSON.parse(line) as Row
    return typeof row?.chain === 'string' && Number.isInteger(row.seq) ? row : undefined
  } catch {
    return undefined
  }
}

/** The event inside a row. Empty when the body is erased or can't be read. */
export function bodyOf(row: Row): Body {
  try {
    return (JSON.parse(row.body ?? '{}') as Body) ?? {}
  } catch {
    return {}
  }
}

/** `chain:seq`, the name of a row. */
export const keyOf = (row: { chain: string; seq: number }): string => `${row.chain}:${row.seq}`

/** What a block or a line of the log calls the event. */
export function titleOf(body: Body): string {
  if (body.x === 'open') return 'chain opens'
  if (body.x) return body.x
  return body.n || body.k || 'unreadable'
}

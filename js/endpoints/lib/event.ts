/** A row as the services of other vendors see it: an event with a name, people and properties, and its columns beside. */
import type { Row } from '../../types.js'
import { pieces } from './text.js'

/**
 * A row's columns under the names they travel by, so that the chain can be verified from a vendor's own export: every
 * service that carries free properties gets them as they are, beside the event's own.
 */
export interface Columns {
  nt_chain: string
  nt_seq: number
  nt_t: number
  nt_link: string
  nt_salt?: string
  nt_body?: string
  nt_gprev?: string
  nt_bc?: string
}

/** One row, taken apart. */
export interface EventRow {
  /** The exact line. */
  line: string
  /** The line, read. */
  row: Row
  /** `chain:seq`: the same on every try. */
  id: string
  /** The same as {@link uuidOf}, for services that want a UUID. */
  uuid: string
  /** `open` and `close` are the rows that open and close a chain, `erased` one whose body is gone: none is an event. */
  kind: 'track' | 'page' | 'identify' | 'group' | 'open' | 'close' | 'erased'
  /** The event's name; for one that has none its kind, for what is no event `nymtrail_` and its kind. */
  name: string
  /** Properties or traits, but for those named `nt_…` at any depth: a reader of an export would take them for a row. */
  props: Record<string, unknown>
  /** The user's pseudonym. */
  user?: string
  /** The group's pseudonym. */
  group?: string
  /** The random id of this browser for one epoch. */
  device?: string
  /** The random id of this visit. */
  visit?: string
  /** Reduced address of the page; for page views only. */
  url?: string
  /** The referrer's origin; for page views only. */
  referrer?: string
  /** What {@link Columns} says. */
  columns: Columns
}

/** Fields of a body, see docs/BODY.md. */
interface Body {
  k?: 'track' | 'page' | 'identify' | 'group'
  n?: string
  p?: Record<string, unknown>
  c?: { url?: string; ref?: string }
  u?: string
  g?: string
  d?: string
  s?: string
}

/** Takes a row's line apart. */
export function readEvent(line: string): EventRow {
  const row: Row = JSON.parse(line)
  const body: Body = row.body === undefined ? {} : JSON.parse(row.body, withoutOurs)
  const kind = body.k ?? (row.body === undefined ? 'erased' : row.seq ? 'close' : 'open')
  const columns: Record<string, string | number> = {}
  for (const [name, value] of Object.entries(row)) columns[`nt_${name}`] = value
  return {
    line,
    row,
    id: `${row.chain}:${row.seq}`,
    uuid: uuidOf(row),
    kind,
    name: body.n ?? (body.k ? kind : `nymtrail_${kind}`),
    props: body.p ?? {},
    ...defined({ user: body.u, group: body.g, device: body.d, visit: body.s, url: body.c?.url, referrer: body.c?.ref }),
    columns: columns as unknown as Columns,
  }
}

const withoutOurs = (name: string, value: unknown) => (name.startsWith('nt_') ? undefined : value)

/** The rows of a batch that are events; not those that only hold the chain together. */
export const isEvent = ({ kind }: EventRow): boolean => !['open', 'close', 'erased'].includes(kind)

/**
 * A UUID of version 7 (RFC 9562) made of nothing but the row's time, chain and seq, so it is the same on every try: 48
 * bits of time, 42 bits of the chain, and 32 more of it to which the seq is added.
 */
export function uuidOf({ chain, seq, t }: Pick<Row, 'chain' | 'seq' | 't'>): string {
  const time = t.toString(16).padStart(12, '0').slice(-12)
  const variant = (0x8000 | (Number.parseInt(chain.slice(3, 7), 16) & 0x3fff)).toString(16)
  const low = ((Number.parseInt(chain.slice(11, 19), 16) + seq) % 2 ** 32).toString(16).padStart(8, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${chain.slice(0, 3)}-${variant}-${chain.slice(7, 11)}${low}`
}

/** Host and path of a reduced page address; empty for what is no such address. */
export function placeOf(url = ''): { host?: string; path?: string } {
  const [, host, path] = /^[a-z][\w+.-]*:\/\/([^/?#]*)([^?#]*)/i.exec(url) ?? []
  return { ...(host && { host }), ...(path && { path }) }
}

/**
 * Columns for a service that cuts strings at `size` characters: a longer body goes as the list of its pieces. All other
 * columns are shorter than any service's limit.
 */
export function inPieces({ nt_body, ...columns }: Columns, size: number): Record<string, unknown> {
  if (nt_body === undefined) return columns
  return { ...columns, nt_body: nt_body.length > size ? pieces(nt_body, size) : nt_body }
}

/** ISO 8601 in UTC, of ms since 1970. */
export const isoTime = (t: number): string => new Date(t).toISOString()

/** The object without what is undefined. */
export const defined = <T extends Record<string, unknown>>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never

import type { Endpoint, EndpointResponse, Row } from '../types.js'
import { withQuery } from './lib/request.js'

/** Options of {@link clickhouse}. */
export interface ClickhouseOptions {
  /** The table. Default `events`. */
  table?: string
  /** Its database. Default: the user's. */
  database?: string
  /**
   * Has the server gather the rows of many visitors before it writes them (`async_insert`), and answer once they are
   * written. Default `true`; `false` for servers before 21.11, or when your proxy gathers.
   */
  asyncInsert?: boolean
  /** More settings for the address, such as `{ insert_quorum: 2 }`. Default none. Never a secret. */
  settings?: Record<string, string | number>
  /** Compress bodies over 1 KB. Default `false`: on another origin that needs a preflight, which ClickHouse never answers. */
  gzip?: boolean
}

/** The columns of sql/README.md. */
const COLUMNS = 'chain, seq, t, link, salt, body, gprev, bc'

/** Exception codes that are about a row: it cannot be parsed, is out of range, or breaks a constraint of the table. */
const ROW = [6, 25, 26, 27, 33, 38, 41, 53, 69, 72, 117, 131, 321, 349, 469]

/**
 * ClickHouse, by its HTTP interface: `INSERT INTO events (…) FORMAT JSONEachRow` in the address, the rows as they are in
 * the body, into the table that sql/clickhouse.sql verifies. See https://clickhouse.com/docs/interfaces/http and
 * docs/endpoints/clickhouse.md.
 *
 * An INSERT is taken as a whole or not at all; a batch with a row that cannot be parsed is halved until the row is found.
 * The answer comes when the rows are written. The same batch again is the same block for tables that deduplicate; the
 * check takes exact duplicates for one row in any case.
 *
 * It needs a user: `url` is your own proxy, with `proxied: true`.
 *
 * @param url - Address of the proxy; may be relative to the page, and may have a query.
 * @example
 * ```ts
 * createTrail({ deployment: 'shop', endpoint: clickhouse('/clickhouse', { database: 'web' }), proxied: true })
 * ```
 */
export function clickhouse(
  url: string,
  { table = 'events', database, asyncInsert = true, settings, gzip = false }: ClickhouseOptions = {},
): Endpoint {
  const quoted = [database, table].flatMap((name) => (name ? `\`${name.replace(/[\\`]/g, '\\$&')}\`` : []))
  const insert = {
    // With the columns named, a table that lacks one is an error of its own, not one of every row.
    query: `INSERT INTO ${quoted.join('.')} (${COLUMNS}) FORMAT JSONEachRow`,
    ...(asyncInsert && { async_insert: 1, wait_for_async_insert: 1 }),
    ...settings,
  }
  return {
    name: 'clickhouse',
    // ClickHouse has no limit; proxies have, mostly 1 MB.
    limits: { bytes: 1_000_000 },
    // text/plain is CORS-simple, and ClickHouse does not look at it. What goes while the page leaves is not compressed.
    keepalive: true,
    gzip,
    browserSafe: false,
    encode: ({ rows }) => ({
      url: withQuery(url, { ...insert, insert_deduplication_token: token(rows) }),
      body: `${rows.join('\n')}\n`,
    }),
    settle(response) {
      const { status, text } = response
      const code = exceptionOf(response)
      if (code) return ROW.includes(code) ? 'split' : 'retry'
      // Without an exception it is a proxy that speaks. The answer to an INSERT is empty.
      if (status === 200) return text.trim() ? 'retry' : 'ack'
      return status === 413 || status === 400 ? 'split' : 'retry'
    },
  }
}

/**
 * The same for the same rows alone, also among those that claim the same places: the first and the last link, how many,
 * and all of them folded into one number.
 */
function token(rows: readonly string[]): string {
  const links = rows.map((line) => (JSON.parse(line) as Row).link)
  const fold = links.reduce((all, link) => all ^ Number.parseInt(link.slice(0, 8), 16), 0)
  return [links[0], links.at(-1), links.length, fold >>> 0].join('-')
}

/** The exception's code. The header is not readable from another origin, and servers before 20.5 have none. */
const exceptionOf = ({ headers, text }: EndpointResponse): number =>
  Number(headers.get('x-clickhouse-exception-code') ?? /^Code: (\d+)/m.exec(text)?.[1] ?? 0)

import type { Endpoint, Outcome } from '../types.js'
import { settleUnread } from './lib/answer.js'
import { defined, isoTime, readEvent } from './lib/event.js'
import { isRelative, withPath } from './lib/request.js'

/** Options of {@link elasticsearch}. */
export interface ElasticsearchOptions {
  /** The index, alias or data stream. Default `nymtrail`. */
  index?: string
  /** Headers to add for your proxy. Default none. Never a secret: every visitor can read them. */
  headers?: Record<string, string>
  /** Compress bodies over 1 KB. Default `false`: your proxy must pass `content-encoding` on. */
  gzip?: boolean
}

/**
 * Elasticsearch or OpenSearch, by `_bulk`. Every row is one document, also the one that opens a chain: the columns of
 * the row under their own names, from which the chain is verified, and beside them what one searches for: `@timestamp`,
 * `kind`, `name`, `user`, `group`, `device`, `visit`, `url`, `referrer`, `props`. See
 * https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk and docs/endpoints/elasticsearch.md.
 *
 * The answer has a result for each document, so a bad one costs itself. Documents are created under their link as `_id`:
 * one that comes again is answered 409 and counts as taken, and two events that claim one place are both kept, so that
 * the fork is seen. A 201 says that the document is in the translog of the shards that answered.
 *
 * It needs credentials, and who may write directly may fill the cluster: `url` is your own proxy, with `proxied: true`.
 *
 * @param url - Address of the proxy before `/<index>/_bulk`; may be relative to the page.
 * @example
 * ```ts
 * createTrail({ deployment: 'shop', endpoint: elasticsearch('/search', { index: 'events' }), proxied: true })
 * ```
 */
export function elasticsearch(
  url: string,
  { index = 'nymtrail', headers, gzip = false }: ElasticsearchOptions = {},
): Endpoint {
  // The index stands in the address, not in the actions, so that a proxy sees where a request writes.
  const address = `${withPath(url, `/${encodeURIComponent(index)}/_bulk`)}?filter_path=items.*.status,items.*.error`
  return {
    name: 'elasticsearch',
    // The smallest limit of the hosted services; self-hosted ones take 100 MB.
    limits: { bytes: 10_485_760 },
    // text/plain is refused with 406, and application/x-ndjson is not CORS-simple.
    keepalive: isRelative(url),
    gzip,
    browserSafe: false,
    encode: ({ rows }) => ({
      url: address,
      headers: { ...headers, 'content-type': 'application/x-ndjson' },
      // Without the newline at the end the whole request is refused.
      body: rows.map((line) => `${action(line)}\n${document(line)}\n`).join(''),
    }),
    settle(response, { rows }) {
      if (response.status !== 200) return settleUnread(response)
      const items: { create: { status: number } }[] = JSON.parse(response.text).items
      if (items.length !== rows.length) return 'retry'
      return { events: items.map(({ create }) => outcome(create.status)) }
    },
  }
}

const action = (line: string) => JSON.stringify({ create: { _id: readEvent(line).row.link } })

/** The row itself, to the byte, and what one searches for. */
function document(line: string): string {
  const { row, kind, name, user, group, device, visit, url, referrer, props } = readEvent(line)
  const more = { '@timestamp': isoTime(row.t), kind, name, user, group, device, visit, url, referrer, props }
  return `${line.slice(0, -1)},${JSON.stringify(defined(more)).slice(1)}`
}

function outcome(status: number): Outcome {
  if ((status >= 200 && status < 300) || status === 409) return 'ack'
  // 403 is a block on the index, such as for a full disk, and 404 a missing one: no fault of the document.
  return status >= 400 && status < 500 && ![401, 403, 404, 408, 429].includes(status) ? 'drop' : 'retry'
}

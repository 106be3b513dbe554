import type { Endpoint, Outcome } from '../types.js'
import { settleUnread } from './lib/answer.js'
import { defined, type EventRow, readEvent } from './lib/event.js'
import { cut, pieces } from './lib/text.js'

/** Options of {@link umami}. */
export interface UmamiOptions {
  /** Address of Umami, with or without `/api/batch`; may be relative to the page. */
  url: string
  /** The website's id in Umami, a UUID. */
  website: string
  /** A tag for all events, up to 50 characters. Default none. */
  tag?: string
}

/** Umami cuts strings in event data at so many characters; versions before that refuse the event. */
const MAX_TEXT = 500

/**
 * [Umami](https://umami.is), version 3 or later, by its batch API. Page views become page views, everything else a custom
 * event with the properties as its data. Every row travels whole: its columns are in the data too (`nt_chain`, `nt_seq`
 * …), so that the chain can be verified from Umami's database. The row that opens a chain is the event `nymtrail_open`.
 *
 * Umami answers for each event, except that it throws away those of browsers it takes for bots and says so with a 200:
 * these count as dropped. It does not know an event that it has already; rows that come twice do no harm to the chain,
 * but count twice in Umami's figures.
 *
 * @example
 * ```ts
 * createTrail({
 *   deployment: 'shop',
 *   endpoint: umami({ url: 'https://stats.example', website: '1c5a6e0d-5c1f-4b0e-9a3e-0d7a2c9f8b11' }),
 * })
 * ```
 */
export function umami({ url, website, tag }: UmamiOptions): Endpoint {
  return {
    name: 'umami',
    // src/app/api/batch/route.ts: at most 20 in a batch and 1 MiB; older versions take 500.
    limits: { events: 20, bytes: 1_048_576 },
    // Sent as text/plain; Umami reads the body as JSON whatever its type.
    keepalive: true,
    browserSafe: true,
    encode({ chain, rows }) {
      const events = rows.map(readEvent)
      // Without an id Umami would make one of IP address and user agent, which tells that two epochs are one visitor.
      const anyone = events.find(({ device }) => device)?.device ?? chain.slice(0, 32)
      const items = events.map((event) => ({
        type: 'event',
        payload: defined({ website, tag, id: event.user ?? event.device ?? anyone, ...payloadOf(event) }),
      }))
      return { url: `${url.replace(/(\/api\/(batch|send))?\/*$/, '')}/api/batch`, body: JSON.stringify(items) }
    },
    settle(response, { rows }) {
      if (response.status !== 200) return settleUnread(response)
      const { size, details, cache } = JSON.parse(response.text)
      if (size !== rows.length) return 'retry'
      // The token tells who was counted; without it nobody was: Umami took the browser for a bot, or is too old to say.
      const events = Array<Outcome>(size).fill(cache ? 'ack' : 'drop')
      for (const { index, response } of details) events[index] = refusal(response)
      return { events }
    },
  }
}

function payloadOf(event: EventRow) {
  const { kind, url, referrer, row } = event
  const name = plain(event.name)
  return {
    timestamp: Math.floor(row.t / 1000),
    data: dataOf(event),
    ...(kind === 'page'
      ? { url, referrer, title: name === kind ? undefined : name }
      : // Umami refuses a name that a spreadsheet would take for a formula.
        { name: cut(name.replace(/^[=+\-@\t\r]/, '_$&'), 50) }),
  }
}

function dataOf({ props, group, columns: { nt_body, ...columns } }: EventRow): Record<string, unknown> {
  const data: Record<string, unknown> = { ...defined({ group }), ...(storable(props) as object) }
  // Umami keeps numbers with 4 decimals and cuts texts, so numbers travel as text and a long body in numbered pieces.
  for (const [name, value] of Object.entries(columns)) data[name] = `${value}`
  const parts = pieces(nt_body ?? '', MAX_TEXT)
  parts.forEach((part, at) => {
    data[parts.length > 1 ? `nt_body_${`${at}`.padStart(2, '0')}` : 'nt_body'] = part
  })
  return data
}

/** PostgreSQL has no NUL in its texts. */
const plain = (text: string) => text.replaceAll('\0', '')

/** A value as Umami's tables can hold it; what they cannot is in the row's body all the same. */
function storable(value: unknown): unknown {
  if (typeof value === 'string') return plain(value)
  // The column is decimal(19,4).
  if (typeof value === 'number') return Math.abs(value) < 1e15 ? value : `${value}`
  if (value === null) return
  // A list is kept as its JSON text.
  if (Array.isArray(value)) return JSON.stringify(value).length > MAX_TEXT ? undefined : value
  if (typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [plain(name), storable(part)]))
}

/** Why one event was not taken. */
function refusal(response: { error?: { status?: number; message?: string } }): Outcome {
  const { status = 500, message } = response.error ?? {}
  // A website that Umami does not know is a mistake in the options, which says nothing of the event.
  return status >= 500 || [401, 408, 429].includes(status) || message === 'Website not found.' ? 'retry' : 'drop'
}

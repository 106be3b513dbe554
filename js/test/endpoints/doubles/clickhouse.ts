/** ClickHouse's HTTP interface with the table of docs/endpoints/clickhouse.md: one INSERT, taken whole or not at all. */
import { openDouble, type Received, type Reply } from '../harness.ts'

type Check = (value: unknown) => boolean
const string: Check = (value) => typeof value === 'string'
const nullable: Check = (value) => value === null || string(value)
const int64: Check = (value) => Number.isSafeInteger(value)

const TABLE: Record<string, Check> = {
  chain: string,
  seq: int64,
  t: int64,
  link: string,
  salt: nullable,
  body: nullable,
  gprev: nullable,
  bc: nullable,
}
/** Settings of current versions; another name is refused. */
const SETTINGS = ['async_insert', 'wait_for_async_insert', 'insert_deduplication_token', 'insert_quorum']

/** HTTP status by exception code, as exceptionCodeToHTTPStatus.cpp has it; 500 for others. */
const STATUS: Record<number, number> = { 27: 400, 62: 400, 115: 404, 117: 400, 60: 404, 81: 404, 497: 403, 516: 403 }

/** Answers with an exception; `named` says whether the header can be read, which from another origin it cannot. */
export const exception = (code: number, message: string, named = true): Reply => ({
  status: STATUS[code] ?? 500,
  headers: named ? { 'x-clickhouse-exception-code': `${code}` } : {},
  body: `Code: ${code}. DB::Exception: ${message}. (version 26.9.2.1)\n`,
})

export interface ClickhouseRow {
  chain: string
  seq: number
  link: string
  body?: string | null
}

/** `refuse` names rows that break a constraint; `proxy` is the largest body that the proxy before it lets through. */
export async function openClickhouse({
  refuse = (_: ClickhouseRow): boolean => false,
  bytes = 1_048_576,
  table = '`events`',
} = {}) {
  const stored: ClickhouseRow[] = []
  const tokens = new Set<string>()

  function reply({ method, query, headers, bytes: sent, body }: Received): Reply {
    if (method !== 'POST') return exception(164, 'Cannot execute query in readonly mode')
    if (sent.length > bytes) return { status: 413, body: '<html>413 Request Entity Too Large</html>' }
    if (headers['content-type']?.startsWith('multipart/')) return exception(62, 'not a query')
    for (const name of query.keys())
      if (name !== 'query' && !SETTINGS.includes(name)) return exception(115, `Unknown setting ${name}`)
    const insert = /^INSERT INTO (\S+) \(([^)]+)\) FORMAT JSONEachRow$/.exec(query.get('query') ?? '')
    if (!insert) return exception(62, 'Syntax error')
    if (insert[1] !== table) return exception(60, `Table ${insert[1]} does not exist`)
    const columns = (insert[2] as string).split(', ')
    const strange = columns.find((name) => !TABLE[name])
    if (strange) return exception(16, `No such column ${strange} in table`)
    if (query.get('async_insert') === '1' && query.get('wait_for_async_insert') !== '1')
      return exception(0, 'the test wants an answer that means something')
    const block: ClickhouseRow[] = []
    for (const [at, line] of body.split('\n').entries()) {
      if (line === '') continue
      let row: Record<string, unknown>
      try {
        row = JSON.parse(line)
      } catch {
        return exception(27, `Cannot parse input: (at row ${at + 1})`)
      }
      const unknown = Object.keys(row).find((name) => !columns.includes(name))
      if (unknown) return exception(117, `Unknown field found while parsing JSONEachRow format: ${unknown}`)
      const bad = columns.find((name) => !TABLE[name]?.(row[name] ?? (TABLE[name] === nullable ? null : '')))
      if (bad) return exception(27, `Cannot parse input: ${bad}: (at row ${at + 1})`)
      if (refuse(row as unknown as ClickhouseRow)) return exception(469, 'Constraint is violated')
      block.push(row as unknown as ClickhouseRow)
    }
    const token = query.get('insert_deduplication_token') ?? ''
    if (!token || !tokens.has(token)) stored.push(...block)
    tokens.add(token)
    return { headers: { 'x-clickhouse-summary': `{"written_rows":"${block.length}"}` } }
  }

  /** As FORMAT JSONEachRow writes a row of the table: 64-bit integers as strings, null for what is not there. */
  const exported = () =>
    stored.map((row) => {
      const cell = (name: string) => (row as unknown as Record<string, unknown>)[name] ?? null
      return Object.fromEntries(
        Object.entries(TABLE).map(([name, check]) => [name, check === int64 ? `${cell(name)}` : cell(name)]),
      )
    })
  return { ...(await openDouble(reply)), stored, exported }
}

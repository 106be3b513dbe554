/** Elasticsearch's and OpenSearch's `_bulk` on one index with a strict mapping, as their sources and documentation have it. */
import { openDouble, type Received, type Reply } from '../harness.ts'

type Check = (value: unknown) => boolean
const keyword: Check = (value) => typeof value === 'string'
const long: Check = (value) => Number.isSafeInteger(value)
const date: Check = (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)
const object: Check = (value) => value !== null && typeof value === 'object' && !Array.isArray(value)

/** The mapping of docs/endpoints/elasticsearch.md; `dynamic` is `strict`. */
const MAPPING: Record<string, Check> = {
  '@timestamp': date,
  kind: keyword,
  name: keyword,
  user: keyword,
  group: keyword,
  device: keyword,
  visit: keyword,
  url: keyword,
  referrer: keyword,
  props: object,
  chain: keyword,
  seq: long,
  t: long,
  link: keyword,
  salt: keyword,
  body: keyword,
  gprev: keyword,
  bc: keyword,
}

export type Document = Record<string, unknown> & { link: string }

/** What an item is answered. */
interface Item {
  status: number
  error?: { type: string; reason: string }
}

/** `refuse` names documents that cannot be parsed; `busy` those that the write queue has no place for, each time. */
export async function openElasticsearch({
  refuse = (_: Document): boolean => false,
  busy = (_: Document): boolean => false,
  bytes = 104_857_600,
  index = 'nymtrail',
} = {}) {
  const stored = new Map<string, Document>()
  const failed = (status: number, type: string, reason: string): Reply => ({
    status,
    body: { error: { type, reason, root_cause: [{ type, reason }] }, status },
  })

  function create(id: string, source: string): Item {
    if (stored.has(id)) return { status: 409, error: { type: 'version_conflict_engine_exception', reason: id } }
    let document: Document
    try {
      document = JSON.parse(source)
    } catch {
      return { status: 400, error: { type: 'document_parsing_exception', reason: 'no JSON' } }
    }
    if (busy(document)) return { status: 429, error: { type: 'es_rejected_execution_exception', reason: 'queue full' } }
    const bad = Object.entries(document).find(([field, value]) => !MAPPING[field]?.(value))
    if (bad || refuse(document) || !document['@timestamp'])
      return { status: 400, error: { type: 'document_parsing_exception', reason: `[${bad?.[0]}]` } }
    stored.set(id, document)
    return { status: 201 }
  }

  function reply({ method, path, query, headers, bytes: sent, body }: Received): Reply {
    if (method !== 'POST' && method !== 'PUT') return failed(405, 'method_not_allowed', method)
    if (decodeURIComponent(path) !== `/${index}/_bulk`) return failed(404, 'index_not_found_exception', path)
    if (!/^application\/(x-nd)?json$/.test(headers['content-type'] ?? ''))
      return { status: 406, body: { error: `Content-Type header [${headers['content-type']}] is not supported` } }
    if (sent.length > bytes) return { status: 413 }
    if (!body.endsWith('\n'))
      return failed(400, 'illegal_argument_exception', 'The bulk request must be terminated by a newline [\\n]')
    const lines = body.slice(0, -1).split('\n')
    const items: { create: Item }[] = []
    for (let at = 0; at < lines.length; at += 2) {
      const action = JSON.parse(lines[at] as string)
      const id = action.create?._id
      if (Object.keys(action).join() !== 'create' || Object.keys(action.create).join() !== '_id' || !lines[at + 1])
        return failed(400, 'illegal_argument_exception', `Malformed action/metadata line [${at + 1}]`)
      if (typeof id !== 'string' || !id || Buffer.byteLength(id) > 512)
        return failed(400, 'action_request_validation_exception', 'id is too long')
      items.push({ create: create(id, lines[at + 1] as string) })
    }
    if (query.get('filter_path') !== 'items.*.status,items.*.error') return failed(400, 'test', 'another filter')
    return { body: { items } }
  }

  return { ...(await openDouble(reply)), stored, exported: () => [...stored.values()] }
}

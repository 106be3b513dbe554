/**
 * A Snowplow collector and what comes after it. The collector answers `ok` to any body up to its size; the pipeline
 * (enrich: Tp2Adapter, Transform, ConversionUtils) then makes an enriched event or a failed one of each item, and the
 * warehouse keeps one for each event_id. The names of the parameters are those of payload_data 1-0-4.
 */
import { readFileSync } from 'node:fs'
import type { Columns } from '../../../endpoints/lib/event.ts'
import { openDouble } from '../harness.ts'
import { faults, type Schema } from './json-schema.ts'

export const MAX_BYTES = 2_097_152
const MAX_EVENT = 1_048_576

const PARAMETERS =
  'tna aid p dtm tz e tid eid tv duid nuid uid vid ip res url page refr fp ctype cookie lang f_pdf f_qt f_realp f_wma f_dir f_fla f_java f_gears f_ag cd ds cs vp mac pp_mix pp_max pp_miy pp_may ad_ba ad_ca ad_ad ad_uid tr_id tr_af tr_tt tr_tx tr_sh tr_ci tr_st tr_co tr_cu ti_id ti_sk ti_nm ti_na ti_ca ti_pr ti_qu ti_cu sa sn st sp se_ca se_ac se_la se_pr se_va ue_na ue_pr ue_px co cx ua tnuid stm sid ttm'.split(
    ' ',
  )
const CONTENT_TYPES = ['application/json', 'application/json; charset=utf-8', 'application/json; charset=UTF-8']
const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/
const IGLU = /^iglu:[a-zA-Z0-9-_.]+\/[a-zA-Z0-9-_]+\/[a-zA-Z0-9-_]+\/[0-9]+-[0-9]+-[0-9]+$/

/** The schemas of a registry, by key; those of the documentation are in it. */
export const registry = new Map<string, Schema>()
export const schemaFile = (name: string) =>
  new URL(`../../../../docs/endpoints/snowplow/com.nymtrail/${name}/jsonschema/1-0-0`, import.meta.url)
for (const name of ['row', 'event'])
  registry.set(`iglu:com.nymtrail/${name}/jsonschema/1-0-0`, JSON.parse(readFileSync(schemaFile(name), 'utf8')))

type Described = { schema: string; data: unknown }
type Item = Record<string, string>

/** An enriched event: the atomic fields by the tracker's names, what it describes, and its entities by schema. */
export interface Enriched {
  item: Item
  event: Described | undefined
  entities: Described[]
}

function must(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(what)
}

/** Self-describing JSON in an envelope of Snowplow's, as a string. */
function unwrap(text: string, envelope: string): unknown {
  const { schema, data, ...rest } = JSON.parse(text)
  must(schema === `iglu:com.snowplowanalytics.snowplow/${envelope}/jsonschema/1-0-0`, `${envelope}: ${schema}`)
  must(!Object.keys(rest).length, 'more than schema and data')
  return data
}

function validated(described: unknown): Described {
  const { schema, data, ...rest } = described as Described
  must(IGLU.test(schema) && data !== undefined && !Object.keys(rest).length, 'not self-describing')
  const definition = registry.get(schema)
  must(definition, `ResolutionError: ${schema}`)
  const wrong = faults(data, definition)
  must(!wrong.length, `ValidationError: ${wrong.join()}`)
  return { schema, data }
}

export function enrich(item: Item): Enriched {
  for (const [name, value] of Object.entries(item)) {
    must(PARAMETERS.includes(name), `additional property ${name}`)
    must(typeof value === 'string', `${name} is not a string`)
  }
  for (const name of ['tv', 'p', 'e']) must(item[name], `${name} is missing`)
  must(['web', 'mob', 'pc', 'srv', 'app', 'tv', 'cnsl', 'iot'].includes(item.p as string), 'platform')
  must(['pv', 'pp', 'ue', 'se', 'tr', 'ti'].includes(item.e as string), 'event')
  for (const name of ['eid', 'sid']) must(item[name] === undefined || UUID.test(item[name] as string), `${name}: UUID`)
  for (const name of ['dtm', 'stm', 'ttm'])
    must(item[name] === undefined || /^\d{13}$/.test(item[name] as string), `${name}: milliseconds`)
  // Lengths of the table atomic.events.
  const lengths = { aid: 255, uid: 255, duid: 128, tv: 100, url: 4096, refr: 4096, page: 2000 }
  for (const [name, length] of Object.entries(lengths)) must((item[name] ?? '').length <= length, `${name} is too long`)
  must(item.url === undefined || URL.canParse(item.url), 'url')
  must(item.e !== 'ue' || item.ue_pr, 'ue_pr is missing')
  const entities = item.co === undefined ? [] : unwrap(item.co, 'contexts')
  must(Array.isArray(entities), 'contexts')
  return {
    item,
    event: item.ue_pr === undefined ? undefined : validated(unwrap(item.ue_pr, 'unstruct_event')),
    entities: entities.map(validated),
  }
}

/** `iglu:com.nymtrail/row/jsonschema/1-0-0` as loaders and SDKs name its column. */
const columnOf = (kind: string, schema: string) => {
  const [, vendor, name, version] = /^iglu:([^/]+)\/([^/]+)\/jsonschema\/(\d+)/.exec(schema) as unknown as string[]
  return `${kind}_${vendor?.replaceAll('.', '_')}_${name}_${version}`
}

/** An event as Snowplow's analytics SDKs give it, and as warehouses have it, but for atomic fields that do not matter here. */
function record({ item, event, entities }: Enriched): Record<string, unknown> {
  const contexts: Record<string, unknown[]> = {}
  for (const { schema, data } of entities) contexts[columnOf('contexts', schema)] = [data]
  return {
    app_id: item.aid,
    event_id: item.eid,
    event: item.e === 'pv' ? 'page_view' : 'unstruct',
    user_id: item.uid ?? null,
    domain_userid: item.duid ?? null,
    page_url: item.url ?? null,
    ...(event && { [columnOf('unstruct_event', event.schema)]: event.data }),
    ...contexts,
  }
}

/** `refuse` says of which links it finds fault with the event. */
export async function openSnowplow({ refuse = (_: string): boolean => false } = {}) {
  const good = new Map<string, Enriched>()
  const failed: { item: unknown; reason: string }[] = []
  const rowOf = ({ entities }: Enriched) =>
    entities.find(({ schema }) => schema.startsWith('iglu:com.nymtrail/row/'))?.data as Columns

  function pipeline(contentType: string | undefined, body: string) {
    let items: unknown[] = [body]
    try {
      must(CONTENT_TYPES.includes(contentType ?? ''), `contentType: ${contentType}`)
      const { schema, data, ...rest } = JSON.parse(body)
      must(/^iglu:com\.snowplowanalytics\.snowplow\/payload_data\/jsonschema\/1-0-\d$/.test(schema), 'payload_data')
      must(Array.isArray(data) && data.length && !Object.keys(rest).length, 'payload_data')
      items = data
    } catch (error) {
      failed.push({ item: body, reason: String(error) })
      return
    }
    for (const item of items as Item[])
      try {
        must(JSON.stringify(item).length <= MAX_EVENT, 'size violation')
        const enriched = enrich(item)
        must(!refuse(rowOf(enriched)?.nt_link), 'poisoned')
        if (!good.has(item.eid as string)) good.set(item.eid as string, enriched)
      } catch (error) {
        failed.push({ item, reason: String(error) })
      }
  }

  const double = await openDouble(({ method, path, headers, bytes, body }) => {
    if (method !== 'POST' || path !== '/com.snowplowanalytics.snowplow/tp2') return { status: 404 }
    if (bytes.length > MAX_BYTES) return { status: 413 }
    pipeline(headers['content-type'], body)
    return { headers: { 'content-type': 'text/plain' }, body: 'ok' }
  })
  return { ...double, good, failed, exported: () => [...good.values()].map(record) }
}

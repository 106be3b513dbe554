/**
 * Matomo's tracking API in bulk as its source has it (plugins/BulkTracking/Tracker, core/Tracker/Request.php,
 * plugins/CustomDimensions/Tracker): a request is tracked or invalid, and without a token only their number is told.
 */
import { openDouble } from '../harness.ts'

export const SITE = 3
/** The custom dimensions that the site has, all of scope action. */
export const DIMENSIONS = [1, 2, 5]
const DAY = 86_400

const KNOWN =
  /^(idsite|rec|apiv|cdo|_id|uid|url|urlref|action_name|e_[canv]|ca|send_image|token_auth|dimension[1-9]\d{0,2})$/

export interface Hit {
  parameters: Record<string, string>
  /** Seconds before the request. */
  ago: number
  dimensions: Record<string, string>
}

class Invalid extends Error {}

function read(text: unknown): Hit {
  // What is no string starting a query has no parameters, and a request without any is not tracked.
  const query = typeof text === 'string' && /^\?[^?#]+$/.test(text) ? new URLSearchParams(text) : undefined
  if (!query) throw new Error(`not a query: ${text}`)
  const parameters = Object.fromEntries(query)
  if ([...query].length !== Object.keys(parameters).length) throw new Error(`twice the same: ${text}`)
  for (const name of Object.keys(parameters)) if (!KNOWN.test(name)) throw new Error(`unknown: ${name}`)
  const { idsite, rec, cdo = '0', _id, uid, url, urlref, e_c, e_a, e_v } = parameters
  if (Number(idsite) !== SITE) throw new Invalid('UnexpectedWebsiteFoundException')
  if (rec !== '1') throw new Error('rec must be 1')
  if (!/^\d+$/.test(cdo)) throw new Invalid('cdo')
  if (Number(cdo) >= DAY) throw new Invalid(`Custom timestamp is ${cdo} seconds old, requires &token_auth...`)
  if (_id !== undefined && !/^[\da-f]{16}$/.test(_id)) throw new Invalid('_id')
  if (uid !== undefined && (!uid || uid.length > 200)) throw new Invalid('uid')
  for (const address of [url, urlref])
    if (address !== undefined && !/^https?:\/\/./.test(address)) throw new Invalid('not an address')
  if (e_c !== undefined || e_a !== undefined || e_v !== undefined) {
    if (!e_c?.trim() || !e_a?.trim()) throw new Invalid('an event needs category and action')
    if (e_v !== undefined && !/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(e_v)) throw new Invalid('e_v')
  }
  const dimensions: Record<string, string> = {}
  for (const id of DIMENSIONS) {
    const value = parameters[`dimension${id}`]
    if (value !== undefined) dimensions[id] = [...value.trim()].slice(0, 250).join('')
  }
  return { parameters, ago: Number(cdo), dimensions }
}

/**
 * `token`: the request comes through a proxy that adds one, so the answer names the invalid ones. `refuse` says of which
 * links it finds fault with the event.
 */
export async function openMatomo({ token = false, refuse = (_: string): boolean => false } = {}) {
  const hits: Hit[] = []
  const state = { locked: 0 }
  const double = await openDouble(({ method, path, body }) => {
    if (method !== 'POST' || path !== '/matomo.php') return { status: 404 }
    // Without `"requests"` in the body it is an ordinary tracking request without parameters.
    if (!body.includes('"requests"')) return { body: '<h1>Matomo</h1>' }
    let requests: unknown[]
    try {
      requests = JSON.parse(body).requests
    } catch {
      return { status: 400, body: { status: 'error', tracked: 0, invalid: 0 } }
    }
    const found: Hit[] = []
    const invalid: number[] = []
    try {
      requests.forEach((request, index) => {
        try {
          const hit = read(request)
          if (refuse(hit.dimensions['5'] as string)) throw new Invalid('poisoned')
          if (state.locked-- > 0) return
          found.push(hit)
        } catch (error) {
          if (!(error instanceof Invalid)) throw error
          invalid.push(index)
        }
      })
    } catch {
      // Any other exception rolls the transaction back.
      return { status: 500, body: { status: 'error', tracked: found.length, invalid: invalid.length } }
    }
    hits.push(...found)
    const answer = { status: 'success', tracked: found.length, invalid: invalid.length }
    return { body: token ? { ...answer, invalid_indices: invalid } : answer }
  })
  return { ...double, hits, state, exported: () => hits }
}

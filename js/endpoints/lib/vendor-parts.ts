/** What the services of product analytics have in common: PostHog, Segment and its kin, Amplitude, Mixpanel. */
import { settleByStatus } from '../../settle.js'
import type { EndpointResponse, Settlement } from '../../types.js'
import type { Columns, EventRow } from './event.js'

/**
 * Whose event a row is, for services that want an id with everything: the user's pseudonym, else the random id of this
 * browser. Rows that name neither (what opens a chain, what was erased) get the chain's id, which is as short-lived.
 */
export const personOf = ({ user, device, row }: EventRow): string => user ?? device ?? row.chain

/** Host and path of a reduced page address; empty for what is no such address. */
export function placeOf(url = ''): { host?: string; path?: string } {
  const [, host, path] = /^[a-z][\w+.-]*:\/\/([^/?#]*)([^?#]*)/i.exec(url) ?? []
  return { ...(host && { host }), ...(path && { path }) }
}

/**
 * Columns for a service that cuts strings at `size` characters: a longer body goes as the list of its pieces, which
 * joined are the body again. All other columns are shorter than any service's limit.
 */
export function inPieces({ nt_body, ...columns }: Columns, size: number): Record<string, unknown> {
  if (nt_body === undefined) return columns
  return { ...columns, nt_body: nt_body.length > size ? nt_body.match(new RegExp(`.{1,${size}}`, 'gs')) : nt_body }
}

/** Reads an answer's JSON, of which nothing is sure; `undefined` if it is none. */
export function readJson<T>(text: string): T | null | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return
  }
}

/**
 * What an answer means that does not say what became of the events: by its status, but never an acknowledgement. 402
 * and 403 are about money and rights, so the events stay.
 */
export const settleUnread = (response: EndpointResponse): Settlement =>
  [402, 403].includes(response.status) || response.status < 300 ? 'retry' : settleByStatus(response)

/** Whether a URL can only be of the page's own origin, so that no header needs a CORS preflight. */
export const isOwnOrigin = (url: string): boolean => /^\/(?!\/)/.test(url)

/** A base URL without what it ends in. */
export const trimSlash = (url: string): string => url.replace(/\/+$/, '')

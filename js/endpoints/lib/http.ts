/** What endpoints of services with their own wire formats share: which addresses and headers a page may use, and answers. */
import { settleByStatus } from '../../settle.js'
import type { EndpointResponse, Settlement } from '../../types.js'

/** Whether the address is on the page's own origin for certain: then no header needs a CORS preflight. */
export const isRelative = (url: string): boolean => !/^\s*([a-z][a-z\d+.-]*:|[/\\]{2})/i.test(url)

/** Whether a header's name says that it holds a credential: every visitor could read it. */
export const holdsSecret = (headers: Record<string, string> = {}): boolean =>
  Object.keys(headers).some((name) => /auth|cookie|key|password|secret|token/i.test(name))

/** The address with this at its end, once. */
export const withPath = (url: string, path: string): string => {
  const base = url.replace(/\/+$/, '')
  return base.endsWith(path) ? base : base + path
}

/**
 * An answer that does not say what became of the events: {@link settleByStatus}, but nothing is acknowledged, and for
 * 403, 406, 410 and 415 too the address, its rights or the media type are wrong, so the events stay.
 */
export const settleRefused = (response: EndpointResponse): Settlement =>
  response.status < 400 || [403, 406, 410, 415].includes(response.status) ? 'retry' : settleByStatus(response)

import type { EndpointResponse, Settlement } from './types.js'

/** 4xx of which no event can be the cause: address, rights (403 is also a firewall's word), quota, media type, or later. */
const NOT_THE_EVENTS = [401, 402, 403, 404, 405, 406, 408, 410, 415, 425, 429]

/**
 * What a status means for the events of a request, for services that say no more than that.
 * 2xx: taken. 408, 425, 429, 5xx: retry. 401 to 406, 410, 415: the address, the rights, the quota or the media type is
 * wrong, which says nothing of the events, so they stay (`endpoint_refused`). 413 and all others: split, so that one bad
 * event costs only itself.
 *
 * @example
 * ```ts
 * settle: (response) => settleByStatus(response)
 * ```
 */
export function settleByStatus({ status }: Pick<EndpointResponse, 'status'>): Settlement {
  if (status >= 200 && status < 300) return 'ack'
  return status < 400 || status >= 500 || NOT_THE_EVENTS.includes(status) ? 'retry' : 'split'
}

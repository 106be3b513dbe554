import type { EndpointResponse, Settlement } from './types.js'

/**
 * What a status means for the events of a request, for services that say no more than that.
 * 2xx: taken. 408, 425, 429, 5xx: retry. 401, 404, 405: the address or its rights are wrong, which says nothing of the
 * events, so they stay (`endpoint_refused`). 413 and all others: split, so that one bad event costs only itself.
 *
 * @example
 * ```ts
 * settle: (response) => settleByStatus(response)
 * ```
 */
export function settleByStatus({ status }: Pick<EndpointResponse, 'status'>): Settlement {
  if (status >= 200 && status < 300) return 'ack'
  return status < 400 || status >= 500 || [401, 404, 405, 408, 425, 429].includes(status) ? 'retry' : 'split'
}

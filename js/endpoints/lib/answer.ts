/** What answers mean, as far as that is the same for several services. */
import { settleByStatus } from '../../settle.js'
import type { EndpointResponse, Settlement } from '../../types.js'

/** Reads an answer's JSON, of which nothing is sure; `undefined` if it is none. */
export function readJson<T>(text: string): T | null | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return
  }
}

/** What an answer means that does not say what became of the events: {@link settleByStatus}, but it never acknowledges. */
export const settleUnread = (response: EndpointResponse): Settlement =>
  response.status < 400 ? 'retry' : settleByStatus(response)

/**
 * For services whose 2xx says that they got the request and nothing else. A web page in its place comes from
 * something else at that address (the site's own `index.html`, an error page with status 200), so it acknowledges nothing.
 */
export const receipt = (response: EndpointResponse): Settlement =>
  response.status < 300 && !/^\s*</.test(response.text) ? 'ack' : settleUnread(response)

import { settleByStatus } from '../../settle.js'
import type { EndpointResponse, Settlement } from '../../types.js'

/**
 * By status, for services whose 2xx says that they got the request and nothing else. A web page in its place comes from
 * something else at that address (the site's own `index.html`, an error page with status 200), so it acknowledges nothing.
 */
export const receipt = (response: EndpointResponse): Settlement =>
  response.status < 300 && /^\s*</.test(response.text) ? 'retry' : settleByStatus(response)

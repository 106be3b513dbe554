/** The demo's network switch. It changes where requests go, not the SDK. */

import type { Endpoint } from 'nymtrail'

/** Browsers refuse to open port 1, so a request to it fails as it would without a network. */
const NOWHERE = 'http://127.0.0.1:1/v1/batch'

/** Wraps an endpoint: while `online` says no, the same request goes to an address where nobody can answer. */
export function switchable(inner: Endpoint, online: () => boolean): Endpoint {
  return {
    // With its signer: the demo's chains are signed as a shop's would be.
    ...inner,
    encode(batch) {
      const request = inner.encode(batch)
      return request && !online() ? { ...request, url: NOWHERE } : request
    },
  }
}

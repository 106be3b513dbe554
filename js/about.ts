/** What an export says of the client itself. */
import type { Settings } from './options.js'
import { baseAddress } from './page.js'
import type { ExportedData } from './types.js'

/** What the client was set to, as far as it matters to whoever it records. */
export function about({ deployment, config = '', endpoint }: Settings): ExportedData['client'] {
  let host: string | undefined
  try {
    const nothing = { deployment, epoch: null, chain: '', rows: [], sentAt: 0, ageMs: 0 }
    host = new URL(endpoint.encode(nothing)?.url as string, baseAddress()).host
  } catch {
    // An endpoint that needs an event to say where it goes.
  }
  return { deployment, mode: config.split(' ')[1] as never, endpoint: endpoint?.name, host }
}

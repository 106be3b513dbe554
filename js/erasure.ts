/** Which of the chains that this device has sent the service is asked to erase. */
import type { Metas } from './browser/store.js'
import type { ErasureRequest } from './types.js'

/**
 * All chains in what was stored; the first of the pair is asked for. Without `earlier` these are the chains that the id in their
 * events joins already: requests at the same time would join others too, of other epochs, visits or people.
 *
 * A lane's record ends with token and id (`Lane::save` in src/core/lane.rs), a visit's has the device's id and its own in
 * the middle (`Visit::save` in src/core/visit.rs).
 */
export function chainsOf(metas: Metas, earlier?: boolean): [now: ErasureRequest[], left: ErasureRequest[]] {
  const [, , , device, visit] = (metas.find(([key]) => key === 'visit')?.[1] ?? '').split(' ')
  const now: ErasureRequest[] = []
  const left: ErasureRequest[] = []
  for (const [key, value] of metas) {
    const [, chain] = key.split('lane/')
    const [token = '-', whose] = value.split(' ').slice(7)
    if (chain && token !== '-')
      (earlier || (whose && [device, visit].includes(whose)) ? now : left).push({ chain, token })
  }
  return [now, left]
}

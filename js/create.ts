import { makeTrail } from './client.js'
import type { LoadCore } from './core.js'
import { say } from './errors.js'
import { readOptions, type Settings } from './options.js'
import { inPage, page } from './page.js'
import type { EventMap, Options, Props, Trail } from './types.js'

/** The type of `createTrail()`, with what an entry adds to the options. */
export type CreateTrail<Extra = unknown> = <Events extends EventMap<Events> = Record<string, Props>>(
  options: Options & Extra,
) => Trail<Events>

/** Makes the `createTrail()` of an entry from its way to load the core; tests pass a core of their own. */
export function createClient<Extra = unknown>(load: LoadCore<Options & Extra>): CreateTrail<Extra> {
  return (options) => {
    // Nothing here can do harm, but it can't do anything either; so neither is anything checked nor kept.
    if (!inPage()) return makeTrail(idle, nothing, 'no_dom', nothing) as Trail<never>
    const settings = readOptions(options)
    if ('code' in settings) {
      const { code, option } = settings
      say('warn', code, `${option}: `)
      return makeTrail(idle, nothing, code, nothing) as Trail<never>
    }
    const { trails } = page()
    const { deployment } = settings
    const known = trails.get(deployment)
    if (known) return known as Trail<never>
    const trail = makeTrail(
      settings,
      () => load(options),
      undefined,
      () => {
        if (trails.get(deployment) === trail) trails.delete(deployment)
      },
    )
    trails.set(deployment, trail)
    return trail as Trail<never>
  }
}

const nothing = () => Promise.resolve('no_dom' as const)

/** Settings of a client that does nothing. */
const idle = { consent: 'denied', config: '' } as Settings

import { makeTrail } from './client.js'
import type { LoadCore } from './core.js'
import { say } from './errors.js'
import { readOptions, type Settings } from './options.js'
import { inBrowser, page } from './page.js'
import type { EventMap, Options, Props, Schema, Trail } from './types.js'

/** The type of `createTrail()`, with what an entry adds to the options. */
export interface CreateTrail<Extra = unknown> {
  /** Events as the schema declares them. */
  <Events extends EventMap<Events>>(options: Options & Extra & { schema: Schema<Events> }): Trail<Events>
  /** Events as the type argument says; without one, any. */
  <Events extends EventMap<Events> = Record<string, Props>>(options: Options & Extra): Trail<Events>
}

/** Makes the `createTrail()` of an entry from its way to load the core; tests pass a core of their own. */
export function createClient<Extra = unknown>(load: LoadCore<Options & Extra>): CreateTrail<Extra> {
  return (options: Options & Extra) => {
    // On a server nothing can do harm, but it can't do anything either; so neither is anything checked, said nor kept.
    const settings = inBrowser() ? readOptions(options) : { code: 'no_dom' as const, option: '' }
    if ('code' in settings) {
      const { code, option } = settings
      if (option) say('warn', code, `${option}: `)
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

const nothing = async () => 'no_dom' as const

/** Settings of a client that does nothing. */
const idle = { consent: 'denied' } as Settings

/**
 * Pseudonymous analytics with a trail nobody can quietly alter. This entry carries the wasm inlined, so that it works
 * in every bundler and without one; `nymtrail/slim` is the same without it.
 *
 * @packageDocumentation
 */
import inlined from '../build/wasm/inlined.js'
import { type CreateTrail, createClient } from './create.js'
import { inflate, makeLoader } from './load.js'
import { instantiate } from './wasm.js'

export type { Code } from './errors.js'
export type * from './types.js'

const load = /* @__PURE__ */ makeLoader(instantiate)

/**
 * Creates the client of a deployment, or returns the one this page has already. It returns at once and never throws:
 * calls wait in memory until consent is given and the core is there. Wrong options give one console warning
 * (`invalid_options`, `endpoint_needs_proxy`) and a client that does nothing; so does a server without a page, silently.
 *
 * @typeParam Events - Map from event names to their properties, which types {@link Trail.track}.
 * @example
 * ```ts
 * import { createTrail } from 'nymtrail'
 *
 * type Shop = { view: { product: string }; checkout: { items: number; total: number } }
 *
 * export const trail = createTrail<Shop>({
 *   deployment: 'shop',
 *   endpoint: '/ingest',
 *   salt: '/epochs.json',
 * })
 * trail.page()
 * trail.track('checkout', { items: 3, total: 59.9 })
 * banner.onAccept = () => trail.consent('granted')
 * ```
 */
export const createTrail: CreateTrail = /* @__PURE__ */ createClient(() => load(() => inflate(inlined)))

// Where the built things under test are. The environment may name others.
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

export const root = here('../..')
/** The package as it is published. */
export const dist = process.env.NYMTRAIL_DIST ?? here('../../dist')
/** The demo page. */
export const demo = process.env.NYMTRAIL_DEMO ?? here('../../www/dist')
/** The collector. */
export const program = process.env.NYMTRAIL_BIN ?? here('../../target/release/nymtrail')
/** Where the browser's rows go for the check in SQL. */
export const exported = here('../../build/browser-export.ndjson')
/** Where the proofs and the log of a browser's chain go. */
export const browserChain = (engine) => here(`../../build/browser-${engine}.json`)

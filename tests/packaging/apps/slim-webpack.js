// The slim entry with webpack: the wasm as an asset of the application.
import { createTrail } from 'nymtrail/slim'
import { record } from './record.js'

const wasm = new URL('nymtrail/nymtrail.wasm', import.meta.url)

globalThis.outcome = record((options) => createTrail({ ...options, wasm }))

// The slim entry with Vite: the wasm as an asset of the application.
import wasm from 'nymtrail/nymtrail.wasm?url'
import { createTrail } from 'nymtrail/slim'
import { record } from './record.js'

globalThis.outcome = record((options) => createTrail({ ...options, wasm }))

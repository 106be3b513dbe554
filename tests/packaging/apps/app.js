// What a web application does with the package.
import { createTrail } from 'nymtrail'
import { record } from './record.js'

globalThis.outcome = record(createTrail)

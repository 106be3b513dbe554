// Compiled, not run: the types as a strict application sees them. A line marked as an expected error must be one.
import { createTrail, type Endpoint, type Trail } from 'nymtrail'
import { collector } from 'nymtrail/endpoints/collector'
import { json } from 'nymtrail/endpoints/json'
import * as slim from 'nymtrail/slim'
import * as testing from 'nymtrail/testing'

const endpoint: Endpoint = collector('https://in.example/v1/batch')
const trail: Trail = createTrail({ deployment: 'shop', endpoint })
trail.track('opened', { shelf: 3 })
// @ts-expect-error A name is a string.
trail.track(3)
// @ts-expect-error The endpoint is missing.
createTrail({ deployment: 'shop' })

export const all = [json('https://in.example/events'), slim, testing]

// Compiled, not run: the types as a strict application sees them. A line marked as an expected error must be one.
import { createTrail, type Endpoint, type Trail } from 'nymtrail'
import { dictionary, markdown } from 'nymtrail/dictionary'
import { collector } from 'nymtrail/endpoints/collector'
import { json } from 'nymtrail/endpoints/json'
import { choice, flag, identifier, number, optional, schema, text } from 'nymtrail/schema'
import * as slim from 'nymtrail/slim'
import * as testing from 'nymtrail/testing'

const endpoint: Endpoint = collector('https://in.example/v1/batch')
const trail: Trail = createTrail({ deployment: 'shop', endpoint })
trail.track('opened', { shelf: 3 })
// @ts-expect-error A name is a string.
trail.track(3)
// @ts-expect-error The endpoint is missing.
createTrail({ deployment: 'shop' })

const shop = schema({
  purpose: 'To see where ordering is hard',
  events: {
    leave: {},
    checkout: {
      properties: {
        items: number('How many', { whole: true, min: 1 }),
        express: flag('Delivery by tomorrow'),
        list: choice('Where it was clicked', ['search', 'home']),
        order: identifier('The order number'),
        reason: optional(text('Why something was changed', { max: 80 })),
      },
    },
  },
})
const declared = createTrail({ deployment: 'shop', endpoint, schema: shop, profile: 'product', strict: true })
declared.track('leave')
declared.track('checkout', { items: 1, express: false, list: 'home', order: 17 })
declared.track('checkout', { items: 1, express: false, list: 'home', order: 'A', reason: 'too late' })
// @ts-expect-error Not to choose from.
declared.track('checkout', { items: 1, express: false, list: 'street', order: 'A' })
// @ts-expect-error Not declared.
declared.track('other')
slim.createTrail({ deployment: 'shop', endpoint, schema: shop, wasm: '/nymtrail.wasm' }).track('leave')
testing.createTestTrail({ schema: shop }).track('leave')
const texts: string[] = [markdown(shop), ...dictionary(shop).entries.map(({ purpose }) => purpose)]

export const all = [texts, json('https://in.example/events'), slim, testing]

import { expect, test } from 'vitest'
import { createTestTrail, type Trail } from '../../../testing.ts'

type Shop = { view: { product: string }; checkout: { items: number; total: number } }

/** The code under test: it gets the client instead of importing it. */
function openCart(trail: Trail<Shop>, items: { price: number }[]) {
  return {
    async pay() {
      const total = items.reduce((sum, { price }) => sum + price, 0)
      await Promise.resolve() // the payment
      trail.track('checkout', { items: items.length, total })
    },
  }
}

test('paying is tracked once, with what was bought', async () => {
  const trail = createTestTrail<Shop>()
  void openCart(trail, [{ price: 20 }, { price: 39.9 }]).pay()
  const { props } = await trail.testing.waitFor('checkout')
  expect(props).toEqual({ items: 2, total: 59.9 })
  expect(trail.testing.count('checkout')).toBe(1)
  expect(trail.warnings).toEqual([])
})

test('nothing is recorded without consent', async () => {
  const trail = createTestTrail<Shop>({ consent: 'denied' })
  await openCart(trail, [{ price: 20 }]).pay()
  expect(trail.events).toEqual([])
  expect((await trail.stats()).dropped.consent).toBe(1)
})

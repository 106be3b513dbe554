import { describe, expect, expectTypeOf, test } from 'vitest'
import { createTestTrail, explain } from '../../testing.ts'
import { addsUp } from '../fake.ts'

describe('a client for tests', () => {
  test('records at once, as JSON would carry it', () => {
    const trail = createTestTrail()
    trail.page('home')
    trail.page()
    trail.track('checkout', { items: 3, gone: undefined })
    trail.identify('Ann@Example.org', { plan: 'pro' })
    trail.group(7)
    expect(trail.events).toEqual([
      { kind: 'page', name: 'home', props: {} },
      { kind: 'page', props: {} },
      { kind: 'track', name: 'checkout', props: { items: 3 } },
      { kind: 'identify', type: 'email', id: 'ann@example.org', traits: { plan: 'pro' } },
      { kind: 'group', type: 'opaque', id: '7', traits: {} },
    ])
    trail.clear()
    expect(trail.events).toEqual([])
  })

  test('keeps to consent', async () => {
    const trail = createTestTrail({ consent: 'pending' })
    for (let n = 0; n < 102; n++) trail.track(`e${n}`)
    expect([trail.events.length, await trail.ready()]).toEqual([0, { state: 'waiting', code: 'consent_pending' }])
    trail.consent('granted')
    expect(trail.events).toHaveLength(100)
    trail.consent('denied')
    trail.track('late')
    expect(await trail.ready()).toEqual({ state: 'inert', code: 'consent_denied' })
    const stats = await trail.stats()
    expect([stats.captured, stats.dropped.consent, addsUp(stats)]).toEqual([103, 3, true])
    await trail.erase()
    expect(trail.events).toEqual([])
  })

  test('says what was wrong, by code', async () => {
    const trail = createTestTrail()
    trail.track(7 as never)
    trail.track('a', [] as never)
    trail.track('a', { n: 1n } as never)
    trail.track('a', { text: 'x'.repeat(100_000) })
    trail.identify('')
    trail.consent('yes' as never)
    await trail.close()
    trail.track('b')
    expect(trail.warnings).toEqual([
      'invalid_name',
      'invalid_properties',
      'unserialisable',
      'too_large',
      'invalid_identifier',
      'invalid_options',
      'closed',
    ])
    const stats = await trail.stats()
    expect([stats.captured, stats.dropped, stats.rejected]).toMatchObject([
      3,
      { scrubbed: 1, too_large: 1, inert: 1 },
      { invalid_name: 1, invalid_properties: 1, invalid_identifier: 1 },
    ])
    expect([trail.events, await trail.ready()]).toEqual([[], { state: 'inert', code: 'closed' }])
    expect(explain('closed')).toMatch(/closed/)
  })

  test('finds, counts and waits for what was recorded', async () => {
    const { testing, ...trail } = createTestTrail()
    expect([testing.count(), testing.last(), testing.find('view')]).toEqual([0, undefined, []])
    trail.page('home')
    trail.track('view', { n: 1 })
    trail.track('view', { n: 2 })
    trail.identify('ann@example.org')
    expect([testing.count(), testing.count('view'), testing.count(({ kind }) => kind === 'identify')]).toEqual([
      4, 2, 1,
    ])
    expect([testing.last('view')?.props.n, testing.last('home')?.kind, testing.last()?.kind]).toEqual([
      2,
      'page',
      'identify',
    ])
    expect([testing.last('gone'), testing.find('view').map(({ props }) => props.n)]).toEqual([undefined, [1, 2]])
    // What is there already, and what comes later; the first one each time.
    expect((await testing.waitFor('view')).props.n).toBe(1)
    const late = Promise.all([testing.waitFor('late'), testing.waitFor((event) => event.kind === 'group')])
    trail.group('acme')
    trail.track('late')
    trail.track('late', { n: 2 })
    expect(await late).toEqual([
      { kind: 'track', name: 'late', props: {} },
      { kind: 'group', type: 'opaque', id: 'acme', traits: {} },
    ])
    trail.clear()
    expect(testing.count()).toBe(0)
  })

  test('waits no longer than it is told, and says what it has seen', async () => {
    const { testing, ...trail } = createTestTrail()
    await expect(testing.waitFor('a', 5)).rejects.toThrow('Waited 5 ms for a; recorded: nothing')
    trail.page()
    trail.track('b')
    await expect(testing.waitFor(() => false, 5)).rejects.toThrow('a matching event; recorded: page, b')
    const broken = expect(
      testing.waitFor((event) => {
        throw new Error(event.kind)
      }),
    ).rejects.toThrow('page')
    trail.track('c')
    await broken
  })

  test('what waits for consent is found once it is given', async () => {
    const { testing, ...trail } = createTestTrail({ consent: 'pending' })
    const found = testing.waitFor('view')
    trail.track('view')
    expect(testing.count()).toBe(0)
    trail.consent('granted')
    expect((await found).name).toBe('view')
  })

  test('answers every question', async () => {
    const trail = createTestTrail()
    expect(await trail.ready()).toEqual({ state: 'ready', storage: 'memory' })
    expect(await trail.flush()).toEqual({ done: true })
    expect((await trail.verify()).verdict).toBe('unchecked')
    expect(await trail.export()).toMatchObject({ rows: [], ndjson: '', records: {} })
  })
})

test('names and properties are typed by the map of events', () => {
  interface Shop {
    view: { product: string; price?: number }
    signout: { reason?: string }
  }
  const trail = createTestTrail<Shop>()
  trail.track('view', { product: 'shoe' })
  trail.track('signout')
  // @ts-expect-error a name that is not in the map
  trail.track('veiw', { product: 'shoe' })
  // @ts-expect-error a property of the wrong type
  trail.track('view', { product: 7 })
  // @ts-expect-error a property that is missing
  trail.track('view')
  // @ts-expect-error a property too many
  trail.track('signout', { reason: 'x', other: 1 })
  expectTypeOf(trail.track).parameter(0).toEqualTypeOf<'view' | 'signout'>()
  createTestTrail().track('anything', { at: ['all', 1, null, { deep: true }] })
  // @ts-expect-error a function is no property
  createTestTrail().track('anything', { call: () => 1 })
  expect(trail.events).toHaveLength(6)
})

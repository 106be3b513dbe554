/** Schemas: types, what is let through, and, with the real core, that nothing else leaves. It needs `npm run build`. */
import { afterEach, beforeEach, describe, expect, expectTypeOf, test, vi } from 'vitest'
import { dictionary, markdown } from '../dictionary.ts'
import { createTrail } from '../index.ts'
import { choice, flag, identifier, number, optional, type Properties, type Property, schema, text } from '../schema.ts'
import { createTestTrail, fakeNetwork, fakePage, fakeStore } from '../testing.ts'
import type { Trail } from '../types.ts'
import { addsUp } from './fake.ts'

const shop = schema({
  title: 'Shop',
  purpose: 'To see where ordering is hard',
  retention: '25 months',
  events: {
    view: { properties: { list: choice('Where it was clicked', ['search', 'home', 3]) } },
    checkout: {
      description: 'An order | was placed',
      purpose: 'Revenue',
      properties: {
        items: number('How many', { whole: true, min: 1, max: 99 }),
        total: number('The sum'),
        express: flag('Delivery by tomorrow'),
        note: optional(text('For the courier', { max: 10 })),
        order: optional(identifier('The order number')),
      },
    },
    leave: {},
  },
  pages: { home: {}, '': { properties: { theme: optional(choice('Colours', ['dark', 'light'])) } } },
  user: { properties: { plan: choice('What is paid for', ['free', 'pro']) } },
})
const { write } = shop

describe('what is written', () => {
  const written = (props: unknown, name = 'checkout') => {
    const left: string[] = []
    return [write(props, 'track', name, (code) => left.push(code)), left]
  }
  const right = { items: 2, total: 9.5, express: false }

  test('what is declared, in the order of the declaration, each read once', () => {
    expect(written({ express: false, total: 9.5, items: 2 })).toEqual(['{"items":2,"total":9.5,"express":false}', []])
    expect(written({ ...right, note: 'ring', order: 17n })).toEqual([
      '{"items":2,"total":9.5,"express":false,"note":"ring","order":"17"}',
      [],
    ])
    expect(written({ list: 3 }, 'view')).toEqual(['{"list":3}', []])
    expect(written(undefined, 'leave')).toEqual(['', []])
    let reads = 0
    const sly = {
      ...right,
      get items() {
        return reads++ ? 'ada@example.org' : 2
      },
    }
    expect(written(sly)[0]).toBe('{"items":2,"total":9.5,"express":false}')
  })

  test('events that are not declared are not', () => {
    for (const name of ['other', '', 'constructor', '__proto__', 'toString'])
      expect(written(right, name)).toEqual(['unknown_schema', []])
    expect(write({}, 'page', 'home', vi.fn())).toBe('')
    expect(write({ theme: 'dark' }, 'page', undefined, vi.fn())).toBe('{"theme":"dark"}')
    expect(write({}, 'page', 'ada@example.org', vi.fn())).toBe('unknown_schema')
    expect(write({ plan: 'pro', name: 'Ada' }, 'user', undefined, vi.fn())).toBe('{"plan":"pro"}')
    expect(write({ name: 'Acme' }, 'group', undefined, vi.fn())).toBe('')
  })

  test('properties that are not declared are left out, each told of once', () => {
    const props = Object.assign(JSON.parse('{"__proto__":1,"constructor":2}'), right, { mail: 'a', toJSON: () => 'x' })
    expect(written(props)).toEqual(['{"items":2,"total":9.5,"express":false}', Array(4).fill('undeclared_property')])
  })

  test.each([
    ['items', [0, 100, 1.5, '2', Number.NaN, null, undefined, 2n]],
    ['total', [Number.POSITIVE_INFINITY, {}, [1], true]],
    ['express', [0, 'false', null]],
    ['note', ['12345678901', 5, ['a']]],
    ['order', ['x'.repeat(4097), {}, Number.NaN, true, null]],
  ])('%s of another type is left out', (name, values) => {
    for (const value of values) {
      const rest = Object.entries(right).filter(([key]) => key !== name)
      expect(written({ ...right, [name]: value })).toEqual([
        JSON.stringify(Object.fromEntries(rest)),
        ['wrong_property'],
      ])
    }
  })

  test('whatever is passed, it does not throw', () => {
    expect(written('text')[0]).toBe('invalid_properties')
    expect(written([1])[0]).toBe('invalid_properties')
    const trap = {
      get items() {
        throw new Error('no')
      },
    }
    expect(written(trap)[0]).toBe('unserialisable')
  })

  test('a declaration that cannot be meant throws', () => {
    const wrong = (properties: Properties) => () => schema({ events: { a: { properties } } })
    expect(wrong({ t: text('x', { max: 257 }) })).toThrow('a.t may have 1 to 256')
    expect(wrong({ t: text('x', { max: 0 }) })).toThrow(TypeError)
    expect(wrong({ '': flag('x') })).toThrow('has no name')
    expect(wrong({ c: { type: 'choice', description: '', values: [] } })).toThrow('nothing to choose from')
    expect(() =>
      schema({ events: { a: { properties: { id: identifier('') } }, b: { properties: { id: text('') } } } }),
    ).toThrow('b.id is an identifier in one event and none in another')
    expect(shop.identifiers).toEqual(['order'])
  })
})

test('the types of events follow from it', () => {
  const create = () => createTrail({ deployment: 'shop', endpoint: '/ingest', schema: shop })
  type Shop = ReturnType<typeof create> extends Trail<infer Events> ? Events : never
  expectTypeOf<Shop['view']>().toEqualTypeOf<{ list: 'search' | 'home' | 3 }>()
  expectTypeOf<Shop['checkout']>().toEqualTypeOf<{
    items: number
    total: number
    express: boolean
    note?: string | undefined
    order?: string | number | bigint | undefined
  }>()
  expectTypeOf<keyof Shop>().toEqualTypeOf<'view' | 'checkout' | 'leave'>()
  const trail = {} as ReturnType<typeof create>
  void (() => {
    trail.track('leave')
    trail.track('view', { list: 'home' })
    // @ts-expect-error not to choose from
    trail.track('view', { list: 'street' })
    // @ts-expect-error not declared
    trail.track('other')
    // @ts-expect-error required
    trail.track('checkout', { items: 1 })
  })
  // Without a schema all is as it was.
  expectTypeOf(createTrail({ deployment: 'a', endpoint: '/' })).toEqualTypeOf<Trail>()
  expectTypeOf(createTrail<{ a: { b: 1 } }>({ deployment: 'a', endpoint: '/' })).toEqualTypeOf<Trail<{ a: { b: 1 } }>>()
})

test('the dictionary says what is recorded, as JSON and as Markdown', () => {
  const { entries, added } = dictionary(shop)
  expect(entries.map(({ call, name }) => `${call} ${name}`)).toEqual([
    'track view',
    'track checkout',
    'track leave',
    'page home',
    'page ',
    'identify ',
  ])
  expect(entries[1]).toMatchObject({ purpose: 'Revenue', retention: '25 months' })
  expect(entries[1]?.properties[0]).toEqual({
    name: 'items',
    holds: 'a whole number from 1 up to 99',
    required: true,
    description: 'How many',
  })
  expect(added.map(({ field }) => field)).toContain('d')
  const text = markdown(shop)
  expect(text).toMatch(/^# Shop\n/)
  expect(text).toContain('## track `checkout`\n\nAn order \\| was placed\n\n- Purpose: Revenue\n- Kept: 25 months\n')
  expect(text).toContain('| `list` | one of "search", "home", 3 | yes | Where it was clicked |')
  expect(text).toContain("| `order` | a pseudonym of the epoch, in this property's own namespace | no |")
})

test('the client for tests records what the schema lets through', async () => {
  const trail = createTestTrail({ schema: shop })
  trail.track('view', { list: 'home', more: 1 } as { list: 'home' })
  trail.page('ada')
  trail.identify('ada', { plan: 'pro', name: 'Ada' })
  expect(trail.events).toEqual([
    { kind: 'track', name: 'view', props: { list: 'home' } },
    { kind: 'identify', type: 'opaque', id: 'ada', traits: { plan: 'pro' } },
  ])
  expect(trail.warnings).toEqual(['undeclared_property', 'unknown_schema', 'undeclared_property'])
  expect(await trail.stats()).toMatchObject({ captured: 3, dropped: { unknown_schema: 1 }, stored: 2 })
})

describe('with the real core', () => {
  let page: ReturnType<typeof fakePage>
  let network: ReturnType<typeof fakeNetwork>
  let store: ReturnType<typeof fakeStore>
  beforeEach(() => {
    page = fakePage({ url: 'https://shop.example/cart' })
    network = fakeNetwork()
    store = fakeStore()
    for (const level of ['warn', 'info'] as const) vi.spyOn(console, level).mockImplementation(() => {})
  })
  afterEach(() => {
    for (const fake of [store, network, page]) fake.remove()
    vi.restoreAllMocks()
  })

  /** A generator that repeats, so that a failure can be looked at. */
  function random(seed: number) {
    return (below: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
      return Math.floor((seed / 2 ** 32) * below)
    }
  }

  test.each([1, 2, 3, 4])('nothing that is not declared is stored or sent (seed %i)', async (seed) => {
    const pick = random(seed)
    const from = <T>(list: readonly T[]) => list[pick(list.length)] as T
    let marks = 0
    /** Something that must not turn up again: everything undeclared holds one. */
    const mark = () => `qz${seed}x${marks++}zq`
    const anything = (depth = 0): unknown =>
      from([
        mark,
        () => ({ [mark()]: mark() }),
        () => [mark(), depth < 3 ? anything(depth + 1) : mark()],
        () => ({ toJSON: () => mark() }),
        () => Object.create({ items: mark() }, { items: { value: mark(), enumerable: true } }),
        () => new String(mark()),
        () => Symbol(mark()),
      ])()
    const properties: Record<string, Property> = {
      n: number('', { max: 9 }),
      f: optional(flag('')),
      t: optional(text('', { max: 3 })),
      c: choice('', ['one', 'two']),
      id: optional(identifier('')),
    }
    const good: Record<string, () => unknown> = {
      n: () => pick(9),
      f: () => !pick(2),
      t: () => 'abc',
      c: () => from(['one', 'two']),
      id: mark,
    }
    const declared = schema({ events: { a: { properties }, b: { properties: { n: number('') } } }, pages: { p: {} } })
    const trail = createTrail({
      deployment: 'shop',
      endpoint: '/ingest',
      consent: 'granted',
      salt: { secret: '1'.repeat(64) },
      schema: declared,
    }) as unknown as Trail
    await trail.ready()
    const expected = { captured: 0, unknown: 0, undeclared: 0, wrong: 0 }
    for (let call = 0; call < 100; call++) {
      const props: Record<string, unknown> = {}
      for (const name of Object.keys(properties)) {
        const kind = pick(4)
        if (kind) props[name] = kind < 3 ? (good[name] as () => unknown)() : anything()
      }
      for (let more = pick(3); more; more--) props[from([mark(), '__proto__x', 'constructor', 'n '])] = anything()
      const event = from(['a', 'b', mark()])
      expected.captured++
      const known = event === 'a' ? properties : event === 'b' ? { n: 1 } : undefined
      if (!known) expected.unknown++
      else expected.undeclared += Object.keys(props).filter((name) => !Object.hasOwn(known, name)).length
      const how = pick(6)
      if (how === 0) trail.page(mark(), props as never)
      else if (how === 1) trail.identify(mark(), props as never)
      else trail.track(event, props as never)
      if (how > 1) continue
      // Page views and traits have their own declarations, of which there is none for these.
      if (how === 0 && known) expected.unknown++
      if (how === 1 && !known) expected.unknown--
      if (known) expected.undeclared -= Object.keys(props).filter((name) => !Object.hasOwn(known, name)).length
      if (how === 1) expected.undeclared += Object.keys(props).length
    }
    await trail.flush()
    const stats = await trail.stats()
    const bytes = network.requests.map(({ url, text }) => url + text).join('\n') + JSON.stringify(store.rows)
    expect(network.requests.length).toBeGreaterThan(0)
    // Identifiers are marks too: they are recorded as pseudonyms.
    expect(bytes).toContain('p1.')
    expect(bytes.match(/qz\d+x\d+zq/g)).toBeNull()
    const names = new Set(Array.from(bytes.matchAll(/\\"([a-z ]+)\\":/g), ([, name]) => name))
    for (const name of ['constructor', '__proto__x', 'n ', 'items']) expect(names).not.toContain(name)
    for (const { body } of store.rows.filter(({ seq }) => seq)) {
      const { p = {} } = JSON.parse(String(body))
      for (const [name, value] of Object.entries(p)) {
        expect(Object.keys(properties)).toContain(name)
        if (name === 'c') expect(['one', 'two']).toContain(value)
        if (name === 't') expect(value).toBe('abc')
        if (name === 'n') expect(value).toBeTypeOf('number')
        if (name === 'id') expect(value).toMatch(/^p1\./)
      }
    }
    expect([stats.captured, stats.dropped.unknown_schema]).toEqual([expected.captured, expected.unknown])
    expect(stats.properties.undeclared_property).toBe(expected.undeclared)
    expect(stats.properties.wrong_property).toBeGreaterThan(0)
    expect(addsUp(stats)).toBe(true)
    await trail.close()
  })
})

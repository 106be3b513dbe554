/**
 * What may be recorded, declared once: the declaration gives the types of the events, the list of what is let through at
 * run time, and the text of a data dictionary (`npx nymtrail dictionary schema.js`). An entry of its own, so that pages
 * without a schema do not pay for it.
 *
 * @packageDocumentation
 */
import type { Code } from './errors.js'
import type { Described, Props, Schema } from './types.js'

export type { Described, Schema } from './types.js'

/** The longest text that may be declared: longer strings are prose, and prose holds names. */
const MAX_TEXT = 256
/** The longest identifier, as for `identify()`. */
const MAX_IDENTIFIER = 4096
/** The longest name of an event or a property, as the core has it. */
const MAX_NAME = 128

/** A value that can be declared literally. */
export type Literal = string | number | boolean

/** A declared property. `T` is the type of its values. */
export interface Property<T = unknown> {
  /** What kind of value. */
  readonly type: 'number' | 'flag' | 'text' | 'choice' | 'identifier'
  /** What it means, for the data dictionary. */
  readonly description: string
  /** It may be missing. */
  readonly optional?: boolean
  /** Of a number: the least and the greatest. */
  readonly min?: number | undefined
  /** Of a number the greatest; of a text the most characters. */
  readonly max?: number | undefined
  /** Of a number: no fractions. */
  readonly whole?: boolean | undefined
  /** Of a choice: what there is to choose from. */
  readonly values?: readonly Literal[]
  /** The type of its values; there is no such member. */
  readonly of?: T
}

/** A property that may be missing. */
export interface OptionalProperty<T = unknown> extends Property<T> {
  /** It may. */
  readonly optional: true
}

/** Declared properties, by name. */
export type Properties = { readonly [name: string]: Property }

/** An event, a page or traits, declared. */
export interface Declared {
  /** What it means, for the data dictionary. */
  readonly description?: string
  /** What it is recorded for, if not for what the whole schema says. */
  readonly purpose?: string
  /** How long it is kept, likewise. A text for the data dictionary: nothing is deleted by it. */
  readonly retention?: string
  /** Its properties; default none. */
  readonly properties?: Properties
}

/** What {@link schema} takes. */
export interface Declaration {
  /** The title of the data dictionary. */
  readonly title?: string
  /** What everything is recorded for. */
  readonly purpose?: string
  /** How long it is kept. */
  readonly retention?: string
  /** The events of `track()`, by name. */
  readonly events: { readonly [name: string]: Declared }
  /** The named pages of `page()`; `''` declares the properties of page views without a name, which need no declaration. */
  readonly pages?: { readonly [name: string]: Declared }
  /** The traits of `identify()`. */
  readonly user?: Declared
  /** The traits of `group()`. */
  readonly group?: Declared
}

type Flat<T> = { [Name in keyof T]: T[Name] }
type OptionalNames<P> = { [Name in keyof P]: P[Name] extends { optional: true } ? Name : never }[keyof P]
type ValueOf<P> = P extends Property<infer T> ? T : never

/** The type of properties that were declared. */
export type PropsOfDeclared<P> = Flat<
  { -readonly [Name in Exclude<keyof P, OptionalNames<P>>]: ValueOf<P[Name]> } & {
    -readonly [Name in OptionalNames<P>]?: ValueOf<P[Name]> | undefined
  }
>

/** The event map of a declaration, as `createTrail<Events>()` takes it. */
export type EventsOf<D extends Declaration> = {
  -readonly [Name in keyof D['events']]: D['events'][Name] extends { properties: infer P }
    ? PropsOfDeclared<P>
    : Record<never, never>
}

/** A schema and the declaration that made it. */
export interface DeclaredSchema<Events> extends Schema<Events> {
  /** What {@link schema} was given. */
  readonly declaration: Declaration
}

/** A finite number. `whole`: no fractions; `min` and `max` are allowed themselves. */
export const number = (
  description: string,
  limits: { min?: number; max?: number; whole?: boolean } = {},
): Property<number> => ({ type: 'number', description, ...limits })

/** `true` or `false`. */
export const flag = (description: string): Property<boolean> => ({ type: 'flag', description })

/** One of these values and no other: what most strings should be. */
export const choice = <const Values extends readonly [Literal, ...Literal[]]>(
  description: string,
  values: Values,
): Property<Values[number]> => ({ type: 'choice', description, values })

/**
 * Free text of at most `max` characters (default 64, no more than 256). What people write holds what no pattern finds, such
 * as names, so {@link choice} is better wherever it will do. The detectors look through it as they do without a schema.
 */
export const text = (description: string, { max = 64 }: { max?: number } = {}): Property<string> => ({
  type: 'text',
  description,
  max,
})

/** An identifier: a pseudonym of the property's own namespace is recorded, and nothing where none can be made. */
export const identifier = (description: string): Property<string | number | bigint> => ({
  type: 'identifier',
  description,
})

/** Allows a property to be missing. */
export const optional = <T>(property: Property<T>): OptionalProperty<T> => ({ ...property, optional: true })

/**
 * Declares what may be recorded. An event that is not in it is dropped (`unknown_schema`); a property that is not in it,
 * or not of its type, is left out and counted (`stats().properties`). Throws a TypeError for a declaration that can't be
 * meant: it is the same in each run.
 *
 * @example
 * ```ts
 * import { createTrail } from 'nymtrail'
 * import { choice, identifier, number, optional, schema } from 'nymtrail/schema'
 *
 * export const shop = schema({
 *   purpose: 'To see where ordering is hard',
 *   retention: '25 months',
 *   events: {
 *     view: { properties: { list: choice('Where it was clicked', ['search', 'home', 'mail']) } },
 *     checkout: {
 *       description: 'An order was placed',
 *       properties: {
 *         items: number('How many', { whole: true, min: 1 }),
 *         order: identifier('The order number'),
 *         coupon: optional(choice('The campaign', ['spring', 'autumn'])),
 *       },
 *     },
 *   },
 * })
 * const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', salt: '/epochs.json', schema: shop })
 * trail.track('checkout', { items: 3, order: 'A-17' })
 * ```
 */
export function schema<const D extends Declaration>(declaration: D): DeclaredSchema<EventsOf<D>> {
  const { events, pages = {}, user = {}, group = {} }: Declaration = declaration
  const declared: [string, Declared][] = [...Object.entries(events), ...Object.entries(pages)]
  const identifiers = namesOfIdentifiers([...declared, ['user', user], ['group', group]])
  const find = (of: Described, name: string | undefined): Declared | undefined => {
    if (of === 'user') return user
    if (of === 'group') return group
    const list = of === 'page' ? pages : events
    const key = name ?? ''
    if (typeof key === 'string' && Object.hasOwn(list, key)) return list[key]
    // A page view without a name carries nothing of the caller's.
    return of === 'page' && key === '' ? {} : undefined
  }
  return {
    declaration,
    identifiers,
    write(props, of, name, left) {
      try {
        const found = find(of, name)
        return found ? writeDeclared(found.properties ?? {}, props, left) : 'unknown_schema'
      } catch {
        return 'unserialisable'
      }
    },
  }
}

/** Declared properties as JSON, `''` for none. Each is read once, and nothing else is. */
function writeDeclared(properties: Properties, props: unknown, left: (code: Code) => void): string {
  if (typeof (props ?? {}) !== 'object' || Array.isArray(props)) return 'invalid_properties'
  const given = (props ?? {}) as Props
  for (const name of Object.keys(given)) if (!Object.hasOwn(properties, name)) left('undeclared_property')
  const members: string[] = []
  for (const [name, property] of Object.entries(properties)) {
    const value: unknown = Object.hasOwn(given, name) ? given[name] : undefined
    if (value === undefined && property.optional) continue
    if (fits(property, value)) members.push(`${JSON.stringify(name)}:${JSON.stringify(plain(value))}`)
    else left('wrong_property')
  }
  return members.length ? `{${members.join()}}` : ''
}

/** Numbers too large for JSON's are identifiers, of which the digits count. */
const plain = (value: unknown) => (typeof value === 'bigint' ? String(value) : value)

function fits({ type, min = -Infinity, max = Infinity, whole, values = [] }: Property, value: unknown): boolean {
  switch (type) {
    case 'number':
      return (
        Number.isFinite(value) && (!whole || Number.isInteger(value)) && Number(value) >= min && Number(value) <= max
      )
    case 'flag':
      return typeof value === 'boolean'
    case 'text':
      return typeof value === 'string' && value.length <= max
    case 'choice':
      return values.includes(value as Literal)
    case 'identifier':
      return (
        (typeof value === 'string' && value.length <= MAX_IDENTIFIER) ||
        Number.isFinite(value) ||
        typeof value === 'bigint'
      )
  }
}

/** Properties that become pseudonyms; those are known by their names alone, so a name must mean one thing. */
function namesOfIdentifiers(declared: [string, Declared][]): string[] {
  const wrong = (event: string, name: string, what: string): never => {
    throw new TypeError(`nymtrail schema: ${event}.${name} ${what}`)
  }
  const found = new Map<string, boolean>()
  for (const [event, { properties = {} }] of declared) {
    if (event.length > MAX_NAME) wrong(event, '', `has a name of more than ${MAX_NAME} characters`)
    for (const [name, { type, max, values }] of Object.entries(properties)) {
      if (!name || name.length > MAX_NAME) wrong(event, name, `has no name of 1 to ${MAX_NAME} characters`)
      if (type === 'text' && !(Number(max) > 0 && Number(max) <= MAX_TEXT))
        wrong(event, name, `may have 1 to ${MAX_TEXT} characters`)
      if (type === 'choice' && !values?.length) wrong(event, name, 'has nothing to choose from')
      const isIdentifier = type === 'identifier'
      if ((found.get(name) ?? isIdentifier) !== isIdentifier)
        wrong(event, name, 'is an identifier in one event and none in another; give it two names')
      found.set(name, isIdentifier)
    }
  }
  return [...found].flatMap(([name, isIdentifier]) => (isIdentifier ? [name] : []))
}

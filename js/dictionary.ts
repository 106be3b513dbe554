/**
 * The data dictionary of a schema: what is recorded, what it means, what for and for how long, as Markdown and as JSON.
 * `npx nymtrail dictionary schema.js` prints it; a page never needs this.
 *
 * @packageDocumentation
 */
import type { Declaration, Declared, Property } from './schema.js'

/** One property. */
export interface DictionaryProperty {
  /** Its name. */
  name: string
  /** What it may hold, in words. */
  holds: string
  /** Whether an event without it is incomplete. */
  required: boolean
  /** What it means. */
  description: string
}

/** One event, page or set of traits. */
export interface DictionaryEntry {
  /** The call that records it. */
  call: 'track' | 'page' | 'identify' | 'group'
  /** Its name; none for traits. */
  name: string
  /** What it means. */
  description: string
  /** What it is recorded for. */
  purpose: string
  /** How long it is kept. */
  retention: string
  /** Its properties. */
  properties: DictionaryProperty[]
}

/** The whole dictionary. */
export interface Dictionary {
  /** The shape of this object. */
  format: 'nymtrail-dictionary/1'
  /** Its title. */
  title: string
  /** What is declared, in the order of the declaration. */
  entries: DictionaryEntry[]
  /** What the client adds by itself. */
  added: { field: string; holds: string; when: string }[]
}

/** What docs/BODY.md says of fields that nobody declares. */
const ADDED: Dictionary['added'] = [
  { field: 't', holds: "the time by the browser's clock, in ms", when: 'every event' },
  {
    field: 'chain, seq, link, salt',
    holds: 'the place in the chain, its hash, and a random salt',
    when: 'every event',
  },
  { field: 'd', holds: 'a random id of the browser, for one epoch', when: 'every event, but in the profile audience' },
  { field: 's', holds: 'a random id of the visit', when: 'every event' },
  { field: 'u', holds: "the user's pseudonym of the epoch", when: 'after identify()' },
  { field: 'g', holds: "the group's pseudonym of the epoch", when: 'after group()' },
  {
    field: 'c.url',
    holds: 'origin and path of the page, id-like parts as :id, of the query utm_* and what the option query lists',
    when: 'page()',
  },
  { field: 'c.ref', holds: "the referrer's origin", when: 'page()' },
]

/** The dictionary of a schema, as an object for `JSON.stringify()`. */
export function dictionary({ declaration }: { readonly declaration: Declaration }): Dictionary {
  const { title = 'Data dictionary', purpose = '', retention = '', events, pages = {}, user, group } = declaration
  const entry = (call: DictionaryEntry['call'], name: string, declared: Declared): DictionaryEntry => ({
    call,
    name,
    description: declared.description ?? '',
    purpose: declared.purpose ?? purpose,
    retention: declared.retention ?? retention,
    properties: Object.entries(declared.properties ?? {}).map(([name, property]) => ({
      name,
      holds: holds(property),
      required: !property.optional,
      description: property.description,
    })),
  })
  return {
    format: 'nymtrail-dictionary/1',
    title,
    entries: [
      ...Object.entries(events).map(([name, declared]) => entry('track', name, declared)),
      ...Object.entries(pages).map(([name, declared]) => entry('page', name, declared)),
      ...(user ? [entry('identify', '', user)] : []),
      ...(group ? [entry('group', '', group)] : []),
    ],
    added: ADDED,
  }
}

function holds({ type, min, max, whole, values = [] }: Property): string {
  switch (type) {
    case 'number': {
      const from = min === undefined ? '' : ` from ${min}`
      return `a ${whole ? 'whole ' : ''}number${from}${max === undefined ? '' : ` up to ${max}`}`
    }
    case 'flag':
      return 'true or false'
    case 'text':
      return `text of at most ${max} characters, personal data that has a form replaced`
    case 'choice':
      return `one of ${values.map((value) => JSON.stringify(value)).join(', ')}`
    case 'identifier':
      return "a pseudonym of the epoch, in this property's own namespace"
  }
}

/** The dictionary as Markdown. */
export function markdown(schema: { readonly declaration: Declaration }): string {
  const { title, entries, added } = dictionary(schema)
  const lines = [`# ${cell(title)}`]
  for (const { call, name, description, purpose, retention, properties } of entries) {
    lines.push('', `## ${call}${name && ` \`${cell(name)}\``}`, '')
    if (description) lines.push(cell(description), '')
    lines.push(`- Purpose: ${cell(purpose) || 'not stated'}`, `- Kept: ${cell(retention) || 'not stated'}`)
    if (properties.length)
      lines.push(
        ...table(
          ['property', 'holds', 'required', 'meaning'],
          properties.map((one) => [`\`${one.name}\``, one.holds, one.required ? 'yes' : 'no', one.description]),
        ),
      )
  }
  lines.push('', '## Added to every event by the client')
  lines.push(
    ...table(
      ['field', 'holds', 'when'],
      added.map(({ field, holds, when }) => [field, holds, when]),
    ),
  )
  return `${lines.join('\n')}\n`
}

const table = (head: string[], rows: string[][]): string[] => [
  '',
  ...[head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`),
]

/** A text that breaks neither a table nor a line. */
const cell = (text: string): string => text.replace(/\s+/g, ' ').replaceAll('|', '\\|').trim()

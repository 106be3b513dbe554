/** Compares a call with the event that was stored, field by field. It reads the stored text; it doesn't guess. */

import type { Body } from '../rows.js'
import type { Call } from '../state.js'

export interface Kept {
  field: string
  before?: string
  after?: string
  /** What was done to it. */
  how: 'same' | 'pseudonym' | 'scrubbed' | 'left out' | 'added'
  note?: string
}

/** Every field of the call and of the event, changed ones first. */
export function compare(call: Call, body: Body): Kept[] {
  const given = (call.method === 'identify' || call.method === 'group' ? {} : (call.args[1] ?? {})) as Record<
    string,
    unknown
  >
  const traits = (call.method === 'identify' || call.method === 'group' ? (call.args[1] ?? {}) : {}) as Record<
    string,
    unknown
  >
  const kept = body.p ?? {}
  const fields: Kept[] = []
  if (call.method === 'identify') fields.push(field('user', call.args[0], body.u))
  if (call.method === 'group') fields.push(field('group', call.args[0], body.g))
  for (const [name, value] of Object.entries({ ...given, ...traits })) fields.push(field(name, value, kept[name]))
  const rank = (one: Kept) => (one.how === 'same' ? 1 : 0)
  return [...fields.sort((a, b) => rank(a) - rank(b)), ...added(call, body)]
}

function field(name: string, before: unknown, after: unknown): Kept {
  const one: Kept = { field: name, before: text(before), how: 'same' }
  if (after === undefined) return { ...one, how: 'left out' }
  one.after = text(after)
  if (one.after === one.before) return one
  return { ...one, how: one.after.startsWith('p1.') ? 'pseudonym' : 'scrubbed' }
}

/** What the SDK puts on an event by itself. */
function added(call: Call, body: Body): Kept[] {
  const all: [string, string | undefined, string][] = [
    ['user', call.method === 'identify' ? undefined : body.u, 'pseudonym of who is signed in'],
    ['device', body.d, 'random, for one day'],
    ['visit', body.s, 'random, for this visit'],
    ['page', body.c?.url, 'address, reduced'],
    ['referrer', body.c?.ref, 'origin alone'],
  ]
  return all.flatMap(([name, value, note]) =>
    value ? [{ field: name, after: value, how: 'added' as const, note }] : [],
  )
}

const text = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))

import type { DropReason } from './types.js'

/** Longest JSON that is handed on, in UTF-16 units. The core's limit is lower; this one bounds what waits in memory. */
const MAX_JSON = 65_536

/** Calls that may wait for consent; beyond it the oldest go. */
export const RING = 100

/**
 * Properties as JSON, `''` for none. Whatever the page passes, this does not throw: what cannot be written is answered
 * with `invalid_properties`, `unserialisable` or `too_large`, which no JSON object starts like.
 */
export function writeProps(props: unknown): string {
  if (props === undefined || props === null) return ''
  try {
    if (typeof props !== 'object' || Array.isArray(props)) return 'invalid_properties'
    const json: string | undefined = JSON.stringify(props)
    if (json?.[0] !== '{') return 'invalid_properties'
    return json.length > MAX_JSON ? 'too_large' : json
  } catch {
    return 'unserialisable'
  }
}

/** Whether {@link writeProps} answered with a code. */
export const isRefusal = (json: string): boolean => !!json && json[0] !== '{'

/** Why an event refused with this code counts as dropped; undefined: it was wrong use, and no event at all. */
export const lostBy = (code: string): DropReason | undefined =>
  code === 'unserialisable' ? 'scrubbed' : code === 'too_large' || code === 'unknown_schema' ? code : undefined

/** Whether `name` can name an event. The core has the last word; this keeps wrong and huge ones from waiting for it. */
export const isName = (name: unknown): name is string => typeof name === 'string' && !!name && name.length <= 256

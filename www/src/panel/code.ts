/** Writes a call the way its developer did, with the parts coloured. */

import { h } from '../dom.js'
import type { Call } from '../state.js'

/** How many characters a call may have before its objects are written over several lines. */
const WIDTH = 38

/** The source of a call, as nodes. `personal` says which strings hold somebody's address, so that they stand out. */
export function source(call: Call, personal: (text: string) => boolean): HTMLElement {
  const long = JSON.stringify(call.args).length + call.method.length > WIDTH
  const args = call.args.flatMap((arg, index) => [...(index ? [', '] : []), ...literal(arg, personal, long, 1)])
  return h('code', {}, 'trail.', h('span', { class: 'c-call' }, call.method), '(', ...args, ')')
}

function literal(value: unknown, personal: (text: string) => boolean, long: boolean, depth: number): (Node | string)[] {
  if (typeof value === 'string')
    return [h('span', { class: personal(value) ? 'c-text c-personal' : 'c-text' }, `'${value}'`)]
  if (typeof value !== 'object' || value === null) return [h('span', { class: 'c-number' }, String(value))]
  const entries = Object.entries(value).flatMap(([key, item], index, all): (Node | string)[] => [
    long ? `\n${'  '.repeat(depth)}` : ' ',
    h('span', { class: 'c-key' }, key),
    ': ',
    ...literal(item, personal, long, depth + 1),
    long || index < all.length - 1 ? ',' : '',
  ])
  return ['{', ...entries, long ? `\n${'  '.repeat(depth - 1)}` : ' ', '}']
}

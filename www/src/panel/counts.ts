/** The SDK's own count of every call, and whether it adds up. */

import type { Stats } from 'nymtrail'
import { h, setText, show } from '../dom.js'
import type { State } from '../state.js'
import { number } from '../words.js'

const REASONS: Record<string, string> = {
  scrubbed: 'could not be scrubbed',
  overflow: 'too many waited',
  quota: 'no space on the device',
  poison: 'refused by the server',
  too_large: 'too large',
  consent: 'without consent',
  unknown_schema: 'not declared',
  inert: 'while the SDK could not work',
}

const STORAGE = { indexeddb: 'IndexedDB, on this device', memory: 'memory, gone with the page', none: 'nothing' }

/** Where a captured call can be. Each is in exactly one of these places. */
const PLACES: readonly { name: string; text: string; of: (stats: Stats) => number }[] = [
  { name: 'acknowledged', text: 'on the server', of: (stats) => stats.acknowledged },
  { name: 'pending', text: 'stored, to be sent', of: (stats) => stats.pending },
  { name: 'waiting', text: 'in memory', of: (stats) => stats.waiting },
  { name: 'dropped', text: 'gone, with a reason', of: (stats) => sum(Object.values(stats.dropped)) },
]

export function countsView(state: State): HTMLElement {
  const captured = cell('captured', 'calls in all')
  const parts = PLACES.map(({ name, text }) => cell(name, text))
  const sign = h('span', { class: 'adds-up', 'data-testid': 'adds-up' })
  const facts = h('dl', { class: 'facts' })

  state.subscribe(() => {
    const stats = state.stats
    if (!stats) return
    const values = PLACES.map((place) => place.of(stats))
    setText(captured.value, number(stats.captured))
    for (const [index, part] of parts.entries()) setText(part.value, number(values[index] ?? 0))
    const holds = stats.captured === sum(values)
    setText(sign, holds ? 'It adds up.' : 'It does not add up.')
    sign.dataset.tone = holds ? 'good' : 'bad'
    const dropped = Object.entries(stats.dropped).filter(([, count]) => count)
    show(
      facts,
      ...fact(
        'Dropped',
        dropped.length
          ? dropped.map(([reason, count]) => `${number(count)} ${REASONS[reason] ?? reason}`).join(', ')
          : 'none',
      ),
      ...fact('Sent', `${number(stats.sent)}, every try counted`),
      ...fact('Kept in', STORAGE[stats.storage]),
      ...fact('Chains begun', number(stats.lanes)),
      ...fact('Missing pseudonyms', number(stats.pseudonym_failures)),
    )
  })

  return h(
    'div',
    { class: 'counts', 'data-testid': 'counts' },
    h(
      'p',
      { class: 'muted' },
      'Every call is in exactly one place. The SDK counts them for this device; the opening event of a chain is its own and not among them.',
    ),
    h(
      'div',
      { class: 'sum' },
      captured.element,
      h('i', {}, '='),
      ...parts.flatMap((part, index) => [index ? h('i', {}, '+') : '', part.element]).filter(Boolean),
    ),
    sign,
    facts,
  )
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)

const fact = (name: string, value: string): HTMLElement[] => [h('dt', {}, name), h('dd', {}, value)]

/** A number with its name and what it means. */
function cell(name: string, text: string): { value: HTMLElement; element: HTMLElement } {
  const value = h('b', { 'data-testid': `count-${name}` }, '0')
  return { value, element: h('div', { class: 'cell' }, value, h('span', {}, name), h('small', {}, text)) }
}

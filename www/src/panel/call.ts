/** Steps 1 and 2: the call as written, and what was kept of it. */

import { h, icon, setText, show } from '../dom.js'
import type { Call, State } from '../state.js'
import { plural } from '../words.js'
import { source } from './code.js'
import { compare, type Kept } from './kept.js'

export function callView(state: State, select: (key: string) => void): HTMLElement {
  const place = h('span', { class: 'muted', 'data-testid': 'call-place' })
  const back = h(
    'button',
    { class: 'step', 'aria-label': 'Earlier call', onclick: () => go(-1), 'data-testid': 'call-earlier' },
    icon('back'),
  )
  const next = h(
    'button',
    { class: 'step', 'aria-label': 'Later call', onclick: () => go(1), 'data-testid': 'call-later' },
    icon('next'),
  )
  const code = h('pre', { class: 'source', tabindex: 0, 'aria-label': 'The call', 'data-testid': 'call-source' })
  const kept = h('div', {
    class: 'kept',
    tabindex: 0,
    role: 'group',
    'aria-label': 'What was kept',
    'data-testid': 'call-kept',
  })
  const link = h(
    'button',
    {
      class: 'link',
      'data-testid': 'call-show-event',
      onclick: () => {
        const key = current()?.row
        if (key) select(key)
      },
    },
    'Show the event',
  )
  let at = -1 // -1: the newest
  let seen = 0
  let drawn = ''

  const current = (): Call | undefined => state.calls.at(at)

  function go(step: number): void {
    const count = state.calls.length
    const index = Math.min(count - 1, Math.max(0, (at < 0 ? count + at : at) + step))
    at = index === count - 1 ? -1 : index
    draw()
  }

  function draw(): void {
    const call = current()
    const index = at < 0 ? state.calls.length + at : at
    setText(place, call ? `${index + 1} of ${state.calls.length}` : '')
    back.disabled = index <= 0
    next.disabled = at === -1
    link.hidden = !state.block(call?.row)
    const now = `${call?.id}/${call?.fate}/${call?.row}/${state.consent}/${link.hidden}`
    if (!call || now === drawn) return
    drawn = now
    const address = personOf(state)
    show(
      code,
      source(
        call,
        (text) =>
          (address !== undefined && text.toLowerCase().includes(address.toLowerCase())) || /\S+@\S+\.\S+/.test(text),
      ),
    )
    show(kept, ...whatWasKept(call, state))
    code.scrollTop = kept.scrollTop = 0
  }

  state.subscribe(() => {
    // A new call takes the reader back to the newest.
    if (state.calls.length !== seen) at = -1
    seen = state.calls.length
    draw()
  })
  return h(
    'section',
    { class: 'step-call', 'aria-label': 'The call and what was kept of it' },
    h(
      'div',
      { class: 'half' },
      h(
        'div',
        { class: 'half-head' },
        h('h3', {}, 'The page called'),
        h('div', { class: 'stepper' }, back, place, next),
      ),
      code,
    ),
    h('div', { class: 'half' }, h('div', { class: 'half-head' }, h('h3', {}, 'The SDK kept'), link), kept),
  )
}

/** The address of the newest `identify`. */
function personOf(state: State): string | undefined {
  return state.person ?? (state.calls.findLast((call) => call.method === 'identify')?.args[0] as string | undefined)
}

function whatWasKept(call: Call, state: State): (HTMLElement | undefined)[] {
  if (call.fate === 'none')
    return [
      h(
        'p',
        {},
        'The person, device and visit are forgotten. The next event opens a new chain, which nothing ties to this one.',
      ),
    ]
  if (call.fate === 'memory' && state.consent === 'pending')
    return [
      h(
        'p',
        {},
        'Nothing yet. The call waits in this tab’s memory until the visitor chooses; it is not stored and not sent.',
      ),
    ]
  if (call.fate === 'memory') return [h('p', { class: 'muted' }, 'Being stored …')]
  if (call.fate === 'dropped')
    return [
      h(
        'p',
        {},
        call.reason === 'consent'
          ? 'Nothing: the visitor declined. The call is counted as dropped and is gone.'
          : `Nothing. It was dropped and counted (${call.reason}).`,
      ),
    ]
  const block = state.block(call.row)
  if (!block)
    return [
      h(
        'p',
        {},
        'It was stored, and deleted from this browser when consent was withdrawn. What the server has, it keeps.',
      ),
    ]
  const fields = compare(call, block.body)
  const same = fields.filter((field) => field.how === 'same')
  return [
    h('dl', { class: 'fields' }, ...fields.filter((field) => field.how !== 'same').flatMap(entry)),
    same.length
      ? h(
          'p',
          { class: 'muted unchanged' },
          `${plural(same.length, 'other value')} kept as written: ${same.map((field) => field.field).join(', ')}.`,
        )
      : undefined,
  ]
}

function entry(kept: Kept): HTMLElement[] {
  const word = kept.note ?? kept.how
  return [
    h('dt', {}, kept.field),
    h(
      'dd',
      { 'data-how': kept.how },
      kept.how !== 'added' && h('del', {}, kept.before ?? ''),
      kept.after !== undefined && h('ins', {}, kept.after),
      h('span', { class: 'how' }, word),
    ),
  ]
}

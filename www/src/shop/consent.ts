/** Asking for consent. Until there is an answer, events wait in memory; nothing is stored and nothing is sent. */

import { h, setText } from '../dom.js'
import type { Session } from '../session.js'
import type { State } from '../state.js'
import { plural } from '../words.js'

export function consentBanner(session: Session, state: State): HTMLElement {
  const waiting = h('strong', { 'data-testid': 'consent-waiting' })
  const banner = h(
    'div',
    { class: 'consent', role: 'region', 'aria-label': 'Your choice about counting', 'data-testid': 'consent-banner' },
    h(
      'p',
      {},
      h('b', {}, 'May we count what is looked at here?'),
      ' Under a pseudonym in place of your e-mail address. Until you choose, ',
      waiting,
      ' in this tab’s memory: nothing is stored, nothing is sent.',
    ),
    h(
      'div',
      { class: 'consent-buttons' },
      h(
        'button',
        { class: 'secondary', onclick: () => session.choose('denied'), 'data-testid': 'consent-deny' },
        'No, thanks',
      ),
      h(
        'button',
        { class: 'primary', onclick: () => session.choose('granted'), 'data-testid': 'consent-grant' },
        'Yes, count',
      ),
    ),
  )
  state.subscribe(() => {
    banner.hidden = state.consent !== 'pending'
    const count = state.waiting().length
    setText(waiting, `${plural(count, 'event')} ${count === 1 ? 'waits' : 'wait'}`)
  })
  return banner
}

/** The line at the foot of the shop with which the choice can be changed. */
export function consentNote(session: Session, state: State): HTMLElement {
  const text = h('span', { 'data-testid': 'consent-state' })
  const change = h('button', {
    class: 'link',
    onclick: () => session.choose(state.consent === 'granted' ? 'denied' : 'granted'),
    'data-testid': 'consent-change',
  })
  const note = h('p', { class: 'consent-note' }, text, ' ', change)
  state.subscribe(() => {
    setText(
      text,
      state.consent === 'granted'
        ? 'You allowed counting.'
        : state.consent === 'denied'
          ? 'You declined counting: nothing is kept or sent.'
          : '',
    )
    setText(change, state.consent === 'granted' ? 'Withdraw, and delete what is stored here' : 'Allow')
    change.hidden = state.consent === 'pending'
  })
  return note
}

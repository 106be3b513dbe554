/** The panel beside the shop: what just happened, step by step. */

import { h, icon, setText } from '../dom.js'
import type { Session } from '../session.js'
import type { State } from '../state.js'
import { blockView } from './block.js'
import { callView } from './call.js'
import { chainView } from './chain.js'
import { checksView } from './checks-view.js'
import { countsView } from './counts.js'
import { tabs } from './tabs.js'
import { wireView } from './wire.js'

export function panel(session: Session, state: State): HTMLElement {
  const lower = tabs([
    { id: 'event', title: 'Event', content: blockView(state) },
    { id: 'wire', title: 'Wire', content: wireView(state) },
    { id: 'checks', title: 'Checks', content: checksView(session, state, () => lower.open('event')) },
    { id: 'counts', title: 'Counts', content: countsView(state) },
  ])

  function select(key: string): void {
    state.set({ selected: key })
    lower.open('event')
  }

  return h(
    'section',
    { class: 'panel', 'aria-label': 'What just happened' },
    h(
      'header',
      { class: 'panel-head' },
      h(
        'div',
        {},
        h('h2', {}, 'What just happened'),
        h('p', { class: 'muted' }, 'Each action in the shop, followed through the SDK.'),
      ),
      networkSwitch(session, state),
    ),
    callView(state, select),
    chainView(state, select),
    lower.element,
  )
}

function networkSwitch(session: Session, state: State): HTMLElement {
  const text = h('span', {})
  const button = h(
    'button',
    {
      class: 'switch',
      role: 'switch',
      'aria-checked': 'true',
      'aria-label': 'Network',
      'data-testid': 'network-switch',
      title:
        'Off: every request goes to a port that browsers refuse to open, so it fails as it would without a network.',
      onclick: () => session.setOnline(!state.online),
    },
    h('span', { class: 'switch-track', 'aria-hidden': 'true' }),
    text,
  )
  state.subscribe(() => {
    button.setAttribute('aria-checked', String(state.online))
    setText(text, state.online ? 'Online' : 'Offline')
  })
  return h(
    'div',
    { class: 'panel-tools' },
    button,
    h(
      'a',
      { class: 'tool', href: location.pathname, target: '_blank', rel: 'noopener', 'data-testid': 'second-tab' },
      icon('open'),
      'Second tab',
    ),
  )
}

/** The demo: a shop, and beside it what the SDK does. */

import { h, setText } from './dom.js'
import { panel } from './panel/panel.js'
import { Session } from './session.js'
import { shop } from './shop/shop.js'
import { State } from './state.js'

const state = new State()
const session = new Session(state)
const views = [
  { id: 'shop', title: 'Shop', element: shop(session, state) },
  { id: 'panel', title: 'What just happened', element: panel(session, state) },
]

/** On a narrow screen one of the two shows at a time. */
function open(id: string): void {
  document.body.dataset.view = id
  for (const button of buttons) button.setAttribute('aria-pressed', String(button.dataset.view === id))
  scrollTo(0, 0)
}

const count = h('span', { class: 'count' })
const buttons = views.map(({ id, title }) =>
  h(
    'button',
    { 'data-view': id, onclick: () => open(id), 'data-testid': `view-${id}-tab` },
    title,
    id === 'panel' && count,
  ),
)

document
  .querySelector('#app')
  ?.append(
    h(
      'main',
      { class: 'page' },
      h('h1', { class: 'unseen' }, 'Oxbow Kiln, a Nymtrail demo'),
      ...views.map((view) => view.element),
    ),
    h('nav', { class: 'views', 'aria-label': 'View' }, ...buttons),
  )
state.subscribe(() => setText(count, String(state.calls.length)))
open('shop')
session.begin()

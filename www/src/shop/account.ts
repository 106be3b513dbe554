/** Signing in and out. Any address will do; it stays in this browser. */

import { h, setText, show } from '../dom.js'
import type { Session } from '../session.js'
import type { State } from '../state.js'
import { closeDrawer } from './drawer.js'

export function accountBox(session: Session, state: State): HTMLElement {
  const input = h('input', {
    type: 'email',
    id: 'email',
    name: 'email',
    required: true,
    placeholder: 'ada@example.org',
    autocomplete: 'email',
    'data-testid': 'email-input',
  })
  const signIn = h(
    'form',
    {
      class: 'stack',
      onsubmit: (event: Event) => {
        event.preventDefault()
        session.signIn(input.value)
        closeDrawer(box)
      },
    },
    h('label', { for: 'email' }, 'E-mail address'),
    input,
    h('p', { class: 'hint' }, 'Any address will do. No mail is sent, no password is asked for.'),
    h('button', { class: 'primary', 'data-testid': 'sign-in' }, 'Sign in'),
  )

  const who = h('strong', { class: 'wrap', 'data-testid': 'signed-in-as' })
  const signOut = h(
    'div',
    { class: 'stack' },
    h('p', {}, 'Signed in as ', who),
    h(
      'button',
      {
        class: 'secondary',
        onclick: () => {
          session.signOut()
          closeDrawer(box)
        },
        'data-testid': 'sign-out',
      },
      'Sign out',
    ),
  )

  const box = h('div', {})
  state.subscribe(() => {
    const form = state.person ? signOut : signIn
    setText(who, state.person ?? '')
    if (form.parentElement !== box) show(box, form)
  })
  return box
}

/** The basket and the order. */

import { h, show } from '../dom.js'
import type { Session } from '../session.js'
import type { State } from '../state.js'
import type { Basket } from './basket.js'
import { euros } from './products.js'

export interface BasketBox {
  element: HTMLElement
  refresh(): void
  onChange: (count: number) => void
}

export function basketBox(basket: Basket, session: Session, state: State): BasketBox {
  const element = h('div', { class: 'stack' })
  let ordered = false

  const view: BasketBox = { element, refresh, onChange: () => {} }

  function order(): void {
    // The address is a declared identifier: the SDK turns it into a pseudonym of its own.
    session.track('checkout', {
      items: basket.count(),
      total: basket.total(),
      currency: 'EUR',
      ...(state.person && { email: state.person }),
    })
    basket.empty()
    ordered = true
    refresh()
  }

  function refresh(): void {
    const lines = basket.lines()
    view.onChange(basket.count())
    if (!lines.length) {
      show(
        element,
        h(
          'p',
          { 'data-testid': 'basket-empty' },
          ordered
            ? 'Thank you, the order is placed. (Nothing will be sent: the shop is made up.)'
            : 'The basket is empty.',
        ),
      )
      return
    }
    ordered = false
    show(
      element,
      h(
        'ul',
        { class: 'basket' },
        ...lines.map(({ product, count }) =>
          h(
            'li',
            {},
            h('span', {}, `${count} × ${product.name}`),
            h('span', { class: 'price' }, euros(count * product.price)),
            h(
              'button',
              {
                class: 'link',
                'aria-label': `Remove ${product.name}`,
                onclick: () => {
                  basket.remove(product)
                  session.track('remove_from_cart', { id: product.id })
                  refresh()
                },
                'data-testid': `remove-${product.id}`,
              },
              'Remove',
            ),
          ),
        ),
      ),
      h(
        'p',
        { class: 'basket-total' },
        h('span', {}, 'Total'),
        h('span', { class: 'price', 'data-testid': 'basket-total' }, euros(basket.total())),
      ),
      state.person
        ? h('p', { class: 'hint wrap' }, `Receipt to ${state.person}`)
        : h('p', { class: 'hint' }, 'Sign in first to see the receipt’s address become a pseudonym.'),
      h('button', { class: 'primary', onclick: order, 'data-testid': 'checkout' }, 'Place order'),
    )
  }

  state.subscribe(refreshWhenSignedInChanges(state, refresh))
  return view
}

function refreshWhenSignedInChanges(state: State, refresh: () => void): () => void {
  let before = state.person
  return () => {
    if (state.person === before) return
    before = state.person
    refresh()
  }
}

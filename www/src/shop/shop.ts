/** The shop: an ordinary page that happens to call the SDK. */

import { h, icon, keyed, setText, show } from '../dom.js'
import type { Session } from '../session.js'
import type { State } from '../state.js'
import { plural } from '../words.js'
import { accountBox } from './account.js'
import { mark, picture } from './art.js'
import { Basket } from './basket.js'
import { basketBox } from './basket-box.js'
import { consentBanner, consentNote } from './consent.js'
import { drawer } from './drawer.js'
import { euros, PRODUCTS, type Product } from './products.js'

/** A search that a visitor might really type, and that no analytics should keep. */
const TRICKY = 'mug for ada@example.org'

export function shop(session: Session, state: State): HTMLElement {
  const basket = new Basket()
  const stage = h('div', { class: 'stage' })

  function add(product: Product): void {
    basket.add(product)
    session.track('add_to_cart', { id: product.id, price: product.price, currency: 'EUR' })
    basketView.refresh()
    setText(spoken, `${product.name} is in the basket.`)
  }

  function view(product: Product): void {
    session.track('view_product', { id: product.id, price: product.price })
    show(stage, detail(product, add, home))
    stage.querySelector<HTMLElement>('h2')?.focus()
  }

  function home(): void {
    show(stage, hero(), shelf('All pieces', PRODUCTS, view, add, trySearch))
  }

  function search(query: string): void {
    const words = query
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word.length > 2)
    const found = PRODUCTS.filter((product) =>
      words.some((word) => `${product.name} ${product.kind}`.toLowerCase().includes(word)),
    )
    session.track('search', { query, results: found.length })
    show(stage, shelf(`${plural(found.length, 'piece')} for “${query}”`, found, view, add, undefined, home))
  }

  function trySearch(): void {
    field.value = TRICKY
    search(TRICKY)
  }

  const field = h('input', {
    type: 'search',
    name: 'q',
    placeholder: 'Search',
    'aria-label': 'Search the shop',
    maxlength: 120,
    autocomplete: 'off',
    'data-testid': 'search-input',
  })
  const searchForm = h(
    'form',
    {
      class: 'search',
      role: 'search',
      onsubmit: (event: Event) => {
        event.preventDefault()
        if (field.value.trim()) search(field.value.trim())
      },
    },
    icon('search'),
    field,
    h('button', { class: 'quiet', 'data-testid': 'search-submit' }, 'Search'),
  )

  const basketView = basketBox(basket, session, state)
  const spoken = h('p', { class: 'unseen', 'aria-live': 'polite' })
  const account = drawer('account', icon('user'), accountBox(session, state))
  const cart = drawer('basket', icon('bag'), basketView.element)
  basketView.onChange = (count) => cart.label('Basket', count)
  state.subscribe(() => account.label(state.person ? 'Account' : 'Sign in'))
  basketView.refresh()
  home()

  return h(
    'section',
    { class: 'shop', 'aria-label': 'Oxbow Kiln, the shop' },
    h(
      'header',
      { class: 'shop-head' },
      h('button', { class: 'brand', onclick: home, 'data-testid': 'shop-home' }, mark(), h('span', {}, 'Oxbow Kiln')),
      searchForm,
      h('nav', { class: 'shop-nav', 'aria-label': 'Account and basket' }, account.element, cart.element),
    ),
    stage,
    spoken,
    consentNote(session, state),
    consentBanner(session, state),
  )
}

function hero(): HTMLElement {
  return h(
    'div',
    { class: 'hero' },
    h('h2', {}, 'Stoneware for slow mornings'),
    h('p', {}, 'Six pieces from a one-room workshop on the river, fired twice a month.'),
  )
}

function shelf(
  title: string,
  products: readonly Product[],
  view: (product: Product) => void,
  add: (product: Product) => void,
  trySearch?: () => void,
  back?: () => void,
): HTMLElement {
  const list = h('ul', { class: 'shelf' })
  keyed(
    list,
    products,
    (product) => product.id,
    (product) => card(product, view, add),
  )
  return h(
    'div',
    {},
    h(
      'div',
      { class: 'shelf-head' },
      h('h2', {}, title),
      trySearch && h('button', { class: 'link', onclick: trySearch, 'data-testid': 'try-search' }, `Try: “${TRICKY}”`),
      back && h('button', { class: 'link', onclick: back, 'data-testid': 'show-all' }, 'Show all'),
    ),
    products.length ? list : h('p', { class: 'muted' }, 'Nothing here by that name. There are six pieces in all.'),
  )
}

function card(product: Product, view: (product: Product) => void, add: (product: Product) => void): HTMLElement {
  return h(
    'li',
    { class: 'card' },
    h(
      'button',
      { class: 'card-open', onclick: () => view(product), 'data-testid': `view-${product.id}` },
      picture(product.id),
      h('span', { class: 'card-name' }, product.name),
      h('span', { class: 'muted' }, product.kind),
    ),
    h(
      'div',
      { class: 'card-foot' },
      h('span', { class: 'price' }, euros(product.price)),
      h(
        'button',
        {
          class: 'small',
          onclick: () => add(product),
          'aria-label': `Add ${product.name} to the basket`,
          'data-testid': `add-${product.id}`,
        },
        'Add',
      ),
    ),
  )
}

function detail(product: Product, add: (product: Product) => void, home: () => void): HTMLElement {
  return h(
    'article',
    { class: 'detail' },
    h('button', { class: 'link back', onclick: home, 'data-testid': 'back' }, icon('back'), 'All pieces'),
    picture(product.id),
    h(
      'div',
      { class: 'detail-text' },
      h('h2', { tabindex: -1 }, product.name),
      h('p', { class: 'muted' }, product.kind),
      h('p', {}, product.text),
      h(
        'div',
        { class: 'detail-buy' },
        h('span', { class: 'price' }, euros(product.price)),
        h('button', { class: 'primary', onclick: () => add(product), 'data-testid': 'detail-add' }, 'Add to basket'),
      ),
    ),
  )
}

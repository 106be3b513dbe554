/** Step 3: the chains, one row of linked blocks each. */

import { h, icon, keyed, setText, show } from '../dom.js'
import { titleOf } from '../rows.js'
import type { Block, Call, Lane, State } from '../state.js'
import { explain, hueOf, short } from '../words.js'

const OWNERS = { this: 'this tab', other: 'another tab', found: 'found in this browser' }

/** A stored block, or a call that waits in memory to become one. */
type Item = { block: Block; prev: string } | { call: Call }

export function chainView(state: State, select: (key: string) => void): HTMLElement {
  const list = h('div', { class: 'lanes', 'data-testid': 'lanes' })
  const hint = h(
    'p',
    { class: 'lane-hint' },
    h(
      'span',
      {},
      'Two tabs never write the same chain: a ',
      h('a', { href: location.pathname, target: '_blank', rel: 'noopener' }, 'second tab'),
      ' shows its own here.',
    ),
  )

  state.subscribe(() => {
    const lanes: Lane[] = state.lanes.length ? state.lanes : [{ chain: '', owner: 'this', blocks: [] }]
    keyed(
      list,
      lanes,
      (lane) => lane.chain || 'none',
      () => laneRow(select),
      (element, lane) => updateLane(element, lane, state),
    )
    hint.hidden = lanes.length > 1
  })

  return h(
    'section',
    { class: 'step-chain', 'aria-label': 'The chain' },
    h('div', { class: 'half-head' }, h('h3', {}, 'Each linked to the one before'), legend()),
    h('div', { class: 'lanes-box' }, list, hint),
  )
}

function laneRow(select: (key: string) => void): HTMLElement {
  const strip = h('ol', {
    class: 'strip',
    onclick: (event: Event) => {
      const key = (event.target as Element).closest('button')?.dataset.key
      if (key) select(key)
    },
  })
  const empty = h('p', { class: 'lane-empty' }, 'Nothing is stored, so there is no chain yet.')
  const box = h('div', { class: 'strip-box', tabindex: -1 }, strip, empty)
  // On a narrow screen the panel may have been hidden while blocks were added.
  new ResizeObserver(() => box.scrollTo({ left: box.scrollWidth, behavior: 'instant' })).observe(box)
  return h('div', { class: 'lane', 'data-testid': 'lane' }, h('p', { class: 'lane-name' }), box)
}

function updateLane(element: Element, lane: Lane, state: State): void {
  const [name, box] = element.children
  const strip = box?.firstElementChild
  if (!name || !box || !strip) return
  element.setAttribute('data-owner', lane.owner)
  const newest = isNewestOfThisTab(lane, state)
  setText(
    name,
    lane.chain
      ? `Chain ${short(lane.chain)} · ${OWNERS[lane.owner]}${lane.owner === 'this' && !newest ? ', earlier' : ''}`
      : 'This tab',
  )
  const items: Item[] = lane.blocks.map((block, index) => ({ block, prev: prevOf(block, lane.blocks[index - 1]) }))
  if (newest) items.push(...state.waiting().map((call) => ({ call })))
  const empty = box.lastElementChild
  if (empty) (empty as HTMLElement).hidden = items.length > 0
  const before = strip.childElementCount
  keyed(
    strip,
    items,
    (item) => ('block' in item ? item.block.key : `call ${item.call.id}`),
    blockItem,
    (child, item) => updateBlock(child, item, lane, state),
  )
  if (strip.childElementCount !== before) {
    box.scrollLeft = box.scrollWidth
    if (newest) reveal(element)
  }
  revealBroken(box, strip, element)
}

/** The link that a block follows; empty when the block before it is not held here. */
function prevOf({ row }: Block, before: Block | undefined): string {
  return row.gprev ?? (before?.row.seq === row.seq - 1 ? before.row.link : '')
}

/** Where waiting calls are drawn: they go on with the tab's newest chain. */
function isNewestOfThisTab(lane: Lane, state: State): boolean {
  return !lane.chain || state.lanes.findLast((one) => one.owner === 'this') === lane
}

function blockItem(item: Item): HTMLElement {
  if ('call' in item) {
    return h(
      'li',
      { class: 'link-item' },
      h(
        'div',
        { class: 'block', 'data-fate': 'memory', 'data-testid': 'block-waiting' },
        h('span', { class: 'block-seq' }, 'waits'),
        h('span', { class: 'block-name' }, item.call.method === 'identify' ? 'identify' : String(item.call.args[0])),
        h('span', { class: 'block-memory' }, 'in memory'),
      ),
    )
  }
  const { block, prev } = item
  const own = hash('block-link', block.row.link)
  return h(
    'li',
    { class: 'link-item' },
    h(
      'button',
      { class: 'block', 'data-key': block.key, 'data-testid': 'block', 'data-seq': block.row.seq },
      h('span', { class: 'block-seq' }),
      h('span', { class: 'block-fate' }),
      h('span', { class: 'block-name' }, titleOf(block.body)),
      hash('block-prev', prev),
      own,
    ),
  )
}

/** The first characters of a hash beside a spot of its colour: the same hash, the same colour. */
function hash(name: string, value: string): HTMLElement {
  const element = h(
    'span',
    { class: `hash ${name}` },
    h('span', { class: 'unseen' }, name === 'block-prev' ? 'follows ' : 'link '),
    short(value, 4),
  )
  element.style.setProperty('--hue', String(hueOf(value)))
  return element
}

function updateBlock(element: Element, item: Item, lane: Lane, state: State): void {
  if ('call' in item) return
  const button = element.firstElementChild as HTMLElement | null
  const [seq, mark] = button?.children ?? []
  if (!button || !seq || !mark) return
  const { block } = item
  const broken = state.broken(lane.chain)
  const isBroken = broken?.seq === block.row.seq
  const refused = state.refused.get(block.key)
  const fate = isBroken ? 'broken' : refused ? 'refused' : state.delivered.has(block.key) ? 'delivered' : 'stored'
  setText(seq, block.row.seq === 0 ? 'first' : String(block.row.seq))
  const words = {
    broken: `broken: ${explain(broken?.class ?? null)}`,
    refused: `refused by the server: ${refused}`,
    delivered: 'stored here and on the server',
    stored: 'stored in this browser, not sent yet',
  }[fate]
  if (button.title !== words) {
    button.dataset.fate = fate
    button.title = words
    const sign = { stored: '', delivered: 'check', broken: 'cross', refused: 'cross' }[fate]
    show(mark, sign && icon(sign), h('span', { class: 'unseen' }, words))
  }
  button.setAttribute('aria-pressed', String(state.selected === block.key))
}

/** Brings a newly found broken block into view, once. */
function revealBroken(box: Element, strip: Element, lane: Element): void {
  const broken = strip.querySelector<HTMLElement>('button[data-fate=broken]')
  const item = broken?.closest('li')
  const key = broken?.dataset.key ?? ''
  if (lane.getAttribute('data-broken') === key) return
  lane.setAttribute('data-broken', key)
  if (!item) return
  box.scrollLeft = item.offsetLeft - box.clientWidth / 2 + item.offsetWidth / 2
  reveal(lane)
}

/** Scrolls the chains, and not the page, so that one of them is in view. */
function reveal(lane: Element): void {
  const box = lane.closest('.lanes-box')
  if (!box) return
  const [outer, inner] = [box.getBoundingClientRect(), lane.getBoundingClientRect()]
  if (inner.bottom > outer.bottom) box.scrollTop += inner.bottom - outer.bottom
  else if (inner.top < outer.top) box.scrollTop -= outer.top - inner.top
}

function legend(): HTMLElement {
  return h(
    'p',
    { class: 'legend' },
    ...(
      [
        ['memory', 'in memory'],
        ['stored', 'stored here'],
        ['delivered', 'on the server'],
        ['broken', 'broken'],
      ] as const
    ).map(([fate, text]) => h('span', {}, h('i', { class: 'swatch', 'data-fate': fate, 'aria-hidden': 'true' }), text)),
  )
}

/** One event, with its exact text and its hashes computed again before the reader's eyes. */

import { h, show } from '../dom.js'
import { type Recomputed, recompute } from '../hash.js'
import { keyOf, type Row, titleOf } from '../rows.js'
import type { Block, State } from '../state.js'
import { clock, short } from '../words.js'

export function blockView(state: State): HTMLElement {
  const view = h('div', { class: 'event', 'data-testid': 'event-view' })
  let drawn = ''

  state.subscribe(() => {
    const block =
      state.block(state.selected) ??
      state.lanes.findLast((lane) => lane.owner === 'this')?.blocks.at(-1) ??
      state.lanes.at(-1)?.blocks.at(-1)
    if (!block) {
      show(
        view,
        h(
          'p',
          { class: 'muted' },
          'No event is stored yet. Once one is, its exact text, its salt and its hashes are here.',
        ),
      )
      return
    }
    const server = state.serverRows.get(block.key)
    const changed = server && server.body !== block.row.body ? server : undefined
    const now = `${block.key}/${changed?.body}/${state.delivered.has(block.key)}/${state.refused.get(block.key)}`
    if (now === drawn) return
    drawn = now
    void draw(view, block, changed, state, () => drawn === now)
  })
  return view
}

async function draw(
  view: HTMLElement,
  block: Block,
  changed: Row | undefined,
  state: State,
  current: () => boolean,
): Promise<void> {
  const prev = block.row.gprev ?? state.block(keyOf({ chain: block.row.chain, seq: block.row.seq - 1 }))?.row.link
  const here = prev === undefined ? undefined : await recompute(block.row, prev)
  const there = prev === undefined || !changed ? undefined : await recompute(changed, prev)
  if (!current()) return
  show(
    view,
    h(
      'div',
      { class: 'event-head' },
      h('h3', {}, `Event ${block.row.seq}: ${titleOf(block.body)}`),
      h(
        'span',
        { class: 'muted' },
        `chain ${short(block.row.chain)}, ${clock(block.row.t)}, ${whereabouts(block, state)}`,
      ),
    ),
    changed &&
      h(
        'div',
        { class: 'alarm', 'data-testid': 'event-changed' },
        h('strong', {}, 'The server’s copy says something else'),
        h('pre', { class: 'exact' }, ...difference(block.row.body ?? '', changed.body ?? '')),
        there &&
          h(
            'p',
            {},
            there.matches
              ? 'It still gives the same link.'
              : `Its text gives the link ${short(there.link, 12)}…, but the link stored with it is ${short(changed.link, 12)}….`,
          ),
      ),
    h('h4', {}, changed ? 'This browser’s copy, the exact text' : 'The exact text that is hashed, stored and sent'),
    h('pre', { class: 'exact', 'data-testid': 'event-body' }, block.row.body ?? '(erased)'),
    here
      ? steps(block.row, prev ?? '', here)
      : h('p', { class: 'muted' }, 'The event before it is not held here, so its link can’t be computed again.'),
  )
}

function whereabouts(block: Block, state: State): string {
  const code = state.refused.get(block.key)
  if (code) return `refused by the server (${code})`
  return state.delivered.has(block.key) ? 'on the server' : 'not on the server yet'
}

function steps(row: Row, prev: string, found: Recomputed): HTMLElement {
  return h(
    'dl',
    { class: 'hashes' },
    h('dt', {}, 'salt'),
    h('dd', {}, row.salt ?? '(erased)'),
    h('dt', {}, row.seq === 0 ? 'gprev' : 'prev'),
    h('dd', {}, prev),
    h('dt', {}, 'bc'),
    h('dd', {}, h('span', { class: 'formula' }, 'SHA-256( b1|salt|text )'), found.bc),
    h('dt', {}, 'entry'),
    h('dd', {}, found.entry),
    h('dt', {}, 'link'),
    h('dd', {}, h('span', { class: 'formula' }, 'SHA-256( zero byte, entry )'), found.link),
    h('dt', {}, ''),
    h(
      'dd',
      { class: found.matches ? 'good' : 'bad', 'data-testid': 'event-recomputed' },
      found.matches
        ? 'Computed again just now with WebCrypto: the same as the stored link.'
        : `Computed again just now: not the stored link ${row.link}.`,
    ),
  )
}

/** The changed text with what differs marked. */
function difference(before: string, after: string): (Node | string)[] {
  let start = 0
  while (start < before.length && before[start] === after[start]) start += 1
  let end = 0
  while (end < Math.min(before.length, after.length) - start && before.at(-1 - end) === after.at(-1 - end)) end += 1
  const removed = before.slice(start, before.length - end)
  const added = after.slice(start, after.length - end)
  const parts: (Node | string)[] = [after.slice(0, start)]
  if (removed) parts.push(h('del', {}, removed))
  if (added) parts.push(h('ins', {}, added))
  return [...parts, after.slice(after.length - end)]
}

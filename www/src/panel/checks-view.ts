/** The checks: verify here, verify on the server, damage an event, put it back. */

import { damage, repair, verifyHere, verifyThere } from '../checks.js'
import { h, setText, show } from '../dom.js'
import { keyOf, titleOf } from '../rows.js'
import type { Session } from '../session.js'
import type { Check, Checker, State } from '../state.js'
import { clock, explain, plural, short } from '../words.js'

export function checksView(session: Session, state: State, showEvent: () => void): HTMLElement {
  const said = h('p', { class: 'said', 'aria-live': 'polite', 'data-testid': 'damage-said' })
  const mend = h(
    'button',
    { class: 'secondary', onclick: act(async () => setText(said, await repair(state))), 'data-testid': 'repair' },
    'Put it back',
  )
  return h(
    'div',
    { class: 'checks' },
    h(
      'div',
      { class: 'check-cards' },
      card(
        'browser',
        'In this browser',
        'Verify in this browser',
        () => verifyHere(session.trail, state),
        state,
        showEvent,
      ),
      card('server', 'On the server', 'Verify on the server', () => verifyThere(state), state, showEvent),
    ),
    h(
      'div',
      { class: 'damage' },
      h(
        'div',
        { class: 'damage-buttons' },
        h(
          'button',
          { class: 'danger', onclick: act(async () => setText(said, await damage(state))), 'data-testid': 'damage' },
          'Damage one stored event',
        ),
        mend,
        h(
          'button',
          { class: 'secondary', onclick: act(() => session.startOver()), 'data-testid': 'start-over' },
          'Start over',
        ),
      ),
      said,
    ),
    limits(),
  )
}

/** A click handler that keeps its button from being pressed twice. */
function act(work: () => Promise<unknown>): (event: Event) => Promise<void> {
  return async (event) => {
    const button = event.currentTarget as HTMLButtonElement
    button.setAttribute('aria-busy', 'true')
    await work().finally(() => button.removeAttribute('aria-busy'))
  }
}

function card(
  by: Checker,
  title: string,
  label: string,
  run: () => Promise<void>,
  state: State,
  showEvent: () => void,
): HTMLElement {
  const result = h('div', { class: 'verdict', 'aria-live': 'polite', 'data-testid': `verdict-${by}` })
  let drawn: Check | undefined | null = null
  state.subscribe(() => {
    const check = state.checks[by]
    if (check === drawn) return
    drawn = check
    show(result, ...words(by, check, state, showEvent))
    result.dataset.verdict = check?.failed ? 'failed' : (check?.verdict?.verdict ?? 'none')
  })
  return h(
    'div',
    { class: 'check-card' },
    h('h3', {}, title),
    h('button', { class: 'primary', onclick: act(run), 'data-testid': `verify-${by}` }, label),
    result,
  )
}

function words(by: Checker, check: Check | undefined, state: State, showEvent: () => void): HTMLElement[] {
  if (!check)
    return [
      h(
        'p',
        { class: 'muted' },
        by === 'browser'
          ? 'Computes every link again from what this browser holds.'
          : 'The collector computes every link again from what it has stored.',
      ),
    ]
  if (!check.verdict) return [h('p', {}, check.failed ?? '')]
  const { verdict, chains, level } = check.verdict
  const rows = chains.reduce((sum, chain) => sum + chain.rows, 0)
  const counted = `${by === 'server' ? 'All visits: ' : ''}${plural(chains.length, 'chain')}, ${plural(rows, 'event')}, level “${level}”, ${clock(check.at)}`
  if (verdict === 'unchecked')
    return [
      h('p', {}, h('strong', {}, 'Not checked')),
      h(
        'p',
        { class: 'muted' },
        `The check could not run (${check.verdict.code ?? 'no reason given'}). That is not the same as holding.`,
      ),
    ]
  if (verdict === 'holds')
    return [h('p', {}, h('strong', {}, rows ? 'Holds' : 'Nothing to check yet')), h('p', { class: 'muted' }, counted)]
  const bad = chains.filter((chain) => chain.verdict === 'tampered')
  return [
    h('p', {}, h('strong', {}, 'Tampered with')),
    ...bad.map((chain) => {
      const key = keyOf({ chain: chain.chain, seq: chain.first_bad ?? 0 })
      const block = state.block(key)
      return h(
        'p',
        {},
        `Chain ${short(chain.chain)}, event ${chain.first_bad ?? '?'}${block ? ` (${titleOf(block.body)})` : ', of another visit'}: ${explain(chain.class)}. `,
        h('code', {}, chain.class ?? ''),
        ' ',
        block &&
          h(
            'button',
            {
              class: 'link',
              'data-testid': 'show-broken',
              onclick: () => {
                state.set({ selected: key })
                showEvent()
              },
            },
            'Show it',
          ),
      )
    }),
    h('p', { class: 'muted' }, counted),
  ]
}

function limits(): HTMLElement {
  return h(
    'div',
    { class: 'limits', 'data-testid': 'limits' },
    h(
      'div',
      {},
      h('h4', {}, 'What this shows'),
      h(
        'p',
        {},
        'That each event follows from its text and the event before it. One that was edited, moved, slipped in or taken from the middle is found and named, unless everything after it was linked anew.',
      ),
    ),
    h(
      'div',
      {},
      h('h4', {}, 'What it does not'),
      h(
        'p',
        {},
        'That events are true or complete; that nobody cut off the end, or wrote a chain anew up to its end (that takes signatures, a level above); anything against somebody who controls the browser. A pseudonym is still personal data: whoever has the day’s salt, which any browser can fetch, can find an e-mail address by guessing. Your IP address and browser version reach the server.',
      ),
    ),
  )
}

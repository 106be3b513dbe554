/** Step 4: what went over the wire, and what the server answered. */

import { h, keyed, setText, show } from '../dom.js'
import { findIn } from '../search-bytes.js'
import type { Exchange, State } from '../state.js'
import { clock, number, plural } from '../words.js'

export function wireView(state: State): HTMLElement {
  const notice = h('p', { class: 'wire-notice', 'data-testid': 'wire-notice', 'aria-live': 'polite' })
  const list = h('ol', { class: 'wire', 'data-testid': 'wire-list' })
  state.subscribe(() => {
    setText(notice, said(state))
    notice.dataset.tone = state.online ? 'calm' : 'warn'
    keyed(
      list,
      [...state.wire].reverse(),
      (one) => String(one.id),
      exchangeItem,
      (element, one) => update(element, one, state),
    )
  })
  return h('div', {}, notice, list)
}

function said(state: State): string {
  const pending = state.stats?.pending ?? 0
  const waiting = `${plural(pending, 'event')} ${pending === 1 ? 'waits' : 'wait'} in this browser’s store`
  if (!state.online) return `Offline: requests go to a port no browser opens. ${waiting}.`
  if (pending) return `${waiting}, soon to be sent.`
  return state.wire.length ? 'Everything stored here has been delivered.' : 'Nothing has left this browser.'
}

function exchangeItem(one: Exchange): HTMLElement {
  const url = new URL(one.url, location.href)
  const where = url.origin === location.origin ? url.pathname : url.host + url.pathname
  return h(
    'li',
    { 'data-testid': 'exchange' },
    h(
      'details',
      {},
      h(
        'summary',
        {},
        h('span', { class: 'wire-line' }, h('b', {}, 'POST'), ` ${where}`),
        h(
          'span',
          { class: 'muted' },
          `${number(one.bytes)} bytes, ${clock(one.at)}${one.from === 'other' ? ', sent by another tab' : ''}`,
        ),
        h('span', { class: 'wire-status' }),
      ),
      h(
        'div',
        { class: 'wire-body' },
        h('p', { class: 'muted wrap' }, url.href),
        h('pre', { class: 'exact', tabindex: 0, 'aria-label': 'Request body' }, lines(one.body)),
        h('p', { class: 'searched' }),
        h('h4', {}, 'The server’s answer'),
        h('pre', { class: 'exact', tabindex: 0, 'aria-label': 'Answer' }),
      ),
    ),
  )
}

function update(element: Element, one: Exchange, state: State): void {
  const status = element.querySelector<HTMLElement>('.wire-status')
  const answer = element.querySelector('.wire-body pre:last-child')
  const searched = element.querySelector<HTMLElement>('.searched')
  if (!status || !answer || !searched) return
  const { text, tone } = outcome(one)
  setText(status, text)
  status.dataset.tone = tone
  setText(
    answer,
    one.answer
      ? pretty(one.answer)
      : one.exit
        ? 'The page was leaving; nobody waited for it.'
        : one.status === 0
          ? 'None: the request failed.'
          : '…',
  )
  if (!state.person) return
  const found = findIn(one.body, state.person)
  show(
    searched,
    found
      ? `These bytes hold ${state.person} (${found}).`
      : `Searched these bytes for ${state.person}, plain, percent-encoded, hexadecimal and base64: not there.`,
  )
  searched.dataset.tone = found ? 'bad' : 'good'
}

/** The answer in a few words. */
function outcome(one: Exchange): { text: string; tone: 'good' | 'bad' | 'warn' | 'wait' } {
  if (one.status === undefined)
    return one.exit ? { text: 'sent on leaving', tone: 'wait' } : { text: 'waiting …', tone: 'wait' }
  if (one.status === 0) return { text: 'no network', tone: 'warn' }
  const counts = countsOf(one.answer)
  const said = counts
    ? (['stored', 'duplicate', 'refused'] as const)
        .filter((name) => counts[name])
        .map((name) => `${counts[name]} ${name}`)
        .join(', ')
    : ''
  return {
    text: `${one.status}${said && ` · ${said}`}`,
    tone: one.status === 200 ? 'good' : one.status >= 500 ? 'warn' : 'bad',
  }
}

function countsOf(answer: string | undefined): { stored: number; duplicate: number; refused: number } | undefined {
  try {
    return JSON.parse(answer ?? '')
  } catch {
    return undefined
  }
}

/** The body with one event a line; apart from these line breaks it is what was sent. */
const lines = (body: string): string =>
  body.replace('"rows":[', '"rows":[\n').replaceAll('},{"body"', '},\n{"body"').replace(/\]\}$/, '\n]}')

function pretty(answer: string): string {
  try {
    const { results, ...rest } = JSON.parse(answer) as { results?: unknown[] }
    return [JSON.stringify(rest), ...(results ?? []).map((one) => JSON.stringify(one))].join('\n')
  } catch {
    return answer
  }
}

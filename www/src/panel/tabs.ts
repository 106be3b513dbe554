/** Tabs after the WAI-ARIA pattern: arrow keys move, one panel shows at a time. */

import { h } from '../dom.js'

export interface Tab {
  id: string
  title: string
  content: HTMLElement
}

export function tabs(all: readonly Tab[]): { element: HTMLElement; open(id: string): void } {
  const buttons = all.map(({ id, title }) =>
    h(
      'button',
      {
        role: 'tab',
        id: `tab-${id}`,
        'aria-controls': `pane-${id}`,
        onclick: () => open(id),
        'data-testid': `tab-${id}`,
      },
      title,
    ),
  )
  const panes = all.map(({ id, content }) =>
    h(
      'div',
      { class: 'pane', role: 'tabpanel', id: `pane-${id}`, 'aria-labelledby': `tab-${id}`, tabindex: 0 },
      content,
    ),
  )
  const list = h(
    'div',
    {
      class: 'tab-list',
      role: 'tablist',
      'aria-label': 'Details',
      onkeydown: (event: KeyboardEvent) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
        if (!step) return
        const at = buttons.findIndex((button) => button.getAttribute('aria-selected') === 'true')
        const next = (at + step + all.length) % all.length
        open(all[next]?.id ?? '')
        buttons[next]?.focus()
      },
    },
    ...buttons,
  )

  function open(id: string): void {
    all.forEach((tab, index) => {
      buttons[index]?.setAttribute('aria-selected', String(tab.id === id))
      buttons[index]?.setAttribute('tabindex', tab.id === id ? '0' : '-1')
      if (panes[index]) panes[index].hidden = tab.id !== id
    })
  }

  open(all[0]?.id ?? '')
  return { element: h('div', { class: 'details' }, list, ...panes), open }
}

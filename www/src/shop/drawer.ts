/** A button that opens a small box beneath it. Escape and a click elsewhere close it. */

import { h, setText } from '../dom.js'

export interface Drawer {
  element: HTMLElement
  /** What the button says, and a number beside it; 0 shows none. */
  label(text: string, count?: number): void
}

export function drawer(name: string, sign: SVGElement, content: HTMLElement): Drawer {
  const text = h('span', { class: 'drawer-text' })
  const badge = h('span', { class: 'badge' })
  const box = h('div', { class: 'drawer-box', id: `${name}-box`, hidden: true }, content)
  const button = h(
    'button',
    {
      class: 'quiet',
      'aria-expanded': 'false',
      'aria-controls': box.id,
      onclick: () => open(Boolean(box.hidden)),
      'data-testid': `${name}-open`,
    },
    sign,
    text,
    badge,
  )
  const element = h('div', { class: 'drawer' }, button, box)

  function open(yes: boolean): void {
    box.hidden = !yes
    button.setAttribute('aria-expanded', String(yes))
    if (yes) box.querySelector<HTMLElement>('input, button')?.focus()
  }

  element.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || box.hidden) return
    open(false)
    button.focus()
  })
  element.addEventListener('close', () => open(false))
  // In the capture phase, before a click can take its own target out of the page.
  document.addEventListener(
    'pointerdown',
    (event) => {
      if (!element.contains(event.target as Node)) open(false)
    },
    true,
  )

  return {
    element,
    label(value, count = 0) {
      setText(text, value)
      setText(badge, count ? String(count) : '')
    },
  }
}

/** Closes the drawer that an element is in. */
export function closeDrawer(inside: HTMLElement): void {
  inside.closest('.drawer')?.dispatchEvent(new Event('close'))
}

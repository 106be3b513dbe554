/** Small helpers to build elements without a framework and without `innerHTML`. */

type Child = Node | string | null | undefined | false
type Attributes = Record<string, unknown>

/** Creates an element. `onclick` and the like become listeners, `true` an empty attribute; `false` and `null` are left out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), attributes, children)
}

const SVG = 'http://www.w3.org/2000/svg'

/** The same for an SVG element. */
export function s(tag: string, attributes: Attributes = {}, ...children: Child[]): SVGElement {
  return fill(document.createElementNS(SVG, tag) as SVGElement, attributes, children)
}

function fill<E extends Element>(element: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value as EventListener)
    else element.setAttribute(name, value === true ? '' : String(value))
  }
  element.append(...children.filter((child): child is Node | string => Boolean(child)))
  return element
}

/** Sets the text only when it differs, so that live regions speak only of changes. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** Replaces the children of an element. */
export function show(element: Element, ...children: Child[]): void {
  element.replaceChildren(...children.filter((child): child is Node | string => Boolean(child)))
}

const rendered = new WeakMap<Element, Map<string, Element>>()

/** Brings a list up to date and keeps the elements of items that stay, and with them focus, scroll position and open state. */
export function keyed<T>(
  parent: Element,
  items: readonly T[],
  key: (item: T) => string,
  create: (item: T) => Element,
  update?: (element: Element, item: T) => void,
): void {
  const before = rendered.get(parent) ?? new Map<string, Element>()
  const after = new Map<string, Element>()
  let place = parent.firstElementChild
  for (const item of items) {
    const id = key(item)
    const element = before.get(id) ?? create(item)
    after.set(id, element)
    if (element === place) place = place.nextElementSibling
    else parent.insertBefore(element, place)
    update?.(element, item)
  }
  for (const [id, element] of before) if (!after.has(id)) element.remove()
  rendered.set(parent, after)
}

const ICONS: Record<string, string> = {
  search: 'M7 12.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11ZM11 11l3.5 3.5',
  user: 'M8 8a3.25 3.25 0 1 0 0-6.5A3.25 3.25 0 0 0 8 8ZM1.8 14.5c.6-3 3.1-4.5 6.2-4.5s5.6 1.5 6.2 4.5',
  bag: 'M2.5 5h11l.8 9.5H1.7L2.5 5ZM5.3 7V4.3a2.7 2.7 0 0 1 5.4 0V7',
  back: 'M10 3 5 8l5 5',
  next: 'M6 3l5 5-5 5',
  check: 'M3 8.5 6.5 12 13 4.5',
  cross: 'M4 4l8 8M12 4l-8 8',
  arrow: 'M2 8h12M9.5 3.5 14 8l-4.5 4.5',
  open: 'M9.5 2H14v4.5M14 2 7.5 8.5M12 9.5V14H2V4h4.5',
  link: 'M6.5 9.5l3-3M7 4.5l1.6-1.6a3.2 3.2 0 0 1 4.5 4.5L11.5 9M9 11.5l-1.6 1.6a3.2 3.2 0 0 1-4.5-4.5L4.5 7',
}

/** A line icon of 16 by 16, drawn in the colour of the text and hidden from assistive technology. */
export function icon(name: keyof typeof ICONS & string): SVGElement {
  return s(
    'svg',
    { class: 'icon', viewBox: '0 0 16 16', width: 16, height: 16, 'aria-hidden': 'true', focusable: 'false' },
    s('path', {
      d: ICONS[name],
      fill: 'none',
      stroke: 'currentColor',
      'stroke-width': 1.5,
      'stroke-linecap': 'round',
      'stroke-linejoin': 'round',
    }),
  )
}

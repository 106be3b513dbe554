import { type Installed, replace } from './install.js'

/** As much of a page as the client uses, for runners without a DOM. */
export interface FakePage extends Installed {
  /** It goes to the background. */
  hide(): void
  /** It goes away: what is not sent by then is sent with `keepalive`. */
  leave(): void
}

/** What clients of one page share; a new page has none of it. */
const SHARED = Symbol.for('nymtrail/1')

/**
 * Puts `window`, `document`, `location` and `navigator` in place, as much of them as the client uses, until `remove()`:
 * the real client then runs in Node, without jsdom or happy-dom. Each page is a new one and knows no client of another.
 *
 * @param options - `url` and `referrer` of the page, and `navigator`: properties it is to have, such as
 * `globalPrivacyControl`.
 * @example
 * ```ts
 * const page = fakePage({ url: 'https://shop.example/cart' })
 * const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', consent: 'granted' })
 * // …
 * await trail.close()
 * page.remove()
 * ```
 */
export function fakePage({
  url = 'https://page.example/',
  referrer = '',
  navigator = {} as Record<string, unknown>,
} = {}): FakePage {
  const page = new EventTarget()
  const document = Object.assign(new EventTarget(), { baseURI: url, referrer, visibilityState: 'visible' })
  const remove = replace(globalThis, {
    [SHARED]: undefined,
    addEventListener: page.addEventListener.bind(page),
    removeEventListener: page.removeEventListener.bind(page),
    dispatchEvent: page.dispatchEvent.bind(page),
    window: globalThis,
    document,
    location: new URL(url),
    navigator: { onLine: true, ...navigator },
  })
  return {
    hide() {
      document.visibilityState = 'hidden'
      document.dispatchEvent(new Event('visibilitychange'))
    },
    leave: () => void page.dispatchEvent(Object.assign(new Event('pagehide'), { persisted: false })),
    remove,
  }
}

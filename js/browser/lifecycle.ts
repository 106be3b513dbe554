/**
 * What a page goes through. `pagehide` is the last event that every browser fires; `unload` and `beforeunload` keep a
 * page out of the back/forward cache. On mobile a page that is hidden may be killed without another event.
 */

import { theDocument } from '../page.js'

/**
 * - `hidden`: the tab is in the background or closing; perhaps nothing else will be heard.
 * - `leaving`: the page goes away for good.
 * - `frozen`: it goes to the back/forward cache, or its timers stop. Said once when both happen.
 * - `resumed`: it is back from there. Said once, too.
 * - `online`: the network may be there again.
 */
export type Happening = 'hidden' | 'leaving' | 'frozen' | 'resumed' | 'online'

/** Calls `happened` until what it returns is called. In a worker, which has no document, there is only `online`. */
export function listen(happened: (what: Happening) => void): () => void {
  const controller = new AbortController()
  let frozen = false
  /** The last event that was heard to its end. */
  let done: Event | undefined
  const document = theDocument()
  const on = (target: EventTarget | undefined, type: string, what: (event: Event) => Happening | false) => {
    const heard = (event: Event) => {
      if (event === done) return
      const happening = what(event)
      const asleep = happening === 'frozen'
      // Chromium fires `freeze` after `pagehide`, and `resume` before `pageshow`.
      if (asleep || happening === 'resumed') {
        if (asleep === frozen) return
        frozen = asleep
      }
      if (happening) happened(happening)
      done = event
    }
    target?.addEventListener?.(type, heard, { signal: controller.signal })
  }
  const persisted = (event: Event) => (event as PageTransitionEvent).persisted
  // Twice: when Firefox closes a site's last tab in a process, it ends the script that runs at some moment, perhaps the
  // first of these. Nothing else is certain to follow: a tab in the background is hidden already.
  for (const _ of 'ab') on(globalThis, 'pagehide', (event) => (persisted(event) ? 'frozen' : 'leaving'))
  on(globalThis, 'pageshow', (event) => persisted(event) && 'resumed')
  on(globalThis, 'online', () => 'online')
  on(document, 'visibilitychange', () => document?.visibilityState === 'hidden' && 'hidden')
  on(document, 'freeze', () => 'frozen')
  on(document, 'resume', () => 'resumed')
  return () => controller.abort()
}

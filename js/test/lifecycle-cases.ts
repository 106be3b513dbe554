/** What is heard of a page's life, from events dispatched by hand. In a worker, only that there is nothing but `online`. */
import { type Happening, listen } from '../browser/lifecycle.ts'
import { type Cases, equal, shadowing } from './check.ts'

const page = (globalThis as { document?: Document }).document

/** What is heard when `events` happen. */
async function heard(...events: [target: EventTarget | undefined, event: Event][]): Promise<Happening[]> {
  const log: Happening[] = []
  const stop = listen((what) => log.push(what))
  for (const [target, event] of events) target?.dispatchEvent(event)
  stop()
  const count = log.length
  for (const [target, event] of events) target?.dispatchEvent(event)
  equal(log.length, count, 'heard after it was told to stop:')
  return log
}

const transition = (type: string, persisted: boolean): [EventTarget, Event] => [
  globalThis,
  Object.assign(new Event(type), { persisted }),
]

export const lifecycleCases: Cases = {
  async 'the network comes back'() {
    equal(await heard([globalThis, new Event('online')], [globalThis, new Event('offline')]), ['online'])
  },

  async 'a page that goes away is leaving, one that may come back is frozen'() {
    const events = [transition('pagehide', false), transition('pagehide', true)]
    equal(await heard(...events), ['leaving', 'frozen'])
  },

  async 'a page that is shown again has resumed, one that is shown first has not'() {
    equal(await heard(transition('pageshow', false)), [])
    equal(await heard(transition('pagehide', true), transition('pageshow', true)), ['frozen', 'resumed'])
  },

  async 'a document freezes and resumes'() {
    const events = await heard([page, new Event('freeze')], [page, new Event('resume')])
    equal(events, page ? ['frozen', 'resumed'] : [])
  },

  async 'a page in the back/forward cache is frozen once and resumes once'() {
    const away = [transition('pagehide', true), [page, new Event('freeze')] as [Document, Event]]
    const back = [[page, new Event('resume')] as [Document, Event], transition('pageshow', true)]
    equal(await heard(...away, ...back, ...away, ...back), ['frozen', 'resumed', 'frozen', 'resumed'])
  },

  async 'a document is hidden, and shown without a word'() {
    if (!page) return equal(await heard([globalThis, new Event('visibilitychange')]), [])
    for (const [value, expected] of [
      ['hidden', ['hidden']],
      ['visible', []],
    ] as const)
      await shadowing(page, 'visibilityState', { value }, async () =>
        equal(await heard([page, new Event('visibilitychange')]), expected),
      )
  },

  async 'nothing that would keep a page out of the back/forward cache is listened to'() {
    const listened: string[] = []
    const noting = () => ({ value: (type: string) => listened.push(type) })
    await shadowing(globalThis, 'addEventListener', noting, async () => listen(() => {})())
    equal(listened, ['pagehide', 'pagehide', 'pageshow', 'online'])
  },
}

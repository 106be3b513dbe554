/** The client in a worker, and in what only calls itself one; tests/e2e has real ones. */
import { afterEach, expect, test, vi } from 'vitest'
import { page } from '../page.ts'
import { forgetPage, makeEntry, recordConsole, settle } from './fake.ts'

/** What a worker's global has beside what Node's has, but for `lacks`; `location` is that of its script. */
function installWorker({ lacks = '', href = 'https://shop.example/js/worker.js', navigator = {} } = {}) {
  const target = new EventTarget()
  const globals = {
    importScripts: () => {},
    indexedDB: {},
    location: { href },
    origin: 'https://shop.example',
    navigator: { onLine: true, ...navigator },
    addEventListener: target.addEventListener.bind(target),
    removeEventListener: target.removeEventListener.bind(target),
  }
  for (const [name, value] of Object.entries(globals)) if (name !== lacks) vi.stubGlobal(name, value)
}

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  forgetPage()
})

test('a worker records, without an address of a page', async () => {
  installWorker()
  const { createTrail, core } = makeEntry()
  const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', consent: 'granted' })
  expect(await trail.ready()).toEqual({ state: 'ready', storage: 'indexeddb' })
  trail.track('a')
  trail.page('view')
  expect(core().calls.slice(-2)).toEqual([
    ['capture', 'track', 'a', '', ''],
    ['capture', 'page', 'view', '', ''],
  ])
})

test.each(['https://shop.example/js/worker.js', 'blob:https://shop.example/0b9c'])(
  'relative addresses are of the origin of %s',
  async (href) => {
    installWorker({ href })
    const asked: string[] = []
    vi.stubGlobal('fetch', async (url: string) => {
      asked.push(url)
      return new Response('')
    })
    const { createTrail, core } = makeEntry()
    const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', salt: 'epochs.json', consent: 'granted' })
    await trail.ready()
    const meta = JSON.stringify({ deployment: 'shop', epoch: null, chain: 'c', sent_at: 1, age_ms: 1 })
    await core().host.deliver(['{}'], meta, false)
    expect(asked).toEqual(['https://shop.example/epochs.json', 'https://shop.example/ingest'])
  },
)

test('a worker heeds Global Privacy Control', async () => {
  installWorker({ navigator: { globalPrivacyControl: true } })
  const { createTrail, load } = makeEntry()
  const trail = createTrail({ deployment: 'shop', endpoint: '/ingest' })
  expect([trail.consent(), await trail.ready()]).toEqual(['denied', { state: 'inert', code: 'consent_denied' }])
  expect(load).not.toHaveBeenCalled()
})

test.each(['indexedDB', 'importScripts'])(
  'a server that calls itself a worker, without %s, is left alone',
  async (lacks) => {
    installWorker({ lacks })
    const seen = recordConsole()
    const { createTrail, load } = makeEntry()
    const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', consent: 'granted' })
    trail.track('a')
    await settle()
    expect(await trail.ready()).toEqual({ state: 'inert', code: 'no_dom' })
    expect([page().trails.size, load.mock.calls.length, seen.warnings(), seen.infos()]).toEqual([0, 0, [], []])
  },
)

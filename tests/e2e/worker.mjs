// What runs in a worker of any kind: it does what it is told by message, and answers on the port that came along.
import { createTrail } from 'nymtrail'
import { createTrail as createSlim } from 'nymtrail/slim'

let trail
const id = Math.random()
const warnings = []
const errors = []
console.warn = (text) => warnings.push(text)
addEventListener('error', ({ message }) => errors.push(message))
addEventListener('unhandledrejection', ({ reason }) => errors.push(String(reason)))

const does = {
  begin(options) {
    const create = options?.wasm ? createSlim : createTrail
    trail ??= create({
      deployment: 'shop',
      endpoint: '/ingest',
      consent: 'granted',
      flush: { ageMs: 200 },
      ...options,
    })
    return trail.ready()
  },
  track(count, prefix) {
    for (let i = 0; i < count; i++) trail.track(`${prefix}${i}`, { i })
  },
  page: () => trail.page('view'),
  consent: (state) => trail.consent(state),
  flush: () => trail.flush(),
  stats: () => trail.stats(),
  verify: () => trail.verify(),
  export: () => trail.export(),
  close: () => trail.close(),
  problems: () => [...warnings, ...errors],
  /** Of this run of the worker. */
  id: () => id,
  scope: () => globalThis.constructor.name,
}

/** @param event a message: what to do, and with what */
async function answer({ data: [name, ...values], ports: [port] }) {
  port.postMessage(await does[name](...values))
}

addEventListener('message', (event) => {
  const done = answer(event)
  event.waitUntil?.(done)
})
addEventListener('connect', ({ ports: [port] }) => {
  port.onmessage = answer
})
// A service worker lives as long as an event keeps it, so what is to be sent has to be a part of the event.
addEventListener('fetch', (event) => {
  const { pathname } = new URL(event.request.url)
  if (!pathname.startsWith('/plain-tracked')) return
  event.waitUntil(
    Promise.resolve(does.begin()).then(() => {
      trail.track(pathname)
      return trail.flush()
    }),
  )
})
addEventListener('activate', (event) => event.waitUntil(globalThis.clients.claim()))

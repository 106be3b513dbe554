// What the page does: it tracks events at random, from the first moment on, and tells the test's server what it knows.
import { randomFrom } from './random.mjs'

/** Runs in the page; `round`, `tab`, `seed` and `quiet` are in its address. */
function visit() {
  const query = new URLSearchParams(location.search)
  const [round, tab] = ['round', 'tab'].map((name) => Number(query.get(name)))
  const random = globalThis.randomFrom(query.get('seed'), 'page', round, tab)
  const below = (limit) => Math.floor(random() * limit)

  // One request at a time, so that what is told arrives in order; what a kill catches is not told.
  const lines = []
  let telling = false
  const tell = async (kind, value) => {
    lines.push([kind, value])
    if (telling) return
    telling = true
    while (lines.length)
      await fetch('/tell', { method: 'POST', body: JSON.stringify({ round, tab, lines: lines.splice(0) }) }).catch(
        () => {},
      )
    telling = false
  }

  const place = ({ chain, seq }) => `${chain}:${seq}`
  const HEARD = {
    stored: ({ rows }) => {
      const events = rows.map((line) => JSON.parse(line)).filter(({ seq }) => seq > 0)
      return events.map((row) => JSON.parse(row.body).p.id.join())
    },
    // What the collector's answer acknowledges, as the client got it.
    response: ({ status, text }) => {
      const results = status === 200 || status === 207 || status === 409 ? JSON.parse(text).results : []
      return results.filter(({ status }) => status !== 'refused').map(place)
    },
    settled: ({ chain, next }) => `${chain}:${next}`,
    lane: ({ chain }) => chain,
    dropped: ({ reason }) => reason,
    warning: ({ code }) => code,
  }

  const answer = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })

  /** A database beside the client's, without its code: what is gone from there the browser has lost. */
  async function keepCanary() {
    const request = indexedDB.open('canary', 1)
    request.onupgradeneeded = () => request.result.createObjectStore('visits')
    const database = await answer(request)
    tell('found', await answer(database.transaction('visits').objectStore('visits').getAllKeys()))
    const tx = database.transaction('visits', 'readwrite', { durability: 'relaxed' })
    tx.objectStore('visits').put(1, `${round},${tab}`)
    tx.oncomplete = () => tell('kept', `${round},${tab}`)
  }

  async function begin() {
    const [{ createTrail }, { collector }] = await Promise.all([
      import('/dist/index.js'),
      import('/dist/endpoints/collector.js'),
    ])
    globalThis.trail = createTrail({
      deployment: 'shop',
      endpoint: collector('/'),
      consent: 'granted',
      flush: { ageMs: 20 + below(300), pauseMs: 20 },
      debug: (activity) => activity.type in HEARD && tell(activity.type, HEARD[activity.type](activity)),
    })
    // After the client: whoever opens the first database of an origin is told that another one was thrown away.
    const ready = globalThis.trail.ready()
    ready.then(keepCanary)
    if (query.has('quiet')) return
    for (let i = 0; ; ) {
      // Only so many calls wait for a client that begins late, as on a busy machine.
      if (i > 800) await ready
      // A task's events; now and then so many that writing them takes a while.
      const burst = below(40) ? 1 + below(12) : 150
      for (const end = i + burst; i < end; i++)
        globalThis.trail.track('tick', { id: [round, tab, i], pad: 'x '.repeat(below(60)) })
      tell('tracked', i)
      await new Promise((resolve) => setTimeout(resolve, below(80)))
    }
  }
  begin().catch((error) => tell('failed', String(error)))
}

/** The script of the page's head. */
export const script = `${randomFrom}\n(${visit})()`

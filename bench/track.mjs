#!/usr/bin/env node
// What a call of track() costs the page's main thread, in Chromium. Prints a table; asserts nothing.
import { parseArgs } from 'node:util'
import { launch } from '../tests/e2e/browsers/chromium.mjs'
import { openSite } from '../tests/e2e/server.mjs'

const help = `Measures the main-thread time of track() with an event of 12 properties, in Chromium.

  npm run bench [-- --calls 1000] [-- --rounds 5]

  --calls    calls in a round
  --rounds   rounds; the table shows the one whose median is in the middle

Needs the built package: npm run build
`

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '5' },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help) {
  console.log(help)
  process.exit()
}
const [calls, rounds] = [Number(values.calls), Number(values.rounds)]

/**
 * Runs in the page. Times in ms, one for each call.
 *
 * - `one task`: the call alone, all calls in one task; what is stored is stored once, after the last.
 * - `task each`: the call, and the microtask behind it in which the event is written: everything but the browser's own
 *   work in other threads and the event that says it is done.
 * - `baseline`: JSON.stringify of the same properties and one IndexedDB add with an explicit commit.
 */
async function measure({ calls, rounds }) {
  const { createTrail } = globalThis
  const trail = createTrail({
    deployment: 'bench',
    endpoint: '/ingest',
    consent: 'granted',
    salt: { secret: '7e'.repeat(32) },
    // Nothing is sent and nothing is pruned meanwhile: that is another cost, of another task.
    flush: { count: 1e9, bytes: 1e12, ageMs: 1e9 },
    limits: { rows: 1e9, bytes: 1e12 },
  })
  await trail.ready()
  trail.identify('customer 4711')

  const event = (i) => ({
    product: 'dawn-mug',
    name: 'Dawn mug',
    category: 'Mugs and cups',
    price: 24.5,
    quantity: 1 + (i % 3),
    position: i,
    currency: 'EUR',
    in_stock: true,
    coupon: null,
    list: 'Stoneware for slow mornings',
    variant: 'glazed, 300 ml',
    source: 'search',
  })

  const database = await new Promise((resolve, reject) => {
    const request = indexedDB.open('baseline', 1)
    request.onupgradeneeded = () => request.result.createObjectStore('rows')
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
  let key = 0
  const baseline = (i) => {
    const line = JSON.stringify(event(i))
    const transaction = database.transaction('rows', 'readwrite', { durability: 'relaxed' })
    transaction.objectStore('rows').add(line, [String(key++), i])
    transaction.commit()
  }

  const channel = new MessageChannel()
  /** The next task. */
  const task = () =>
    new Promise((resolve) => {
      channel.port1.onmessage = resolve
      channel.port2.postMessage(0)
    })

  const ways = {
    'track(), all in one task': async () => {
      const times = []
      for (let i = 0; i < calls; i++) {
        const props = event(i)
        const began = performance.now()
        trail.track('add_to_basket', props)
        times.push(performance.now() - began)
      }
      return times
    },
    'track(), one a task, with the write': async () => {
      const times = []
      for (let i = 0; i < calls; i++) {
        await task()
        const props = event(i)
        const began = performance.now()
        trail.track('add_to_basket', props)
        // Queued behind the client's own microtask, so that has run when this goes on.
        await new Promise(queueMicrotask)
        times.push(performance.now() - began)
      }
      return times
    },
    'stringify and one add()': async () => {
      const times = []
      for (let i = 0; i < calls; i++) {
        await task()
        const began = performance.now()
        baseline(i)
        await new Promise(queueMicrotask)
        times.push(performance.now() - began)
      }
      return times
    },
  }

  const found = Object.fromEntries(Object.keys(ways).map((name) => [name, []]))
  // The first round warms up and is not counted; the ways take turns, so that a busy machine hits all alike.
  for (let round = 0; round <= rounds; round++)
    for (const [name, run] of Object.entries(ways)) {
      const times = await run()
      if (round) found[name].push(times)
      await trail.stats() // lets what was written settle
    }
  const { captured, stored, dropped } = await trail.stats()
  const resolution = new Set(Array.from({ length: 2000 }, () => performance.now()))
  const steps = [...resolution].map((time, at, all) => time - (all[at - 1] ?? 0)).slice(1)
  return { found, captured, stored, dropped, step: Math.min(...steps), isolated: crossOriginIsolated }
}

const site = await openSite()
// Isolated pages get a clock of 5 µs; others of 100 µs, too coarse for what is measured here.
site.headers = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
const browser = await launch()
try {
  const page = await (await browser.profile()).open(site.url('/page'))
  const { found, captured, stored, dropped, step, isolated } = await page.evaluate(measure, { calls, rounds })

  const at = (times, part) =>
    [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * part))]
  const middle = (list) => [...list].sort((a, b) => at(a, 0.5) - at(b, 0.5))[Math.floor(list.length / 2)]
  const mean = (times) => times.reduce((sum, time) => sum + time, 0) / times.length
  const micro = (ms) => (ms * 1000).toFixed(1).padStart(9)
  const base = mean(middle(found['stringify and one add()']))

  console.log(`\n${browser.version}, ${calls} calls a round, ${rounds} rounds; µs of main-thread time`)
  console.log(
    `the page's clock has steps of ${(step * 1000).toFixed(1)} µs${isolated ? '' : ', not isolated: medians below that mean little'}\n`,
  )
  console.log(`${''.padEnd(38)}${['median', 'p99', 'mean', 'ratio'].map((name) => name.padStart(9)).join('')}`)
  for (const [name, list] of Object.entries(found)) {
    const times = middle(list)
    const ratio = (mean(times) / base).toFixed(2).padStart(9)
    console.log(`${name.padEnd(38)}${micro(at(times, 0.5))}${micro(at(times, 0.99))}${micro(mean(times))}${ratio}`)
  }
  console.log('\nratio: of the means, to JSON.stringify of the same properties and one IndexedDB add')
  const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0)
  console.log(`${captured} events captured, ${stored} stored, ${lost} dropped`)
} finally {
  await browser.close()
  await site.close()
}

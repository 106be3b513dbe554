#!/usr/bin/env node
// What delivery costs the page: long tasks, and track() meanwhile, in Chromium. Prints numbers; asserts nothing.
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { at, inPage, micro } from './lib.mjs'

const help = `Lets a page deliver what has piled up, and measures its long tasks and what track() costs meanwhile.

  npm run bench:delivery [-- --events 10000] [-- --every 15]

  --events   how many wait when the page is loaded
  --every    ms between two calls of track() while they are delivered

Needs the built package: npm run build
`

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '10000' },
    every: { type: 'string', default: '15' },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help) {
  console.log(help)
  process.exit()
}
const [events, every] = [Number(values.events), Number(values.every)]

/** Runs in the page: creates the client. */
async function open({ events }) {
  globalThis.trail = globalThis.createTrail({
    deployment: 'bench',
    endpoint: '/ingest',
    consent: 'granted',
    limits: { rows: 2 * events, bytes: 1e9 },
  })
  await globalThis.trail.ready()
}

const event = `(i) => ({ product: 'dawn-mug', price: 24.5, quantity: 1 + (i % 3), position: i, source: 'search' })`

/** Runs in the page: tracks what is to wait. */
async function fill({ events, event: source }) {
  const event = new Function(`return ${source}`)()
  for (let i = 0; i < events; i++) {
    globalThis.trail.track('add_to_basket', event(i))
    if (i % 100 === 99) await new Promise((resolve) => setTimeout(resolve))
  }
  return globalThis.trail.stats()
}

/**
 * Runs in the page: tracks now and then, until `done()`. In turn with it what the browser alone needs to store as much,
 * and a loop, which shows what the machine does to whoever measures.
 */
async function begin({ every, event: source }) {
  const event = new Function(`return ${source}`)()
  const database = await new Promise((resolve, reject) => {
    const request = indexedDB.open('baseline', 1)
    request.onupgradeneeded = () => request.result.createObjectStore('rows')
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
  const found = { longTasks: [], call: [], whole: [], add: [], loop: [] }
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) found.longTasks.push({ startTime, duration })
  }).observe({ type: 'longtask' })
  const turns = [
    async (i) => {
      const props = event(i)
      const start = performance.now()
      globalThis.trail.track('add_to_basket', props)
      found.call.push(performance.now() - start)
      // Queued behind the client's own microtask, in which the event is written.
      await new Promise(queueMicrotask)
      found.whole.push(performance.now() - start)
    },
    (i) => {
      const props = event(i)
      const start = performance.now()
      const transaction = database.transaction('rows', 'readwrite', { durability: 'relaxed' })
      transaction.objectStore('rows').add(JSON.stringify(props).padEnd(450), ['chain', i])
      transaction.commit()
      found.add.push(performance.now() - start)
    },
    () => {
      const start = performance.now()
      let sum = 0
      for (let turn = 0; turn < 50_000; turn++) sum += Math.sqrt(turn)
      found.loop.push(performance.now() - start)
      globalThis.sum = sum
    },
  ]
  const began = performance.now()
  let i = 0
  const timer = setInterval(() => turns[i % turns.length](i++), every / turns.length)
  globalThis.done = () => {
    clearInterval(timer)
    return { ...found, began, seconds: (performance.now() - began) / 1000 }
  }
}

await inPage(async ({ site, page, tasksOf, version }) => {
  let down = true
  site.answer = () => (down ? { status: 503 } : {})
  await page.evaluate(open, { events })
  const { pending } = await page.evaluate(fill, { events, event })
  down = false
  await page.reload()
  await page.until(() => 'createTrail' in globalThis)
  await page.evaluate(begin, { every, event })
  const arrived = () => new Set(site.taken().map(({ id }) => id)).size
  const tasks = await tasksOf(async () => {
    await page.evaluate(open, { events })
    while (arrived() < pending) await new Promise((resolve) => setTimeout(resolve, 500))
  })
  const { longTasks, began, seconds, ...times } = await page.evaluate(() => globalThis.done())

  console.log(`\n${version}; load average ${loadavg()[0].toFixed(1)}`)
  console.log(
    `${pending} events delivered in ${seconds.toFixed(1)} s, ${site.batches().length} requests, never more than ${site.most} at once; ${times.call.length} calls of track() meanwhile\n`,
  )
  console.log(
    `${''.padEnd(38)}${['median', 'p99', 'most'].map((name) => name.padStart(9)).join('')}   µs of main-thread time`,
  )
  for (const [name, list] of [
    ['track()', times.call],
    ['track() with its write', times.whole],
    ['one add() to IndexedDB', times.add],
    ['a loop', times.loop],
  ])
    console.log(`${name.padEnd(38)}${micro(at(list, 0.5))}${micro(at(list, 0.99))}${micro(Math.max(...list))}`)
  const processor = tasks.map((task) => task.processor)
  const busy = processor.reduce((sum, ms) => sum + ms, 0) / seconds / 10
  console.log(`\nmain thread: ${tasks.length} tasks, ${busy.toFixed(1)} % of the time`)
  console.log(`  the longest took ${Math.max(...processor).toFixed(1)} ms of processor time`)
  console.log(`  long tasks by the clock (over 50 ms): ${longTasks.length}`)
  for (const { startTime, duration } of longTasks)
    console.log(`    ${duration.toFixed(0)} ms, ${((startTime - began) / 1000).toFixed(1)} s after the start`)
})

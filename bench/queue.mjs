#!/usr/bin/env node
// What a full queue costs: track(), flush() and memory with 50,000 events waiting, and how they go when the endpoint is
// back. In Chromium. Prints numbers and ratios within one run; asserts nothing.
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { at, inPage, mega, micro } from './lib.mjs'

const help = `Measures track(), flush() and memory with a queue that is empty and one that is full, and the recovery.

  npm run bench:queue [-- --events 50000] [-- --calls 500] [-- --rounds 7]

  --events   how many wait while the endpoint is down
  --calls    calls of track() in a round
  --rounds   rounds of each; they take turns, so that a busy machine hits both alike

Needs the built package: npm run build
`

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '50000' },
    calls: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '7' },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help) {
  console.log(help)
  process.exit()
}
const [events, calls, rounds] = [Number(values.events), Number(values.calls), Number(values.rounds)]

/** Runs in the page: four clients, one whose endpoint works, three whose endpoint is down; and two databases without one. */
async function open({ events }) {
  const make = (deployment, endpoint) =>
    globalThis.createTrail({
      deployment,
      endpoint,
      consent: 'granted',
      limits: { rows: Math.round(events * 1.2), bytes: 1e9 },
    })
  const trails = {
    empty: make('empty', '/ingest'),
    few: make('few', '/down'),
    some: make('some', '/down-too'),
    full: make('full', '/down'),
  }
  await Promise.all(Object.values(trails).map((trail) => trail.ready()))
  const event = (i) => ({ product: 'dawn-mug', price: 24.5, quantity: 1 + (i % 3), position: i, source: 'search' })
  const channel = new MessageChannel()
  /** The next task. */
  const task = () =>
    new Promise((resolve) => {
      channel.port1.onmessage = resolve
      channel.port2.postMessage(0)
    })
  /** What the client's store does for one event, and nothing else. */
  const raw = async (name) => {
    const opening = indexedDB.open(name, 1)
    opening.onupgradeneeded = () => {
      for (const store of ['rows', 'metas']) opening.result.createObjectStore(store)
    }
    await new Promise((resolve) => {
      opening.onsuccess = resolve
    })
    const [chain, line] = ['c'.repeat(64), 'x'.repeat(420)]
    let seq = 0
    return (rows = 1) => {
      const tx = opening.result.transaction(['rows', 'metas'], 'readwrite', { durability: 'relaxed' })
      tx.objectStore('metas').put(String(seq), 'lane')
      for (let i = 0; i < rows; i++) tx.objectStore('rows').add(line, [chain, seq++])
      tx.commit()
      return new Promise((resolve) => {
        tx.oncomplete = resolve
      })
    }
  }
  const stores = { bare: await raw('bare'), laden: await raw('laden') }
  const bench = {
    trails,
    async lade(count) {
      for (let rows = 0; rows < count; rows += 1000) await stores.laden(1000)
    },
    /** Times in ms of one such write, one a task. */
    async write(which, calls) {
      const times = []
      for (let i = 0; i < calls; i++) {
        await task()
        const began = performance.now()
        stores[which]()
        times.push(performance.now() - began)
      }
      return times
    },
    async fill(count) {
      for (let i = 0; i < count; i++) {
        trails.full.track('add_to_basket', event(i))
        if (i % 100 === 99) await task()
        if (i % 1000 === 999) await trails.full.stats()
      }
      return trails.full.stats()
    },
    /** Times in ms of track() with the write behind it, one call a task. */
    async track(which, calls) {
      const times = []
      for (let i = 0; i < calls; i++) {
        await task()
        const props = event(i)
        const began = performance.now()
        trails[which].track('add_to_basket', props)
        // Queued behind the client's own microtask, so that has run when this goes on.
        await new Promise(queueMicrotask)
        times.push(performance.now() - began)
      }
      return times
    },
    /** The same for as many turns of a loop: what the machine does to whoever measures. */
    async noise(turns, calls) {
      const times = []
      for (let i = 0, sum = 0; i < calls; i++) {
        await task()
        const began = performance.now()
        for (let turn = 0; turn < turns; turn++) sum += Math.sqrt(turn)
        times.push(performance.now() - began)
        globalThis.sum = sum
      }
      return times
    },
    /** Times in ms: the call of flush() alone, and until it is answered. */
    async flush(which) {
      await task()
      const began = performance.now()
      const flushed = trails[which].flush()
      // The client asks its core a microtask or two later.
      for (let i = 0; i < 10; i++) await new Promise(queueMicrotask)
      const call = performance.now() - began
      await flushed
      return { call, answer: performance.now() - began }
    },
  }
  globalThis.bench = bench
}

await inPage(async ({ site, page, memory, version }) => {
  let down = true
  site.answer = ({ path }) => (path.startsWith('/down') && down ? { status: 503 } : {})
  await page.evaluate(open, { events })
  const run = (work, ...args) => page.evaluate(({ work, args }) => globalThis.bench[work](...args), { work, args })
  const drain = () => page.evaluate(() => globalThis.bench.trails.empty.flush())
  // Warms up, and gives the lanes a beginning.
  for (const which of ['empty', 'few', 'some', 'full']) await run('track', which, 50)
  await drain()
  const before = await memory()
  const { pending } = await run('fill', events)
  const full = await memory()
  await run('lade', pending)
  // What the browser does with them behind the scenes, such as compacting its files, is not what is measured here.
  await new Promise((resolve) => setTimeout(resolve, 10_000))
  const turns = Math.round(1e5 / (at(await run('noise', 1e5, 50), 0.5) / 0.1))

  const times = { empty: [], some: [], full: [], bare: [], laden: [], noise: [] }
  const flushes = { few: [], full: [] }
  for (let round = 0; round < rounds; round++) {
    for (const which of round % 2 ? ['full', 'some', 'empty'] : ['empty', 'some', 'full']) {
      times[which].push(...(await run('track', which, calls)))
      await drain()
    }
    for (const which of round % 2 ? ['laden', 'bare'] : ['bare', 'laden'])
      times[which].push(...(await run('write', which, calls)))
    times.noise.push(...(await run('noise', turns, calls)))
    for (let i = 0; i < 5; i++) for (const which of ['few', 'full']) flushes[which].push(await run('flush', which))
  }

  console.log(
    `\n${version}, ${rounds} rounds of ${calls} calls; µs of main-thread time; load average ${loadavg()[0].toFixed(1)}\n`,
  )
  const table = (title, names, rows) => {
    console.log(`${title.padEnd(38)}${[...names, 'ratio'].map((name) => name.padStart(9)).join('')}`)
    for (const [name, one, other] of rows)
      console.log(`${name.padEnd(38)}${micro(one)}${micro(other)}${(other / one).toFixed(2).padStart(9)}`)
    console.log()
  }
  const parts = [
    ['median', 0.5],
    ['p99', 0.99],
  ]
  const both = (name, one, other) =>
    parts.map(([part, share]) => [`${name}, ${part}`, at(times[one], share), at(times[other], share)])
  table('events that wait', ['0', `${pending}`], both('track() with its write', 'empty', 'full'))
  table('events that wait, endpoint down', [`50–${rounds * calls}`, `${pending}`], both('the same', 'some', 'full'))
  table('rows in a store without the client', [`0–${rounds * calls}`, `${pending}`], both('one add', 'bare', 'laden'))
  table(
    'events that wait, endpoint down',
    ['50', `${pending}`],
    [
      ['flush(), the call, median', 'call'],
      ['flush(), to its answer, median', 'answer'],
    ].map(([name, key]) => [
      name,
      ...['few', 'full'].map((which) =>
        at(
          flushes[which].map((one) => one[key]),
          0.5,
        ),
      ),
    ]),
  )
  console.log(
    `what the machine does to a loop of about 0.1 ms: median${micro(at(times.noise, 0.5))}, p99${micro(at(times.noise, 0.99))}`,
  )
  console.log(`\nmemory         ${'JavaScript'.padStart(14)}${'wasm'.padStart(14)}`)
  const line = (name, { heap, wasm }) =>
    console.log(`${name.padEnd(15)}${mega(heap).padStart(14)}${mega(wasm).padStart(14)}`)
  line('empty queue', before)
  line(`${pending} queued`, full)

  // The endpoint is back.
  const known = site.requests.length
  down = false
  const began = Date.now()
  await page.evaluate(() => {
    globalThis.bench.trails.full.flush()
  })
  const taken = () => site.requests.slice(known).filter(({ path, status }) => path === '/down' && status === 200)
  const stats = () => page.evaluate(() => globalThis.bench.trails.full.stats())
  let now
  do {
    await new Promise((resolve) => setTimeout(resolve, 1000))
    now = await stats()
  } while (now.pending > 0)
  line('all delivered', await memory())
  const requests = taken()
  const seconds = (requests.at(-1).at - began) / 1000
  const gaps = requests.slice(1).map((request, i) => request.at - requests[i].at)
  const perSecond = requests.map(({ at }) => requests.filter((other) => other.at >= at && other.at < at + 1000).length)
  const chains = new Map()
  let misplaced = 0
  let rows = 0
  for (const { body } of requests)
    for (const { chain, seq } of JSON.parse(body).events) {
      if (seq !== (chains.get(chain) ?? -1) + 1 && chains.has(chain)) misplaced++
      chains.set(chain, seq)
      rows++
    }
  console.log(
    `\nrecovery: ${rows} rows of ${chains.size} chain(s) in ${requests.length} requests and ${seconds.toFixed(1)} s`,
  )
  console.log(`  rows out of order or twice: ${misplaced}`)
  console.log(
    `  requests a second: at most ${Math.max(...perSecond)}; between two: at least ${Math.min(...gaps)} ms, median ${at(gaps, 0.5)} ms`,
  )
  const { captured, acknowledged, dropped } = now
  const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0)
  console.log(`  ${captured} events captured, ${acknowledged} acknowledged, ${lost} dropped`)
})

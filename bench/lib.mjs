// What the benchmarks share: an isolated page, its memory, and numbers as text.
import { launch } from '../tests/e2e/browsers/chromium.mjs'
import { openSite } from '../tests/e2e/server.mjs'

/** Keeps hold of the wasm's memory, which the client keeps to itself. */
const HEAD = `
const { Instance } = WebAssembly
WebAssembly.Instance = function (...args) {
  const instance = new Instance(...args)
  if (instance.exports.memory) window.wasmMemory = instance.exports.memory
  return instance
}`

/** Runs `work` with a site and a page on it, and ends both. */
export async function inPage(work) {
  const site = await openSite()
  // Isolated pages get a clock of 5 µs; others of 100 µs, too coarse for what is measured here.
  site.headers = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
  site.head = HEAD
  const browser = await launch()
  try {
    const profile = await browser.profile()
    const page = await profile.open(site.url('/page'))
    const devtools = await profile.context.newCDPSession(page.page)
    /** Bytes in use after a collection: of JavaScript, and of the wasm, which never shrinks. */
    const memory = async () => {
      await devtools.send('HeapProfiler.collectGarbage')
      const { usedSize: heap } = await devtools.send('Runtime.getHeapUsage')
      const wasm = await page.evaluate(() => globalThis.wasmMemory?.buffer.byteLength ?? 0)
      return { heap, wasm }
    }
    /** Runs `work`, and gives the tasks of the page's main thread meanwhile: ms by the clock, and of processor time. */
    const tasksOf = async (work) => {
      const tracing = await profile.context.browser().newBrowserCDPSession()
      const events = []
      tracing.on('Tracing.dataCollected', ({ value }) => events.push(...value))
      const includedCategories = ['disabled-by-default-devtools.timeline', '__metadata']
      await tracing.send('Tracing.start', { traceConfig: { includedCategories, excludedCategories: ['*'] } })
      await work()
      const complete = new Promise((resolve) => tracing.once('Tracing.tracingComplete', resolve))
      await tracing.send('Tracing.end')
      await complete
      // A browser keeps other renderers in reserve, which have hardly anything to do.
      const tasks = events
        .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
        .map((main) =>
          events.filter(({ name, pid, tid }) => name === 'RunTask' && pid === main.pid && tid === main.tid),
        )
        .sort((a, b) => b.length - a.length)[0]
      return tasks.map(({ dur = 0, tdur = 0 }) => ({ clock: dur / 1000, processor: tdur / 1000 }))
    }
    await work({ site, page, devtools, memory, tasksOf, version: browser.version })
  } finally {
    await browser.close()
    await site.close()
  }
}

/** The value that a part of them, from 0 to 1, are not above. */
export const at = (numbers, part) =>
  [...numbers].sort((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * part))]

/** Milliseconds as microseconds. */
export const micro = (ms) => (ms * 1000).toFixed(1).padStart(9)

export const mega = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`

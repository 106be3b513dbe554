/**
 * Scripts that are ended halfway, past every `catch` and `finally`. Firefox does that to whatever runs when it closes the
 * last tab of a site in a process (`dom.abort_script_on_child_shutdown`), handlers of `pagehide` among it; and people do,
 * to a page that hangs. Node's time limit for a script ends it in the same way.
 */
import 'fake-indexeddb/auto'
import { readFileSync } from 'node:fs'
import { runInThisContext } from 'node:vm'
import { afterEach, expect, test, vi } from 'vitest'
import { openIdb } from '../browser/idb.ts'
import { type Happening, listen } from '../browser/lifecycle.ts'
import { INPUTS } from '../driver.ts'
import { instantiate } from '../wasm.ts'
import { fresh, pause } from './check.ts'
import { all, lines, rows } from './store-conformance.ts'

const NOW = 1_790_000_000_000

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

/** Runs `work` until it gets stuck, and no further. */
function cut(work: () => void) {
  vi.stubGlobal('work', work)
  expect(() => runInThisContext('work()', { timeout: 50 })).toThrow('timed out')
}

/** Gets stuck. */
const stuck = (): never => {
  for (;;);
}

/** Lets a method be called so often, and then gets stuck. */
function sticking<K extends string>(object: Record<K, (...given: never[]) => unknown>, name: K, calls: number) {
  const plain = object[name] as (...given: unknown[]) => unknown
  let left = calls
  return vi.spyOn(object as Record<string, (...given: unknown[]) => unknown>, name).mockImplementation(function (
    this: unknown,
    ...given
  ) {
    return left-- ? plain.apply(this, given) : stuck()
  })
}

test('a write that was not asked for to its end leaves nothing', async () => {
  const database = fresh('cut')
  const store = await openIdb(database)
  await store.write({ add: rows('a', [0]), put: [['lane/a', 'before']] })
  const spy = sticking(IDBObjectStore.prototype, 'add', 2)
  cut(() => void store.write({ add: rows('a', [1, 2, 3, 4]), put: [['lane/a', 'after']] }))
  spy.mockRestore()
  await pause(20)
  const again = await openIdb(database)
  expect([await all(again, 'a'), await again.metas()]).toEqual([lines('a', [0]), [['lane/a', 'before']]])
  await store.write({ add: rows('a', [1]) })
  expect(await all(again, 'a')).toEqual(lines('a', [0, 1]))
})

test('a call that was not made to its end leaves the next one alone', () => {
  const module = new WebAssembly.Module(readFileSync(new URL('../../build/wasm/nymtrail.wasm', import.meta.url)))
  const engine = instantiate(module).Core.create('shop random') ?? expect.fail('no client')
  const feed = (input: (typeof INPUTS)[number]) => engine.feed(INPUTS.indexOf(input), 0, '', '', NOW)
  feed('Opened')
  engine.capture('track', 'before', '', '', NOW)
  const spy = sticking(TextEncoder.prototype, 'encode', 1)
  cut(() => void engine.capture('track', 'cut', '', '', NOW))
  spy.mockRestore()
  const written = feed('Commit')
  expect(written).toContain('before')
  expect(written).not.toContain('cut')
})

test('a page whose leaving was not heard to its end is heard to leave all the same, once', () => {
  const listeners: ((event: Event) => void)[] = []
  vi.stubGlobal('addEventListener', (type: string, heard: (event: Event) => void) => {
    if (type === 'pagehide') listeners.push(heard)
  })
  const log: Happening[] = []
  let gets = 'stuck'
  listen((what) => {
    if (gets === 'stuck') {
      gets = 'through'
      stuck()
    }
    log.push(what)
  })
  const [first, ...others] = listeners
  const event = new Event('pagehide')
  // As a browser does, which ends one listener and calls the next; Node's own dispatch is a script and would end whole.
  cut(() => first?.(event))
  for (const heard of [...others, ...others]) heard(event)
  expect(log).toEqual(['leaving'])
})

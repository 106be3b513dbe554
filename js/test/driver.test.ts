import { readFileSync } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import { driverOf, EFFECTS, INPUTS, type Wasm } from '../driver.ts'

const source = (path: string) => readFileSync(new URL(`../../src/${path}`, import.meta.url), 'utf8')

test('inputs have the numbers that the bindings read', () => {
  const read = [...source('bindings.rs').matchAll(/^ {8}(\d+) => Input::(\w+)/gm)]
  expect(read.map(([, number]) => Number(number))).toEqual(INPUTS.map((_, at) => at))
  expect(read.map(([, , name]) => name)).toEqual(INPUTS)
})

test('effects have the numbers that the engine writes', () => {
  const effects = source('core/engine/effect.rs')
  // Its reader, which the simulation compares with its writer.
  const read = [...effects.matchAll(/^ {8}([\d |]+) => (?:\{\s+let chain = [^;]+;\s+)?Effect::(\w+)/gm)]
  const numbers = read.flatMap(([, numbers = '', name]) => numbers.split(' | ').map((number) => [Number(number), name]))
  // A batch for a leaving page has a number of its own.
  expect(numbers).toEqual(EFFECTS.map((name, at) => [at, name === 'DeliverExit' ? 'Deliver' : name]))
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('a page that hears of an erasure ends, and does not open the database again', async () => {
  const open = vi.fn(() => ({}))
  vi.stubGlobal('indexedDB', { open })
  const feed = vi.fn((..._: unknown[]) => '')
  const erased = vi.fn()
  const Driver = driverOf({ Core: { create: () => ({ feed }) }, Checker: class {} } as unknown as Wasm)
  void new Driver('shop', { erased } as never).start()
  const other = new BroadcastChannel('nymtrail/shop')
  other.postMessage('stored')
  other.postMessage('erased')
  other.postMessage('stored')
  await vi.waitFor(() => expect(erased).toHaveBeenCalled())
  await new Promise((resolve) => setTimeout(resolve, 50))
  other.close()
  expect(feed.mock.calls.map(([kind, , text]) => [INPUTS[kind as number], text])).toEqual([
    ['Heard', 'stored'],
    ['Heard', 'erased'],
  ])
  expect([erased.mock.calls.length, open.mock.calls.length]).toEqual([1, 1])
})

test('a database that never opens is given up, and events are kept in memory', async () => {
  vi.useFakeTimers()
  vi.stubGlobal('indexedDB', { open: () => ({}) })
  const feed = vi.fn((..._: unknown[]) => '')
  const Driver = driverOf({ Core: { create: () => ({ feed }) }, Checker: class {} } as unknown as Wasm)
  void new Driver('shop', {} as never).start()
  await vi.advanceTimersByTimeAsync(4999)
  expect(feed).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(feed.mock.calls.map(([kind, number]) => [INPUTS[kind as number], number])).toEqual([['Opened', 0]])
})

import { getHeapSnapshot } from 'node:v8'
import { afterEach, expect, test, vi } from 'vitest'
import type { CoreClass } from '../core.ts'
import { createClient } from '../create.ts'
import { forgetPage, installPage, recordConsole, settle } from './fake.ts'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

/** The identifier, put together where it is used: this file must not hold it, else the search would find the file. */
const parts = ['zacharias', '.', 'quillfeather', '@', 'example.org']
const mail = () => parts.join('')

/** How often the identifier occurs in the strings of this process. */
async function inMemory(): Promise<number> {
  // Made of bytes, which a heap snapshot does not list.
  const wanted = Buffer.concat(parts.map((part) => Buffer.from(part)))
  let count = 0
  let tail = Buffer.alloc(0)
  for await (const chunk of getHeapSnapshot()) {
    const window = Buffer.concat([tail, chunk as Buffer])
    for (let at = window.indexOf(wanted); at >= 0; at = window.indexOf(wanted, at + 1)) count++
    tail = window.subarray(Math.max(0, window.length - wanted.length + 1))
  }
  return count
}

/** A core that keeps nothing. */
const Forgetful = class {
  start = async () => 'memory'
  capture = () => ''
  identify = () => ''
  reset() {}
  flush = async () => ''
} as unknown as CoreClass

test('an identifier is nowhere in memory after the call', async () => {
  forgetPage()
  installPage()
  recordConsole()
  const seen: string[] = []
  const trail = createClient(async () => Forgetful)({
    deployment: 'shop',
    endpoint: '/in',
    salt: { secret: 'ab'.repeat(32) },
    debug: (activity) => seen.push(activity.type),
  })
  // While consent is pending it has to wait in memory; that also proves that the search finds what is there.
  trail.identify(mail(), { plan: 'pro' })
  trail.identify(mail(), { broken: 1n } as never)
  expect(await inMemory()).toBeGreaterThan(0)
  trail.consent('granted')
  await trail.ready()
  trail.identify(mail())
  await trail.flush()
  await settle()
  expect(seen).toContain('warning')
  expect(await inMemory()).toBe(0)
}, 60_000)

test('nor in what the engine keeps of the last match', async () => {
  forgetPage()
  installPage()
  recordConsole()
  const trail = createClient(async () => Forgetful)({
    deployment: 'shop',
    endpoint: '/in',
    consent: 'granted',
    salt: { secret: 'ab'.repeat(32) },
  })
  await trail.ready()
  const statics = ['$_', '$&', '$`', "$'", '$1', '$2'] as const
  const kept = () => statics.map((name) => (RegExp as unknown as Record<string, string>)[name]).join('|')
  const pattern = /zach.*/
  pattern.test(mail())
  expect(kept()).toContain(mail())
  for (const id of [mail(), '+49 711 5550199', `no-mail ${mail()}`]) {
    trail.identify(id)
    expect(kept()).not.toMatch(/zach|5550199/)
  }
})

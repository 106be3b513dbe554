import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, test, vi } from 'vitest'
import { page } from '../page.ts'
import { makeEntry } from './fake.ts'

test('without a page: inert, silent, and every promise resolves', async () => {
  expect([typeof window, typeof document]).toEqual(['undefined', 'undefined'])
  const console = [vi.spyOn(globalThis.console, 'warn'), vi.spyOn(globalThis.console, 'info')]
  const { createTrail, load } = makeEntry()
  const trail = createTrail({ deployment: 'shop', endpoint: '/ingest', consent: 'granted', salt: '/epochs.json' })
  trail.page()
  trail.track('a', { n: 1 })
  trail.identify('ann@example.org')
  trail.group('acme')
  trail.reset()
  trail.consent('granted')
  expect(await trail.ready()).toEqual({ state: 'inert', code: 'no_dom' })
  expect(await trail.flush()).toEqual({ done: false, code: 'no_dom' })
  expect(await trail.verify()).toEqual({ verdict: 'unchecked', level: 'chained', chains: [], code: 'no_dom' })
  expect(await trail.export()).toMatchObject({ rows: [], ndjson: '', records: {}, code: 'no_dom' })
  expect(await trail.stats()).toMatchObject({ captured: 4, waiting: 0, dropped: { inert: 4 }, storage: 'none' })
  await trail.erase()
  await trail.close()
  expect([load.mock.calls.length, ...console.map((spy) => spy.mock.calls.length)]).toEqual([0, 0, 0])
  // A server has many visitors: nothing of one may be kept for the next.
  expect(page().trails.size).toBe(0)
  vi.restoreAllMocks()
})

test('in a process of its own: nothing printed, nothing that keeps it alive', async () => {
  const bundle = await build({
    stdin: {
      contents: `
        import { createClient } from './create.ts'
        import { createTestTrail } from './testing.ts'
        import { json } from './endpoints/json.ts'
        import { collector } from './endpoints/collector.ts'
        const createTrail = createClient(async () => { throw new Error('not on a server') })
        const trail = createTrail({ deployment: 'shop', endpoint: collector('/c'), consent: 'granted' })
        createTrail({}).track('a'); createTrail().track('b'); trail.page(); json('/in'); createTestTrail().track('c')
        for (const question of ['ready', 'flush', 'verify', 'stats', 'export', 'erase', 'close']) await trail[question]()
        process.stdout.write((await trail.ready()).code)`,
      resolveDir: fileURLToPath(new URL('..', import.meta.url)),
    },
    bundle: true,
    format: 'esm',
    write: false,
    target: 'node20',
  })
  const code = bundle.outputFiles[0]?.text ?? ''
  // Standard error goes into the result as well: anything on it fails the test.
  const printed = execFileSync(
    'sh',
    ['-c', '"$0" --input-type=module --unhandled-rejections=strict - 2>&1', process.execPath],
    { input: code, encoding: 'utf8', timeout: 20_000 },
  )
  expect(printed).toBe('no_dom')
})

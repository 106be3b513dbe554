// Is the visitor in anything that is printed, thrown, rejected, shown by tools, or in what the package was built with?
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import { until } from '../../e2e/browsers/page.mjs'
import { find } from '../../e2e/canary.mjs'
import { document } from '../../e2e/epochs.mjs'
import { dist, root } from '../../e2e/paths.mjs'
import { begin, names, scenario } from '../../e2e/scenario.mjs'
import { host, measured } from '../report.mjs'
import { CONTROL, EMAIL, intoAddress, NAME, PHONE, passEverywhere, SALT, SECRETS, UUID } from '../victim.mjs'
import { wasmFile } from '../wasm.mjs'

scenario(
  'console, errors, rejections, texts of objects and performance entries are silent about the visitor',
  async ({ t, site, profile }) => {
    site.answer = ({ path }) => (path === '/epochs' ? { body: document(SALT) } : { status: 503 })
    const page = await profile.open(site.url('/page'))
    await page.evaluate(() => {
      globalThis.heard = []
      const hear = (what) => globalThis.heard.push(String(what))
      addEventListener('error', ({ message, error }) => hear(`${message} ${error?.stack} ${JSON.stringify(error)}`))
      addEventListener('unhandledrejection', ({ reason }) => hear(`${reason} ${reason?.stack}`))
      const { createTrail } = globalThis
      const options = {
        endpoint: '/ingest',
        consent: 'granted',
        salt: '/epochs',
        identifiers: ['account'],
        flush: { ageMs: 100 },
        debug: (activity) => hear(JSON.stringify(activity)),
      }
      globalThis.trail = createTrail({ deployment: 'shop', ...options })
      globalThis.strict = createTrail({ deployment: 'strict', strict: true, ...options })
      globalThis.broken = createTrail({ deployment: 'No Name', ...options })
      return Promise.all([globalThis.trail.ready(), globalThis.strict.ready()])
    })
    await passEverywhere(page)
    // Everything that is wrong, with the visitor in it.
    const said = await page.evaluate(
      async (people) => {
        const said = []
        const tell = (what) => {
          said.push(String(what), String(what?.message), String(what?.stack), String(what?.cause))
          try {
            said.push(JSON.stringify(what))
          } catch (error) {
            said.push(String(error))
          }
        }
        const cycle = {}
        cycle.self = cycle
        for (const who of people)
          for (const trail of [globalThis.trail, globalThis.strict, globalThis.broken])
            for (const call of [
              () => trail.identify(who),
              () => trail.identify({ who }),
              () => trail.identify(who, { who }, { type: who }),
              () => trail.identify(who, who),
              () => trail.track(who, { who, cycle }),
              () => trail.track({ who }),
              () => trail.track(who, () => who),
              () =>
                trail.track('a', {
                  get a() {
                    throw new Error('own')
                  },
                  who,
                }),
              () => trail.track(who.repeat(100), { [who.repeat(100)]: who.repeat(3000) }),
              () => trail.group(who, { who: who.repeat(3000) }),
              () => trail.page(who, { who }),
              () => trail.consent(who),
              () => trail.flush(who),
              () => trail.verify(),
              () => trail.stats(),
              () => trail.receipts(),
            ]) {
              try {
                tell(await call())
              } catch (error) {
                tell(error)
              }
            }
        const { createTrail } = globalThis
        for (const who of people)
          for (const options of [
            { deployment: who },
            { deployment: 'a', endpoint: who },
            { deployment: 'a', endpoint: '/i', salt: who, pin: who },
          ])
            try {
              tell(createTrail({ ...options, [who]: who }))
            } catch (error) {
              tell(error)
            }
        for (const trail of [globalThis.trail, globalThis.strict]) {
          for (const name in trail) said.push(name, String(trail[name]), Object.prototype.toString.call(trail[name]))
          said.push(String(trail), ...Object.getOwnPropertyNames(trail))
        }
        await new Promise((done) => setTimeout(done, 500))
        return said
      },
      [EMAIL, PHONE, UUID, NAME],
    )
    await page.evaluate((control) => {
      console.warn(control)
      setTimeout(() => {
        throw new Error(control)
      })
      void Promise.reject(new Error(`rejected ${control}`))
      performance.mark(`own-${control}`)
      return fetch(`/own?${encodeURIComponent(control)}`).catch(() => {})
    }, CONTROL)
    await until(() => page.errors.some((text) => text.includes(CONTROL)), 'the planted error')
    const entries = await page.evaluate(() => {
      performance.mark('end')
      return performance.getEntries().map((entry) => JSON.stringify(entry.toJSON()))
    })
    const heard = await page.evaluate(() => globalThis.heard)
    const places = {
      console: page.console.map(({ text }) => text),
      'uncaught errors': [...page.errors, ...heard],
      'what calls gave and threw': said,
      'performance entries': entries,
    }
    for (const [place, texts] of Object.entries(places)) {
      const text = texts.join('\n')
      assert.deepEqual(find(text, SECRETS), [], place)
      if (place !== 'what calls gave and threw') assert.ok(find(text, [CONTROL]).length, `the search looks at ${place}`)
    }
    assert.ok(heard.length > 10 && heard.some((text) => text.includes('"stored"')), 'the debug hook was called')
    assert.ok(
      said.some((text) => /scrubbed/.test(text)),
      'strict mode has thrown',
    )
    // What this page threw on purpose is no failure of the scenario.
    page.errors.length = 0
    await page.evaluate(() => {
      globalThis.uncaught.length = 0
    })
    const counts = Object.entries(places).map(([place, texts]) => `${place} ${texts.length}`)
    measured(t, `${counts.join(', ')}: 0 needles`)
  },
)

scenario('nor is it in the address that a page view records', async ({ site, profile }) => {
  const page = await profile.open(site.url('/page'))
  await begin(page)
  await intoAddress(page)
  await page.evaluate(() => globalThis.trail.page())
  await until(() => site.taken().length, 'it is delivered')
  assert.deepEqual(names(site.taken()), [])
  assert.deepEqual(find(JSON.stringify(site.taken()), [...SECRETS, CONTROL]), [])
})

/** The custom sections of a wasm file, by name: what is in it beside code and data. */
function customSections(bytes) {
  const names = []
  let at = 8
  const number = () => {
    let [value, shift] = [0, 0]
    for (;;) {
      const byte = bytes[at++]
      value |= (byte & 127) << shift
      shift += 7
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const kind = bytes[at++]
    const end = number() + at
    if (kind === 0) {
      const length = number()
      names.push(bytes.subarray(at, at + length).toString())
    }
    at = end
  }
  return names
}

host('the package has no names of functions, no source maps and no paths of the machine it was built on', (t) => {
  const named = readFileSync(join(root, 'build', 'nymtrail_named.wasm'))
  assert.ok(customSections(named).includes('name'), 'the search sees custom sections')
  assert.deepEqual(customSections(readFileSync(wasmFile)), [])
  const files = readdirSync(dist, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const inlined = /['"`]((?:[A-Za-z\d+/]{76})[A-Za-z\d+/]{20000,}=*)['"`]/
  let unpacked = 0
  for (const { parentPath, path = parentPath, name } of files) {
    assert.ok(!name.endsWith('.map'), name)
    const text = readFileSync(join(path, name))
    assert.ok(!text.includes('sourceMappingURL'), name)
    assert.ok(![root.replace(/\/$/, ''), homedir()].some((folder) => folder.length > 1 && text.includes(folder)), name)
    const base64 = inlined.exec(text.toString('latin1'))?.[1]
    if (!base64) continue
    const wasm = inflateSync(Buffer.from(base64, 'base64'))
    assert.deepEqual(customSections(wasm), [], name)
    unpacked++
  }
  assert.ok(unpacked >= 1, 'the inlined wasm was found')
  measured(t, `${files.length} files of the package, ${unpacked} with wasm inlined: no custom section, map or path`)
})

#!/usr/bin/env node
// Endpoints against real receivers and official parsers. Every file of checks/ is one of them; the last line is:
// N passed, M failed
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { root } from '../../scripts/lib/tools.mjs'
import { folder, install, nodeModules, python, versions } from './lib/install.mjs'
import { loadSdk } from './lib/sdk.mjs'
import * as tools from './lib/tools.mjs'

const help = `Sends the rows of the unit tests through endpoints to software by others, and verifies what comes out of it.

  node tests/receivers/run.mjs [--only WORD]

  --only   only checks whose file name holds this word

It installs what it needs into build/receivers (npm, PyPI). A receiver that cannot be installed or started is a failure.

A check is a file checks/<name>.mjs:
  export const needs = ['npm:cloudevents', 'python:rotel']   what it uses; the versions are printed
  export default async ({ check, sdk, ...tools }) => { await check('what must be so', async () => { … throws if not }) }
What is thrown outside of check() is one failure. lib/tools.mjs and lib/sdk.mjs say what it is given.
`

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, help: { type: 'boolean', short: 'h' } },
})
if (values.help) {
  console.log(help)
  process.exit()
}

const checks = fileURLToPath(new URL('checks', import.meta.url))
const files = readdirSync(checks).filter((file) => file.endsWith('.mjs') && file.includes(values.only))
const began = performance.now()
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`
let passed = 0
let failed = 0

const missing = await install()
const installed = await versions()
console.log(`Installed in ${seconds(began)}; Node ${process.versions.node}`)
const sdk = await loadSdk()

for (const file of files.sort()) {
  const name = file.slice(0, -'.mjs'.length)
  const since = performance.now()
  const report = (what, error) => {
    if (error) failed++
    else passed++
    console.log(`  ${error ? 'NOT' : 'ok '}  ${name}: ${what}${error ? `\n       ${error.message ?? error}` : ''}`)
  }
  const temp = join(folder, 'temp', name)
  rmSync(temp, { recursive: true, force: true })
  mkdirSync(temp, { recursive: true })
  try {
    const { default: run, needs = [] } = await import(pathToFileURL(join(checks, file)).href)
    console.log(`${name}: ${needs.map((need) => `${need.split(':')[1]} ${installed[need] ?? 'missing'}`).join(', ')}`)
    for (const need of needs) {
      const reason = missing[need.split(':')[0]]
      if (reason) throw reason
      if (!installed[need]) throw new Error(`${need} is not in the lock file`)
    }
    const check = async (what, work) => {
      try {
        await work()
        report(what)
      } catch (error) {
        report(what, error)
      }
    }
    await run({ check, sdk, root, temp, nodeModules, python, ...tools })
  } catch (error) {
    report('could not be run', error)
  } finally {
    await tools.stopAll()
  }
  console.log(`       ${seconds(since)}`)
}
console.log(`Together ${seconds(began)}`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed || !passed ? 1 : 0)

#!/usr/bin/env node
// Runs the end-to-end scenarios in one browser. The last line is: N passed, M failed
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const help = `Runs the end-to-end tests in a real browser. They test what was built: npm run build -- --demo

  node tests/e2e/run.mjs --browser chromium|firefox [--only WORD]

  --browser   which one
  --only      only scenario files whose name holds this word
`

const { values } = parseArgs({
  options: {
    browser: { type: 'string', default: 'chromium' },
    only: { type: 'string', default: '' },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help || !['chromium', 'firefox'].includes(values.browser)) {
  console.log(help)
  process.exit(values.help ? 0 : 1)
}
process.env.NYMTRAIL_BROWSER = values.browser

const folder = fileURLToPath(new URL('scenarios', import.meta.url))
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.test.mjs') && name.includes(values.only))
  .sort()
  .map((name) => join(folder, name))

const counts = { passed: 0, failed: 0, skipped: 0 }
const count = ({ details, skip, todo }, outcome) => {
  // Suites and files are no tests of their own, but a file that fails by itself is a failure.
  if (details.type === 'suite') return
  if (skip !== undefined || todo !== undefined) counts.skipped++
  else counts[outcome]++
}
// One file at a time: two browsers at once make each other late.
const stream = run({ files, concurrency: 1, timeout: 600_000 })
stream.on('test:pass', (data) => data.nesting || count(data, 'passed'))
stream.on('test:fail', (data) => data.nesting || count(data, 'failed'))
stream.compose(spec).pipe(process.stdout)
stream.on('end', () =>
  // After the report, which is written later.
  setTimeout(() => {
    const { passed, failed, skipped } = counts
    console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`)
    process.exitCode = failed || !passed ? 1 : 0
  }, 100),
)

#!/usr/bin/env node
// Attacks what was built, in real browsers: each case is named after what it tries. The last line is: N passed, M failed
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readMeasured } from './report.mjs'

const help = `Attacks the built package, and prints what each attack has measured. Build first: npm run build -- --demo

  node tests/attack/run.mjs [--browser chromium|firefox] [--only WORD] [--no-host]

  --browser   which one; by default both, one after the other
  --only      only cases whose file name holds this word
  --no-host   without the tests that need no browser: another run has them
`

const BROWSERS = ['chromium', 'firefox']
const { values } = parseArgs({
  options: {
    browser: { type: 'string' },
    only: { type: 'string', default: '' },
    'no-host': { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help || (values.browser && !BROWSERS.includes(values.browser))) {
  console.log(help)
  process.exit(values.help ? 0 : 1)
}

const folder = fileURLToPath(new URL('cases', import.meta.url))
const cases = readdirSync(folder)
  .filter((name) => name.endsWith('.test.mjs') && name.includes(values.only))
  .sort()
  .map((name) => join(folder, name))
/** A case that uses no browser has nothing to run without its host tests. */
const usesBrowser = (file) => readFileSync(file, 'utf8').includes('e2e/scenario.mjs')

const counts = { passed: 0, failed: 0, skipped: 0 }
/** What was measured, and whether all passed, by case. */
const table = new Map(cases.map((file) => [basename(file, '.test.mjs'), { failed: 0, tests: 0, lines: [] }]))
const rowOf = ({ file }) => table.get(basename(file ?? '', '.test.mjs'))

function count(data, outcome, browser) {
  const { details, skip, todo } = data
  // Suites and files are no tests of their own, but a file that fails by itself is a failure.
  if (data.nesting || details.type === 'suite') return
  const row = rowOf(data)
  if (skip !== undefined || todo !== undefined) {
    counts.skipped++
    row?.lines.push(`${browser}: not run: ${skip ?? todo}`)
  } else {
    counts[outcome]++
    if (!row) return
    row.tests++
    if (outcome === 'failed') {
      row.failed++
      row.lines.push(`${browser}: FAILED: ${data.name}`)
    }
  }
}

/** One browser after the other, and one file at a time: two browsers at once make each other late. */
function attack(browser, hosts) {
  process.env.NYMTRAIL_BROWSER = browser
  process.env.NYMTRAIL_ATTACK_HOST = hosts ? 'yes' : 'no'
  const files = cases.filter((file) => hosts || usesBrowser(file))
  if (!files.length) return Promise.resolve()
  const stream = run({ files, concurrency: 1, timeout: 600_000 })
  stream.on('test:pass', (data) => count(data, 'passed', browser))
  stream.on('test:fail', (data) => count(data, 'failed', browser))
  stream.on('test:diagnostic', (data) => {
    const text = readMeasured(data.message)
    if (text) rowOf(data)?.lines.push(`${browser}: ${text}`)
  })
  stream.compose(spec).pipe(process.stdout, { end: false })
  return new Promise((resolve) => stream.on('end', resolve))
}

const browsers = values.browser ? [values.browser] : BROWSERS
for (const [at, browser] of browsers.entries()) await attack(browser, at === 0 && !values['no-host'])
// After the report, which is written later.
setTimeout(() => {
  console.log('\nWhat each attack has measured')
  for (const [name, { tests, failed, lines }] of table) {
    if (!tests && !lines.length) continue
    console.log(`${failed ? 'FAILED' : tests ? 'held  ' : 'not run'} ${name.replaceAll('-', ' ')}`)
    for (const line of lines) console.log(`         ${line}`)
  }
  const { passed, failed, skipped } = counts
  console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`)
  process.exitCode = failed || !(passed + skipped) ? 1 : 0
}, 100)

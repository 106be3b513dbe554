#!/usr/bin/env node
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
// Fuzzes the readers of what comes from outside: row, note, proof, file. A test is a target. The last line is: N passed, M failed
//
// libFuzzer, with the flags of LLVM that cargo-fuzz sets; but none for a sanitizer, as those need a nightly toolchain, and our
// code has no `unsafe` to watch. So the pinned stable toolchain does.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ask, Failure, isMain, run, script } from './lib/run.mjs'
import { buildDir, root, targetDir } from './lib/tools.mjs'

const TARGETS = ['row', 'note', 'proof', 'file']
/** Two at a time, so that four targets of a minute take two. */
const AT_ONCE = 2
const help = `Fuzzes the readers of rows, notes, proofs and files

  node scripts/fuzz.mjs [--seconds N] [TARGET...]       targets: ${TARGETS.join(', ')}

  --seconds   for each target [default: NYMTRAIL_FUZZ_SECONDS, else 60]

What is found is put into fuzz/regressions/TARGET, where the ordinary tests take it up. Inputs that reached new code stay
in build/fuzz for the next time.
`

const coverage = ['level=4', 'inline-8bit-counters', 'pc-table', 'trace-compares']
const flags = [
  '-Cpasses=sancov-module',
  ...coverage.map((option) => `-Cllvm-args=-sanitizer-coverage-${option}`),
  '-Ccodegen-units=1',
  '--cfg=fuzzing',
]

/** Builds the targets and says where they are. */
async function build() {
  const host = /host: (\S+)/.exec(ask('rustc', ['-vV']) ?? '')?.[1]
  if (!host) throw new Failure('rustc does not say what machine this is.', 'Run `rustc -vV` to see why.')
  const folder = join(targetDir(), 'fuzz')
  // With --target, what runs while building is built without the flags, as it must be.
  const args = ['build', '--release', '--locked', '--target', host, '--target-dir', folder]
  await run('cargo', args, { cwd: join(root, 'fuzz'), env: { CARGO_ENCODED_RUSTFLAGS: flags.join('\x1f') } })
  return join(folder, host, 'release')
}

/** Every text in a JSON value. */
function* texts(value) {
  if (typeof value === 'string') yield value
  else if (value && typeof value === 'object') for (const each of Object.values(value)) yield* texts(each)
}

/** Puts the texts of the vectors where a target begins. */
function seed(corpus) {
  mkdirSync(corpus, { recursive: true })
  const vectors = join(root, 'tests', 'vectors')
  for (const file of readdirSync(vectors).filter((name) => name.endsWith('.json')))
    for (const text of texts(JSON.parse(readFileSync(join(vectors, file), 'utf8'))))
      writeFileSync(join(corpus, createHash('sha1').update(text).digest('hex')), text)
}

/** Fuzzes one target for so many seconds. Says whether nothing was found. */
async function fuzz(binaries, target, seconds) {
  const corpus = join(buildDir, 'fuzz', target)
  const found = join(root, 'fuzz', 'regressions', target)
  seed(corpus)
  // A slow input takes ms; the 30 s are for a machine that has no time for this.
  const limits = [`-max_total_time=${seconds}`, '-timeout=30', '-rss_limit_mb=1024', '-max_len=4096']
  const child = spawn(join(binaries, target), [corpus, found, ...limits, `-artifact_prefix=${found}/`], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, RUST_BACKTRACE: '0' },
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    log += text
  })
  const code = await new Promise((resolve) => child.on('error', () => resolve(-1)).on('close', resolve))
  const done = /#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+) corp: (\d+)/.exec(log)
  const good = code === 0 && done && Number(done[1]) > 0
  if (good)
    console.log(
      `  ok   ${target}: ${done[1]} executions, ${done[2]} places of the code reached, ${done[4]} inputs kept`,
    )
  else console.log(`  NOT  ${target}, exit code ${code}:\n${log.split('\n').slice(-40).join('\n')}`)
  return good
}

async function main() {
  const options = { seconds: { type: 'string' }, help: { type: 'boolean', short: 'h' } }
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  if (values.help) return console.log(help)
  const seconds = Number(values.seconds ?? process.env.NYMTRAIL_FUZZ_SECONDS ?? 60)
  if (!(seconds >= 1)) throw new Failure('The time is not a number of seconds from 1.', 'Use --seconds 60.')
  const wrong = positionals.find((name) => !TARGETS.includes(name))
  if (wrong) throw new Failure(`There is no target called ${wrong}.`, `Use: ${TARGETS.join(', ')}`)
  const waiting = positionals.length ? positionals : [...TARGETS]
  const binaries = await build()
  const results = []
  const work = async () => {
    for (let target = waiting.shift(); target; target = waiting.shift())
      results.push(await fuzz(binaries, target, seconds))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  const passed = results.filter(Boolean).length
  console.log(`${passed} passed, ${results.length - passed} failed`)
  if (passed < results.length) process.exitCode = 1
}

if (isMain(import.meta.url)) await script(main)

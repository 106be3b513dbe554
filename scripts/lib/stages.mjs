// The stages of `npm test`: what each runs. scripts/test.mjs says how they are chosen, counted and reported.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { build } from '../build.mjs'
import { setup } from '../setup.mjs'
import { reportSizes } from '../size.mjs'
import { bundleWebTests } from '../web-tests.mjs'
import { Failure, run } from './run.mjs'
import { collectorBinary, locked, needTool, root } from './tools.mjs'

const WASM = 'wasm32-unknown-unknown'
const at = { cwd: root }

/** A test runner: it may fail, and its output is kept to be counted. */
const test = (command, args, options) => run(command, args, { ...at, ...options, keep: true, mayFail: true })

async function format() {
  await run('cargo', ['fmt', '--all', '--check'], { ...at, remedy: 'Run: npm run format' })
  // The fuzz targets are a workspace of their own, whose lock file nothing else would find out of date before the last stage.
  const remedy = 'Run: cargo update --workspace --manifest-path fuzz/Cargo.toml'
  await run('cargo', ['fetch', ...locked, '--manifest-path', 'fuzz/Cargo.toml'], { ...at, remedy })
}

async function lint() {
  const deny = ['--', '--deny', 'warnings']
  await run('cargo', ['clippy', ...locked, '--workspace', '--all-targets', ...deny], at)
  await bundleWebTests()
  const wasm = ['--package', 'nymtrail', '--target', WASM]
  await run('cargo', ['clippy', ...locked, ...wasm, '--all-targets', ...deny], at)
  await run('cargo', ['clippy', ...locked, ...wasm, '--lib', '--features', 'standalone', ...deny], at)
  // Documentation with a broken link is an error too.
  const docs = { ...at, env: { RUSTDOCFLAGS: '--deny warnings' } }
  await run('cargo', ['doc', ...locked, '--workspace', '--no-deps', '--document-private-items'], docs)
}

async function types() {
  for (const project of ['tsconfig.json', 'tsconfig.tests.json', 'www/tsconfig.json'])
    await run('tsc', ['--noEmit', '--project', project], at)
  await run('biome', ['check', '--error-on-warnings'], { ...at, remedy: 'Run: npm run format' })
}

/** `--mode no-install`: wasm-pack uses the tools of set-up and never looks for a download. */
const wasmPack = (...browser) => ['wasm-pack', 'test', '--headless', '--mode', 'no-install', ...browser]

/** tests/web in one browser. The runner gives all tests of a file together so many seconds; on a busy machine 20 are few. */
async function inBrowser([command, ...args]) {
  await bundleWebTests()
  return test(command, args, { env: { WASM_BINDGEN_TEST_TIMEOUT: '120' } })
}

const chromium = () => inBrowser(wasmPack('--chrome', '--chromedriver', needTool('chromedriver')))

const firefox = () => inBrowser(wasmPack('--firefox'))

/** WebKitGTK has no headless mode: it hangs without a display. */
const webkit = () =>
  inBrowser([needTool('xvfb-run'), '-a', ...wasmPack('--safari', '--safaridriver', needTool('WebKitWebDriver'))])

const host = () => test('cargo', ['test', ...locked, '--workspace', '--no-fail-fast'])

const unit = () => test('vitest', ['run'])

/** Test files of Node's own runner, below tests/. */
const node = (...files) => test('node', ['--test', '--test-reporter=spec', ...files.map((file) => join('tests', file))])

const scripts = () =>
  node(...['counts', 'stages', 'commands', 'words', 'format'].map((name) => `scripts/${name}.test.mjs`))

const oprf = () => node('oprf/cross.test.mjs')

const packaging = () => node('packaging/package.test.mjs')

const e2e = (browser) => () => own('node', join('tests', 'e2e', 'run.mjs'), '--browser', browser)

/** What needs no browser runs with Chromium alone. */
const attack =
  (browser, ...options) =>
  () =>
    own('node', join('tests', 'attack', 'run.mjs'), '--browser', browser, ...options)

const sql = () => own(needTool('python3'), join('tests', 'sql', 'verify_with_sql.py'))

const tampering = {
  wasm: () => own('node', join('tests', 'tampering', 'wasm.mjs')),
  sql: () => own(needTool('python3'), join('tests', 'sql', 'tampering.py')),
}

const fuzz = () => own('node', join('scripts', 'fuzz.mjs'))

const receivers = () => own('node', join('tests', 'receivers', 'run.mjs'))

/** One of the project's own runners; it finds the built collector by NYMTRAIL_BIN. */
async function own(command, file, ...args) {
  if (!existsSync(join(root, file)))
    throw new Failure(`${file} is not there, so nothing was tested.`, 'Restore it from git.')
  return test(command, [file, ...args], { env: { NYMTRAIL_BIN: collectorBinary() } })
}

/**
 * The stages, in order. `name` may have a second half after a colon; `--only wasm` takes all of `wasm:...`.
 * `work` throws on failure; a stage with a `runner` resolves to the outcome of that program, whose summary is counted.
 * `needs` names stages that must have run before, `after` those that must be over, however they went.
 * `line`: it runs beside others, one after the other with those of its own line. A scenario waits more than it computes, so that the
 * two browsers fit on two cores. `idle`: what keeps the processor busy for minutes, and has no deadlines, gets what the others leave.
 */
export const stages = [
  { name: 'tools', title: 'Tools of wasm-pack', line: 'compilers', idle: true, work: () => setup('wasm-pack') },
  { name: 'format', title: 'Rust: format, lock files', work: format },
  { name: 'host', title: 'Rust: host tests', runner: 'rust', work: host },
  {
    name: 'lint',
    title: 'Rust: clippy, documentation',
    line: 'compilers',
    idle: true,
    after: ['host'],
    work: lint,
  },
  { name: 'build', title: 'Build: wasm, package, collector, demo', work: () => build({ demo: true }) },
  { name: 'size', title: 'Size budget', needs: ['build'], work: reportSizes },
  { name: 'scripts', title: 'The commands themselves', needs: ['build'], runner: 'node', work: scripts },
  { name: 'types', title: 'TypeScript: types, format, lint', needs: ['build'], work: types },
  { name: 'unit', title: 'TypeScript: unit tests', needs: ['build'], runner: 'vitest', work: unit },
  // It reads the outputs that the host tests left in target/tmp.
  { name: 'oprf', title: 'VOPRF against another implementation', needs: ['host', 'build'], runner: 'node', work: oprf },
  {
    name: 'packaging',
    title: 'Package: pack, install, bundle, load',
    needs: ['build'],
    runner: 'node',
    work: packaging,
  },
  {
    name: 'e2e:firefox',
    title: 'End to end in Firefox',
    line: 'firefox',
    needs: ['build'],
    after: ['packaging'],
    runner: 'plain',
    work: e2e('firefox'),
  },
  {
    name: 'attack:firefox',
    title: 'Attacks in Firefox',
    line: 'firefox',
    needs: ['build'],
    runner: 'plain',
    work: attack('firefox', '--no-host'),
  },
  { name: 'e2e:chromium', title: 'End to end in Chromium', needs: ['build'], runner: 'plain', work: e2e('chromium') },
  {
    name: 'attack:chromium',
    title: 'Attacks in Chromium',
    needs: ['build'],
    runner: 'plain',
    work: attack('chromium'),
  },
  // It reads the events that the end-to-end tests exported from a browser.
  { name: 'sql', title: 'Verification in SQL', needs: ['build', 'e2e:chromium'], runner: 'plain', work: sql },
  { name: 'wasm:chromium', title: 'wasm-pack in Chromium', needs: ['tools'], runner: 'rust', work: chromium },
  { name: 'wasm:firefox', title: 'wasm-pack in Firefox', needs: ['tools'], runner: 'rust', work: firefox },
  { name: 'wasm:webkit', title: 'wasm-pack in WebKitGTK', needs: ['tools'], runner: 'rust', work: webkit },
  { name: 'receivers', title: 'Endpoints against real receivers', needs: ['build'], runner: 'plain', work: receivers },
  // They read the instances that the host tests left in target/tmp.
  {
    name: 'tampering:wasm',
    title: 'Tampering, found by the wasm',
    line: 'tampering',
    idle: true,
    needs: ['host', 'build'],
    runner: 'plain',
    work: tampering.wasm,
  },
  {
    name: 'tampering:sql',
    title: 'Tampering, found in SQL',
    line: 'tampering',
    idle: true,
    needs: ['host', 'build'],
    runner: 'plain',
    work: tampering.sql,
  },
  {
    name: 'fuzz',
    title: 'Readers of foreign bytes, fuzzed',
    line: 'compilers',
    idle: true,
    runner: 'plain',
    work: fuzz,
  },
]

#!/usr/bin/env node
// Builds the wasm and the npm package around it, and checks both. It always builds everything: it takes seconds.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { packageEntries } from './lib/package.mjs'
import { Failure, isMain, note, run, script, step } from './lib/run.mjs'
import { buildDir, collectorBinary, locked, root, targetDir } from './lib/tools.mjs'
import { reportSizes } from './size.mjs'
import { namedWasm, wasmOptFlags } from './wasm-size.mjs'

const help = `Builds the project and prints the size table.

  node scripts/build.mjs [--wasm] [--demo]

  (no option)  the wasm (build/wasm, build/verify, build/oprf), the npm package (dist), the size table
  --wasm       the wasm alone
  --demo       all, and the collector (release) and the demo page (www/dist)
`

const wasmDir = join(buildDir, 'wasm')
const wasmFile = join(wasmDir, 'nymtrail.wasm')
/** The verifier's, which no page loads that only records. */
const verifyDir = join(buildDir, 'verify')
const verifyFile = join(verifyDir, 'verify.wasm')

/** That of `nymtrail/oprf`, which loads only where a key server makes pseudonyms. */
const oprfDir = join(buildDir, 'oprf')
const oprfFile = join(oprfDir, 'oprf.wasm')

/** Cargo for the browser. Gives the wasm, before wasm-opt. */
async function compile(name, profile, rustflags, options) {
  // Panic messages hold source paths: name them alike on every machine.
  const remapped = Object.entries(sourceFolders()).map(([folder, name]) => `--remap-path-prefix=${folder}=${name}`)
  const target = 'wasm32-unknown-unknown'
  await run(
    'cargo',
    ['build', ...locked, '--package', name, '--lib', ...options, '--profile', profile, '--target', target],
    { cwd: root, env: { CARGO_ENCODED_RUSTFLAGS: [...rustflags, ...remapped].join('\x1f') } },
  )
  return join(targetDir(), target, profile, `${name.replaceAll('-', '_')}.wasm`)
}

/** Cargo -> wasm-opt -> build/wasm. */
async function buildWasm() {
  // SHA-256 unrolled is 8 kB of wasm, compact 0.6 kB; an event is a few blocks, so the speed does not show.
  const flags = ['--cfg', 'sha2_backend_soft="compact"']
  const built = await compile('nymtrail', 'wasm', flags, ['--features', 'standalone'])
  rmSync(wasmDir, { recursive: true, force: true })
  mkdirSync(wasmDir, { recursive: true })
  const unoptimised = readFileSync(built)
  writeFileSync(namedWasm, unoptimised)
  await run('wasm-opt', [built, ...wasmOptFlags, '--strip-producers', '--strip-target-features', '-o', wasmFile], {
    remedy: 'Run: npm run setup',
  })
  note(`wasm-opt: ${unoptimised.length} -> ${readFileSync(wasmFile).length} bytes`)
  checkWasm(wasmFile)
  inlineWasm(wasmFile, wasmDir)
}

/** Cargo -> wasm-opt -> build/verify. */
async function buildVerifier() {
  // sha2 chooses its vector back end when it is compiled. Every browser since 2023 and every Node since 16 runs it.
  const built = await compile('nymtrail-verify', 'verify', ['-C', 'target-feature=+simd128'], [])
  rmSync(verifyDir, { recursive: true, force: true })
  mkdirSync(verifyDir, { recursive: true })
  const optimise = ['-O3', '--strip-debug', '--strip-producers', '--strip-target-features']
  await run('wasm-opt', [built, ...optimise, '-o', verifyFile], { remedy: 'Run: npm run setup' })
  checkWasm(verifyFile)
  inlineWasm(verifyFile, verifyDir)
}

/** Cargo -> wasm-opt -> build/oprf. */
async function buildOprf() {
  // As the core: compact. The 32-bit curve is the faster one in wasm, and what curve25519-dalek takes there by itself.
  const built = await compile('nymtrail-oprf', 'wasm', ['--cfg', 'sha2_backend_soft="compact"'], [])
  rmSync(oprfDir, { recursive: true, force: true })
  mkdirSync(oprfDir, { recursive: true })
  const strip = ['--strip-debug', '--strip-producers', '--strip-target-features']
  await run('wasm-opt', [built, ...wasmOptFlags, ...strip, '-o', oprfFile], { remedy: 'Run: npm run setup' })
  checkWasm(oprfFile)
  inlineWasm(oprfFile, oprfDir)
}

/** Folders that sources are compiled from, and what they are called in the wasm. Of those that match, the last counts. */
function sourceFolders() {
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), '.cargo')
  const registries = join(cargoHome, 'registry/src')
  const sysroot = execFileSync('rustc', ['--print', 'sysroot'], { cwd: root, encoding: 'utf8' }).trim()
  return {
    [cargoHome]: 'cargo',
    ...Object.fromEntries(
      (existsSync(registries) ? readdirSync(registries) : []).map((registry) => [join(registries, registry), 'crates']),
    ),
    [join(sysroot, 'lib/rustlib/src/rust')]: 'rust',
    [root.replace(/\/$/, '')]: 'nymtrail',
  }
}

/** What the wasm asks of its surroundings, and what it must not carry. */
function checkWasm(file) {
  const bytes = readFileSync(file)
  const foreign = WebAssembly.Module.imports(new WebAssembly.Module(bytes)).filter(
    ({ module, name }) => `${module}.${name}` !== 'page.random',
  )
  if (foreign.length)
    throw new Failure(
      `The wasm imports ${foreign.map(({ module, name }) => `${module}.${name}`).join(', ')}, which no page provides.`,
      'A dependency expects an operating system: find it with `cargo tree --target wasm32-unknown-unknown`.',
    )
  const path = [homedir(), root].find((folder) => folder.length > 1 && bytes.includes(folder))
  if (path)
    throw new Failure(
      'The wasm holds a path of this machine.',
      'Extend the --remap-path-prefix flags in scripts/build.mjs.',
    )
}

/** The wasm as a module: base64 of zlib data, which DecompressionStream('deflate') inflates. */
function inlineWasm(file, folder) {
  // Zopfli: 2 KB less for every visitor than zlib's best level.
  const squeeze = ['run', ...locked, '--quiet', '--release', '--package', 'squeeze']
  const text = execFileSync('cargo', squeeze, { cwd: root, input: readFileSync(file) }).toString('base64')
  writeFileSync(join(folder, 'inlined.js'), `export default '${text}'\n`)
  writeFileSync(
    join(folder, 'inlined.d.ts'),
    '/** The wasm: base64 of zlib (deflate) data. */\ndeclare const base64: string\nexport default base64\n',
  )
}

/** js/ and the wasm -> dist: one module per public entry, shared chunks, declarations. */
async function buildPackage() {
  note(
    `entries: ${packageEntries()
      .map(({ name }) => name)
      .join(' ')}`,
  )
  await run('vite', ['build', '--config', 'vite.config.mjs'], { cwd: root, remedy: 'Run: npm run setup' })
  await run('tsc', ['--project', 'tsconfig.build.json'], { cwd: root })
  writeFileSync(join(root, 'dist/nymtrail.wasm'), readFileSync(wasmFile))
  const declarations = readdirSync(join(root, 'dist'), { recursive: true }).filter((file) => file.endsWith('.d.ts'))
  const leaking = declarations.filter((file) =>
    /build\/(wasm|verify|oprf)/.test(readFileSync(join(root, 'dist', file), 'utf8')),
  )
  if (leaking.length)
    throw new Failure(
      `The declarations ${leaking.join(', ')} refer to build/, which the package does not contain.`,
      'Give the exported function or type a type of its own in js/.',
    )
}

/** The demo page and the collector that serves it. */
async function buildDemo() {
  await step('Collector (release)', () =>
    run('cargo', ['build', ...locked, '--release', '--package', 'nymtrail-collector'], { cwd: root }),
  )
  if (!existsSync(collectorBinary()))
    throw new Failure(
      `The build left no ${collectorBinary()}.`,
      'The collector crate must have a binary called nymtrail.',
    )
  await step('Demo page (www/dist)', () => run('vite', ['build', 'www'], { cwd: root }))
}

/** Builds everything, or only the wasm; with `demo`, also what the demo and the end-to-end tests run. */
export async function build({ wasm = false, demo = false } = {}) {
  mkdirSync(buildDir, { recursive: true })
  await step('WebAssembly (build/wasm)', buildWasm)
  await step("The verifier's WebAssembly (build/verify)", buildVerifier)
  await step('The WebAssembly of key servers (build/oprf)', buildOprf)
  if (wasm) return
  await step('npm package (dist)', buildPackage)
  if (demo) await buildDemo()
}

if (isMain(import.meta.url))
  await script(async () => {
    const { values } = parseArgs({
      options: { wasm: { type: 'boolean' }, demo: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    })
    if (values.help) console.log(help)
    else {
      await build(values)
      if (!values.wasm) await reportSizes()
    }
  })

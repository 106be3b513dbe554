#!/usr/bin/env node
// Installs what the project needs and this machine does not have. It uses Node alone, so it runs before `npm ci`.
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { ask, duration, Failure, heading, isMain, note, run, script, step } from './lib/run.mjs'
import {
  cargoTools,
  cargoToolVersion,
  findTool,
  root,
  rustChannel,
  systemTools,
  toolsDir,
  which,
} from './lib/tools.mjs'

const help = `Installs what the project needs and this machine does not have. Safe to run twice: what is there is left alone.

  node scripts/setup.mjs [--for demo|test] [--check]

  --for demo   Rust's wasm target, npm packages (default)
  --for test   the same, and: wasm-pack, the wasm-bindgen command, geckodriver, Chromium, Firefox, WebKitGTK with their drivers, Xvfb
  --check      installs nothing: says what is missing, and fails if anything is

Cargo's tools go to build/tools unless the right version is on PATH. Browsers come from the distribution's packages
(apt, as root); elsewhere it says what to install. It needs Rust (rustup), Node 20.19 or newer, npm and a C compiler.
`

const WASM = 'wasm32-unknown-unknown'

/**
 * What a purpose needs beside Rust and the npm packages. Two more than the command line has: `npm test` compiles the tools, as
 * `wasm-pack`, while other stages run, which are ready as `suite`.
 */
const PURPOSES = {
  demo: { system: ['cc'], tools: [] },
  suite: { system: Object.keys(systemTools), tools: [] },
  'wasm-pack': { system: [], tools: Object.keys(cargoTools) },
  test: { system: Object.keys(systemTools), tools: Object.keys(cargoTools) },
}

/** Everything setup can find missing: how it is checked, and how it is put right. */
function parts(purpose) {
  const { system, tools } = PURPOSES[purpose]
  return [
    {
      title: 'Programs of the distribution',
      missing: () => system.filter((tool) => !findTool(tool)),
      install: installSystem,
    },
    { title: `Rust ${rustChannel()} with ${WASM}`, missing: missingRust, install: installRust },
    ...tools.map((name) => ({
      title: `${name} ${cargoTools[name].version()}`,
      missing: () => (cargoToolVersion(name) === cargoTools[name].version() ? [] : [name]),
      install: installCargoTool,
    })),
    { title: 'npm packages of package-lock.json', missing: missingPackages, install: installPackages },
  ]
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19))
    throw new Failure(`Node ${process.versions.node} is too old.`, 'Install Node 20.19 or newer: https://nodejs.org/')
  if (!which('npm')) throw new Failure('npm is missing.', 'Install npm, which comes with Node: https://nodejs.org/')
}

function missingRust() {
  if (!which('cargo'))
    throw new Failure('Rust is missing: there is no cargo on PATH.', 'Install Rust with rustup: https://rustup.rs/')
  const missing = []
  const libraries = ask('rustc', ['--print', 'target-libdir', '--target', WASM], { cwd: root })
  if (!libraries || !existsSync(libraries)) missing.push(WASM)
  if (ask('cargo', ['clippy', '--version'], { cwd: root }) === null) missing.push('clippy')
  if (ask('cargo', ['fmt', '--version'], { cwd: root }) === null) missing.push('rustfmt')
  return missing
}

async function installRust(missing) {
  const channel = rustChannel()
  if (!which('rustup'))
    throw new Failure(
      `Rust lacks ${missing.join(', ')}, and rustup is not there to add it.`,
      `Install Rust ${channel} with rustup: https://rustup.rs/`,
    )
  const remedy = `Check the network, then run: rustup toolchain install ${channel} -c clippy,rustfmt -t ${WASM}`
  await run('rustup', ['toolchain', 'install', channel, '--profile', 'minimal', '-c', 'clippy,rustfmt', '-t', WASM], {
    cwd: root,
    remedy,
  })
}

async function installCargoTool([name]) {
  const { crate, version, locked } = cargoTools[name]
  note('Built from source, once; this takes one to four minutes.')
  const target = join(toolsDir, 'target')
  await run(
    'cargo',
    [
      'install',
      `${crate}@${version()}`,
      '--root',
      toolsDir,
      '--target-dir',
      target,
      '--force',
      ...(locked ? ['--locked'] : []),
    ],
    {
      cwd: root,
      // These tools run for seconds: optimising them fully would cost minutes more than it saves.
      env: {
        CARGO_PROFILE_RELEASE_OPT_LEVEL: '1',
        CARGO_PROFILE_RELEASE_LTO: 'off',
        CARGO_PROFILE_RELEASE_DEBUG: 'false',
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
      },
      remedy: 'Check that the crates registry can be reached and that a C compiler is there, then run setup again.',
    },
  )
}

/** Packages of the lock file that are not in node_modules in that version; those for other platforms may be absent. */
function missingPackages() {
  const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8')).packages
  const wanted = read('package-lock.json')
  const installed = existsSync(join(root, 'node_modules/.package-lock.json'))
    ? read('node_modules/.package-lock.json')
    : {}
  return Object.entries(wanted)
    .filter(
      ([path, { version, optional }]) =>
        path !== '' && (installed[path] ? installed[path].version !== version : !optional),
    )
    .map(([path]) => path.replace(/^.*node_modules\//, ''))
}

const installPackages = () =>
  run('npm', ['ci', '--no-fund', '--no-audit'], {
    cwd: root,
    remedy:
      'If package.json and package-lock.json disagree, run `npm install` and commit the lock; otherwise check that the npm registry can be reached.',
  })

async function installSystem(missing) {
  const packages = [...new Set(missing.map((tool) => systemTools[tool].package))]
  const list = missing.map((tool) => `\n          ${tool}: ${systemTools[tool].why}`).join('')
  if (!which('apt-get'))
    throw new Failure(
      `Programs are missing:${list}`,
      "Install them with this system's package manager, so that they are on PATH.",
    )
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`
  if (process.getuid?.() !== 0)
    throw new Failure(`Programs are missing, and installing them needs root:${list}`, `Run: sudo ${command}`)
  const apt = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Dpkg::Use-Pty=0', '-qq']
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const remedy = `Run \`dpkg --configure -a\` and \`apt-get --fix-broken install\`, then: ${command}`
  await aptIdle()
  await run('apt-get', [...apt, 'update'], { env, remedy })
  await run('apt-get', [...apt, 'install', '-y', '--no-install-recommends', ...packages], { env, remedy })
}

/** Waits until no other apt is at work: an update in the middle of another's install can take its downloads away. */
async function aptIdle() {
  const locks = ['/var/lib/dpkg/lock-frontend', '/var/lib/apt/lists/lock', '/var/cache/apt/archives/lock'].filter(
    existsSync,
  )
  const held = () => {
    const table = existsSync('/proc/locks') ? readFileSync('/proc/locks', 'utf8') : ''
    return locks.some((path) => table.includes(`:${statSync(path).ino} `))
  }
  for (let waited = 0; held(); waited += 2) {
    if (waited === 0) note('Another package installation is at work: waiting for it.')
    if (waited >= 600)
      throw new Failure(
        'Another package installation has held the lock for ten minutes.',
        'Let it finish, or end it, then run setup again.',
      )
    await sleep(2000)
  }
}

/** Finds and installs what is missing for `purpose`. */
export async function setup(purpose, { check = false } = {}) {
  const began = performance.now()
  heading(`Set-up for ${purpose}: looking for what is missing`)
  checkNode()
  const lacking = []
  let compiled = false
  for (const { title, missing, install } of parts(purpose)) {
    const absent = missing()
    if (absent.length === 0) note(`have     ${title}`)
    else if (check) lacking.push(...absent)
    else {
      const what = absent.length > 8 ? `${absent.length} packages` : absent.join(', ')
      await step(`${title}: installing ${what}`, () => install(absent))
      const still = missing()
      if (still.length)
        throw new Failure(
          `After the installation, ${still.join(', ')} is still missing.`,
          `Look above for what was said, remove ${toolsDir} and run setup again.`,
        )
      compiled ||= install === installCargoTool
    }
  }
  // Where this run compiled the tools: hundreds of megabytes nobody needs again.
  if (compiled) rmSync(join(toolsDir, 'target'), { recursive: true, force: true })
  if (lacking.length) throw new Failure(`Missing: ${lacking.join(', ')}`, `Run: npm run setup -- --for ${purpose}`)
  note(`Set-up for ${purpose} is complete (${duration(performance.now() - began)}).`)
}

if (isMain(import.meta.url))
  await script(async () => {
    const { values } = parseArgs({
      options: {
        for: { type: 'string', default: 'demo' },
        check: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help) return console.log(help)
    if (!['demo', 'test'].includes(values.for))
      throw new Failure(`--for ${values.for} is not known.`, 'Use --for demo or --for test.')
    await setup(values.for, values)
  })

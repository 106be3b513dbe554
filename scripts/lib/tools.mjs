// Where the project's tools are and which versions they must have. The only place that knows either.
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ask, Failure } from './run.mjs'

/** The repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url))
/** What is generated, and may be deleted at any time. */
export const buildDir = join(root, 'build')
/** Where setup installs cargo's tools: inside the repository, so that nothing else on the machine changes. */
export const toolsDir = join(buildDir, 'tools')

// A tool in build/tools wins over one elsewhere; cargo's own folder is added for shells that do not have it.
const folders = [
  join(toolsDir, 'bin'),
  join(root, 'node_modules', '.bin'),
  ...(process.env.PATH ?? '').split(delimiter),
  join(homedir(), '.cargo', 'bin'),
]
process.env.PATH = [...new Set(folders)].join(delimiter)

const text = (path) => readFileSync(join(root, path), 'utf8')

/** The wasm-bindgen command must be of exactly the crate's version, so the crate's lock entry is the pin. */
export function wasmBindgenVersion() {
  const found = /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(text('Cargo.lock'))
  if (!found) throw new Failure('Cargo.lock does not name a wasm-bindgen version.', 'Restore Cargo.lock from git.')
  return found[1]
}

/** The toolchain of rust-toolchain.toml. */
export const rustChannel = () => /channel = "([^"]+)"/.exec(text('rust-toolchain.toml'))?.[1] ?? 'stable'

/**
 * Tools built by cargo. `locked` says whether the crate's own lock file is used: wasm-bindgen-cli 0.2.130 ships one that names
 * a version not every registry serves.
 */
export const cargoTools = {
  'wasm-bindgen': { crate: 'wasm-bindgen-cli', version: wasmBindgenVersion, locked: false },
  'wasm-pack': { crate: 'wasm-pack', version: () => '0.15.1', locked: true },
  geckodriver: { crate: 'geckodriver', version: () => '0.37.1', locked: true },
}

/**
 * Programs of the distribution: the names they go by, the Debian package that brings them, and, where being there is not
 * enough, arguments with which they must succeed.
 */
export const systemTools = {
  cc: {
    names: ['cc', 'gcc', 'clang'],
    package: 'build-essential',
    why: 'a C compiler and linker, for Rust and the bundled SQLite',
  },
  python3: {
    names: ['python3'],
    package: 'python3-venv',
    why: 'with its venv module: runs the SQL check',
    check: ['-c', 'import ensurepip, venv'],
  },
  chromium: {
    names: ['chromium', 'chromium-browser', 'google-chrome'],
    package: 'chromium',
    why: 'a browser under test',
  },
  chromedriver: { names: ['chromedriver'], package: 'chromium-driver', why: "drives Chromium for wasm-pack's tests" },
  firefox: { names: ['firefox-esr', 'firefox'], package: 'firefox-esr', why: 'a browser under test' },
  WebKitWebDriver: {
    names: ['WebKitWebDriver'],
    package: 'webkit2gtk-driver',
    why: 'WebKitGTK under test, and its driver',
  },
  Xvfb: { names: ['Xvfb'], package: 'xvfb', why: 'the display WebKitGTK needs' },
  'xvfb-run': { names: ['xvfb-run'], package: 'xvfb', why: 'starts that display' },
  xauth: { names: ['xauth'], package: 'xauth', why: 'needed by xvfb-run' },
  'dbus-daemon': { names: ['dbus-daemon'], package: 'dbus', why: 'needed by WebKitGTK' },
}

/** The full path of a program on PATH, or null. */
export function which(name) {
  for (const folder of process.env.PATH.split(delimiter))
    if (folder && existsSync(join(folder, name))) return join(folder, name)
  return null
}

/** The full path of a {@link systemTools} program under any of its names; an environment variable such as NYMTRAIL_CHROMIUM comes first. */
export function findTool(tool) {
  const chosen = process.env[`NYMTRAIL_${tool.toUpperCase().replaceAll('-', '_')}`]
  if (chosen) return chosen
  for (const name of systemTools[tool].names) {
    const found = which(name)
    const { check } = systemTools[tool]
    if (found && (!check || ask(found, check) !== null)) return found
  }
  return null
}

/** Like {@link findTool}, but a missing program is a failure with its remedy. */
export function needTool(tool) {
  const found = findTool(tool)
  if (!found) throw new Failure(`${tool} is missing (${systemTools[tool].why}).`, 'Run: npm run setup -- --for test')
  return found
}

/** The version of one of {@link cargoTools} on PATH, or null. */
export const cargoToolVersion = (name) =>
  which(name) ? (/\d+\.\d+\.\d+\S*/.exec(ask(name, ['--version']) ?? '')?.[0] ?? null) : null

/** Cargo's target folder, wherever the environment or its configuration puts it. */
export function targetDir() {
  const metadata = ask('cargo', ['metadata', '--no-deps', '--format-version', '1'], { cwd: root, maxBuffer: 1 << 26 })
  if (!metadata) throw new Failure('cargo cannot read the workspace.', 'Run `cargo metadata` to see why.')
  return JSON.parse(metadata).target_directory
}

/** The collector as `npm run demo` and the end-to-end tests start it. */
export const collectorBinary = () => join(targetDir(), 'release', 'nymtrail')

/** Continuous integration takes the lock files as they are; a developer's change to a manifest may update them. */
export const locked = process.env.CI ? ['--locked'] : []

// Puts the receivers and the official parsers into build/receivers: npm packages by a lock file, Python packages by pins.
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { needTool, root } from '../../../scripts/lib/tools.mjs'

const run = promisify(execFile)
const source = join(root, 'tests', 'receivers')
/** Everything the stage installs or makes; may be deleted at any time. */
export const folder = join(root, 'build', 'receivers')
export const nodeModules = join(folder, 'npm', 'node_modules')
export const python = join(folder, 'venv', 'bin', 'python')

/** Runs `work` unless it has succeeded before with the same text. */
async function once(stamp, text, work) {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === text) return
  rmSync(stamp, { force: true })
  await work()
  writeFileSync(stamp, text)
}

/** What a program that failed said, without what says nothing. */
function because(what, { stderr, message }) {
  const lines = (stderr || message)
    .split('\n')
    .filter((line) => !/^npm warn|^npm error( code|$)|complete log/.test(line))
  return new Error(`${what} cannot be installed: ${lines.filter(Boolean).slice(0, 4).join(' ')}`)
}

async function npm() {
  const target = join(folder, 'npm')
  const lock = readFileSync(join(source, 'package-lock.json'), 'utf8')
  await once(join(target, 'installed.json'), lock, async () => {
    mkdirSync(target, { recursive: true })
    for (const file of ['package.json', 'package-lock.json']) cpSync(join(source, file), join(target, file))
    // Nothing a package brings is run: one of them only reports that it was installed.
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: target })
  })
}

async function pip() {
  const wanted = join(source, 'requirements.txt')
  await once(join(folder, 'venv', 'installed.txt'), readFileSync(wanted, 'utf8'), async () => {
    await run(needTool('python3'), ['-m', 'venv', join(folder, 'venv')])
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', wanted])
  })
}

/** Installs both at once. Gives what went wrong by kind, null for what is there. */
export async function install() {
  mkdirSync(folder, { recursive: true })
  const [forNpm, forPython] = await Promise.allSettled([npm(), pip()])
  return {
    npm: forNpm.status === 'rejected' ? because('npm packages', forNpm.reason) : null,
    python: forPython.status === 'rejected' ? because('Python packages', forPython.reason) : null,
  }
}

/** Versions of what is installed, by `npm:name` and `python:name`. */
export async function versions() {
  const found = {}
  const lock = join(folder, 'npm', 'node_modules', '.package-lock.json')
  if (existsSync(lock))
    for (const [path, { version }] of Object.entries(JSON.parse(readFileSync(lock, 'utf8')).packages))
      found[`npm:${path.replace('node_modules/', '')}`] = version
  if (existsSync(python)) {
    const { stdout } = await run(python, ['-m', 'pip', 'list', '--format', 'json', '--disable-pip-version-check'])
    for (const { name, version } of JSON.parse(stdout)) found[`python:${name}`] = version
  }
  return found
}

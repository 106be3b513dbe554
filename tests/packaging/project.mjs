// The package as a user has it: packed by npm, installed into an empty project.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repository = fileURLToPath(new URL('../..', import.meta.url))
const apps = fileURLToPath(new URL('./apps', import.meta.url))

/** Runs a program and returns its standard output; a failure shows everything it printed. */
export function output(command, args, options = {}) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options })
  } catch (error) {
    throw new Error(`${command} ${args.join(' ')} failed:\n${error.stdout}${error.stderr}`)
  }
}

/** Packs the repository and installs the tarball into a new temporary project that holds the test's applications. */
export function install() {
  const folder = mkdtempSync(join(tmpdir(), 'nymtrail-packaging-'))
  const [packed] = JSON.parse(output('npm', ['pack', '--json', '--pack-destination', folder], { cwd: repository }))
  const tarball = join(folder, packed.filename)
  const project = join(folder, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "name": "user", "private": true, "type": "module" }\n')
  output('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', tarball], { cwd: project })
  cpSync(apps, project, { recursive: true })
  return { folder, tarball, project, files: packed.files.map(({ path }) => path) }
}

/** Every file below `folder`, as paths relative to it. */
export const filesBelow = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1))

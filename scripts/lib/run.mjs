// How every script here runs a program, says what it does, and fails: with a reason and a remedy.
import { AsyncLocalStorage } from 'node:async_hooks'
import { spawn, spawnSync } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A failure that was foreseen: shown as reason and remedy, without a stack. */
export class Failure extends Error {
  /** @param {string} reason what went wrong @param {string} [remedy] what to do about it */
  constructor(reason, remedy) {
    super(reason)
    this.remedy = remedy
  }
}

const colour = process.stdout.isTTY && !process.env.NO_COLOR
const paint = (code, text) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text)

/** What runs beside other work: what it prints, and the program it is running. */
const side = new AsyncLocalStorage()

/** Announces a step. */
export const heading = (text) => print(`\n${paint('1;36', '==>')} ${paint('1', text)}\n`)
/** A line of explanation below a heading. */
export const note = (text) => print(`    ${text}\n`)

/** Prints, or, beside other work, keeps for when that work is over. */
function print(text, to = process.stdout, own = side.getStore()) {
  if (own && !own.live) own.output += text
  else to.write(text)
}

/**
 * Does `work` beside what else is done. Unless it is `live`, all that is printed is returned instead, so that two outputs do not run
 * into each other. With `idle` its programs get only the processor's time that nobody else wants. `stop()` ends the program that is
 * running.
 */
export function beside(work, { live = false, idle = false } = {}) {
  const own = { live, idle, output: '', child: undefined }
  const done = side.run(own, work)
  return { done, output: () => own.output, stop: () => own.child?.kill() }
}

/** What starts a program of the least priority there is: even at `nice 19` a compiler makes a browser late. */
function leastOf(command, args) {
  return chrt ? ['chrt', ['--idle', '0', command, ...args]] : ['nice', ['-n', '19', command, ...args]]
}

const chrt = spawnSync('chrt', ['--idle', '0', 'true']).status === 0

/** Milliseconds as people read them: `850 ms`, `12.3 s`, `3 min 05 s`. */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`
}

/** Runs `work` under a heading and says how long it took. */
export async function step(title, work) {
  heading(title)
  const began = performance.now()
  const result = await work()
  note(paint('2', `(${duration(performance.now() - began)})`))
  return result
}

const shown = (command, args) =>
  [command, ...args].map((part) => (/[\s"']/.test(part) ? JSON.stringify(part) : part)).join(' ')

/**
 * Runs a program with its output visible.
 * With `keep`, the output is also returned as text (standard output and error together).
 * Resolves to `{ code, output }`; throws a {@link Failure} for a program that is missing, and, unless `mayFail`, for one that fails.
 */
export function run(command, args, { env, cwd, keep = false, mayFail = false, remedy } = {}) {
  print(`    $ ${shown(command, args)}\n`)
  const own = side.getStore()
  const out = keep || (own && !own.live) ? 'pipe' : 'inherit'
  return new Promise((resolve, reject) => {
    const child = spawn(...(own?.idle ? leastOf(command, args) : [command, args]), {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['inherit', out, out],
    })
    if (own) own.child = child
    let output = ''
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      from?.setEncoding('utf8').on('data', (text) => {
        output += text
        print(text, to, own)
      })
    }
    child.on('error', (error) =>
      reject(
        new Failure(
          `${command} could not be started (${error.code ?? error.message}).`,
          remedy ?? 'Run: npm run setup -- --for test',
        ),
      ),
    )
    child.on('close', (code, signal) => {
      if (code === 0 || (mayFail && code !== null)) return resolve({ code, output })
      reject(
        new Failure(
          `${shown(command, args)} ${signal ? `was ended by ${signal}` : `ended with code ${code}`}.`,
          remedy,
        ),
      )
    })
  })
}

/** The first line a program prints, or null when it is missing or fails. */
export function ask(command, args, options = {}) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', ...options })
  return status === 0 ? stdout.trim() : null
}

/** Whether the module at `url` was started by hand, not imported. */
export const isMain = (url) =>
  process.argv[1] !== undefined && realpathSync(process.argv[1]) === realpathSync(fileURLToPath(url))

/** Runs a script's `main`, turning a {@link Failure} into reason, remedy and exit code 1. */
export async function script(main) {
  try {
    await main()
  } catch (error) {
    // Node's own message for an option that is not known says what to do.
    const misused = error.code?.startsWith('ERR_PARSE_ARGS')
    if (!misused && !(error instanceof Failure)) throw error
    console.error(`\n${paint('1;31', 'failed:')} ${error.message}`)
    const remedy = misused ? 'See the options with --help.' : error.remedy
    if (remedy) console.error(`${paint('1;33', 'remedy:')} ${remedy}`)
    process.exitCode = 1
  }
}

// What the checks have at hand: programs that are started and ended again, Python, and the verifier `nymtrail verify`.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { collectorBinary, root } from '../../../scripts/lib/tools.mjs'
import { python } from './install.mjs'

/** Programs of the check under way. */
const running = new Set()

/** A port that is free now, on the loopback address. */
export async function freePort() {
  const server = createServer()
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address()
  await new Promise((done) => server.close(done))
  return port
}

/** Asks until `question` resolves to something true; throws after so many ms. */
export async function until(question, what, ms = 20_000) {
  const end = performance.now() + ms
  for (;;) {
    const answer = await Promise.resolve()
      .then(question)
      .catch(() => undefined)
    if (answer) return answer
    if (performance.now() > end) throw new Error(`${what} did not come within ${ms / 1000} s`)
    await sleep(50)
  }
}

/**
 * Starts a program, gives it `input`, and waits until `ready` resolves to something true: a URL means that it answers at all. It is ended
 * with the check. Gives `{ output() }`, what it has printed so far.
 */
export async function start(command, args, { ready, input = '', ...options }) {
  const child = spawn(command, args, options)
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  let printed = ''
  let ended
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (printed += text))
  const gone = new Promise((done) => {
    child.on('error', (error) => done(error.message))
    child.on('exit', (code, signal) => done(`ended with ${signal ?? code}`))
  }).then((how) => {
    ended = how
  })
  const stop = async () => {
    if (ended) return
    child.kill()
    const timer = setTimeout(() => child.kill('SIGKILL'), 3000)
    await gone
    clearTimeout(timer)
  }
  running.add(stop)
  const asked = typeof ready === 'string' ? () => fetch(ready).then((answer) => answer.text().then(() => true)) : ready
  await until(() => ended || asked(), command).catch((error) => {
    throw new Error(`${error.message}: ${printed.slice(-500)}`)
  })
  if (ended) throw new Error(`${command} ${ended}: ${printed.slice(-500)}`)
  return { output: () => printed }
}

/** Has `work` done when the check has ended, after what was started later. */
export const atEnd = (work) => running.add(async () => work())

/** Ends what was started. */
export async function stopAll() {
  for (const stop of [...running].reverse()) await stop()
  running.clear()
}

/** Runs a program to its end with `input`; gives `{ code, stdout, stderr }`. */
export function run(command, args, { input = '', ...options } = {}) {
  const child = spawn(command, args, options)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
  // One that ends before it has read everything says so by its code.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return new Promise((done, fail) => {
    child.on('error', fail)
    child.on('close', (code) => done({ code, stdout, stderr }))
  })
}

/** A program of tests/receivers/python. */
export const script = (name) => join(root, 'tests', 'receivers', 'python', name)

/** Runs a program of tests/receivers/python to its end; throws what it says if it fails. */
export async function runPython(name, args = [], input = '') {
  const { code, stdout, stderr } = await run(python, [script(name), ...args], { input })
  if (code !== 0) throw new Error(stderr.trim().split('\n').slice(-3).join(' ') || `${name} ended with ${code}`)
  return stdout
}

/** Runs the program tsc on TypeScript that may import what is installed; throws what it finds. */
export async function typeCheck(temp, source) {
  writeFileSync(join(temp, 'check.ts'), source)
  const options = '--noEmit --ignoreConfig --strict --skipLibCheck --module nodenext --target es2022 --types node'
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  const { code, stdout } = await run(tsc, [...options.split(' '), join(temp, 'check.ts')], { cwd: root })
  if (code !== 0) throw new Error(stdout.trim())
}

/** What `nymtrail verify` says of a file, or of `input` if the file is `-`: `{ code, verdict, chains, found, stderr }`. */
export async function verdictOf(file, input) {
  const program = process.env.NYMTRAIL_BIN ?? collectorBinary()
  if (!existsSync(program)) throw new Error('the program nymtrail is not built: npm run build -- --demo')
  const { code, stdout, stderr } = await run(program, ['verify', file, '--format', 'json'], { input })
  return { code, stderr, ...JSON.parse(stdout || '{}') }
}

/** Throws unless `nymtrail verify` finds one chain that holds, with so many rows, in this export. */
export async function verify(text, rows) {
  const { verdict, chains, stderr } = await verdictOf('-', text)
  const found = chains?.map((chain) => chain.rows).join()
  if (verdict !== 'holds' || found !== String(rows))
    throw new Error(`nymtrail verify says ${verdict} of ${found} rows, not holds of ${rows}: ${stderr}`)
}

/** A fenced block of docs/endpoints/<page>.md: the first of this language that holds `mark`. */
export function fromPage(page, language, mark = '') {
  const text = readFileSync(join(root, 'docs', 'endpoints', `${page}.md`), 'utf8')
  const blocks = [...text.matchAll(/```(\w*)\n([\s\S]*?)```/g)]
  const block = blocks.find(([, found, content]) => found === language && content.includes(mark))
  if (!block) throw new Error(`docs/endpoints/${page}.md has no ${language} block with ${mark}`)
  return block[2]
}

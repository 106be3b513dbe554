// The real collector, on a port and a database of its own.
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './browsers/page.mjs'
import { folder } from './folder.mjs'
import { program } from './paths.mjs'

/** Starts it for the time of a test; `args` are further arguments of `nymtrail serve`. */
export async function openCollector(t, ...args) {
  const server = await serve(t, ['serve'], args)
  return { ...server, verify: async () => (await fetch(server.url('/v1/verify'))).json() }
}

/** A key server of the mode `oprf`, likewise; `args` are further arguments of `nymtrail keys serve`. */
export const openKeyServer = (t, ...args) => serve(t, ['keys', 'serve'], args)

async function serve(t, command, args) {
  if (!existsSync(program)) throw new Error('The collector is not built: npm run build -- --demo')
  const db = join(folder(t), 'events.db')
  const child = spawn(program, [...command, '--listen', '127.0.0.1:0', '--db', db, ...args])
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8')
    stream.on('data', (text) => {
      output += text
    })
  }
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const stop = async () => {
    child.kill('SIGTERM')
    await exited
  }
  t.after(stop)
  const address = await until(() => {
    if (child.exitCode !== null) throw new Error(`The server ended:\n${output}`)
    return /127\.0\.0\.1:[1-9]\d*/.exec(output)?.[0]
  }, 'the server listens')
  const origin = `http://${address}`
  const verify = async () => (await fetch(`${origin}/v1/verify`)).json()
  /** Its address, its database, and what it has printed. */
  return { origin, db, stop, output: () => output, url: (path) => origin + path, verify }
}

/** Runs the program: `{ code, output, json }`. */
export function nymtrail(...args) {
  return new Promise((resolve) => {
    execFile(program, args, { maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, output: stdout + stderr, stdout })
    })
  })
}

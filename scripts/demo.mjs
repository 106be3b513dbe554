#!/usr/bin/env node
// One command from a fresh clone to the running demo.
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from './build.mjs'
import { Failure, heading, isMain, note, script } from './lib/run.mjs'
import { buildDir, collectorBinary, root } from './lib/tools.mjs'
import { setup } from './setup.mjs'

const help = `Installs what is missing, builds everything, starts the collector with the demo shop and prints its address.

  npm run demo [-- --port 8787] [-- --db FILE] [-- --no-build]

  --port N     first port to try on 127.0.0.1; the next free one is taken (default 8787)
  --db FILE    where the events are kept (default build/demo.db); delete it to start afresh
  --no-build   starts what was built before

Ctrl-C stops it.
`

/** The first free port from `first` on, of twenty. */
async function freePort(first) {
  for (let port = first; port < first + 20; port++) if (await isFree(port)) return port
  throw new Failure(
    `None of the ports ${first} to ${first + 19} is free.`,
    'Choose another: npm run demo -- --port 9000',
  )
}

const isFree = (port) =>
  new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })

/** Waits until the collector answers. */
async function answering(url, child) {
  for (let tries = 0; tries < 100 && child.exitCode === null; tries++) {
    if (
      await fetch(`${url}/v1/health`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return true
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return false
}

/** Starts the collector, and stays until it ends. */
async function serve(firstPort, database) {
  const port = await freePort(firstPort)
  if (port !== firstPort) note(`Port ${firstPort} is taken: using ${port}.`)
  mkdirSync(buildDir, { recursive: true })
  const args = ['serve', '--demo', '--www', join(root, 'www/dist'), '--listen', `127.0.0.1:${port}`, '--db', database]
  note(`$ ${collectorBinary()} ${args.join(' ')}`)
  const child = spawn(collectorBinary(), args, { stdio: 'inherit' })
  const ended = new Promise((resolve, reject) => {
    child.on('error', (error) =>
      reject(new Failure(`The collector could not be started (${error.code}).`, 'Run without --no-build.')),
    )
    child.on('exit', (code, signal) => resolve(code ?? signal))
  })
  // Ctrl-C reaches the collector by itself, as it is in the terminal's foreground; a signal to this script alone is passed on.
  let stopping = false
  process.on('SIGINT', () => (stopping = true))
  process.on('SIGTERM', () => (stopping = child.kill('SIGTERM')))
  const url = `http://127.0.0.1:${port}`
  if (await Promise.race([answering(url, child), ended.then(() => false)])) {
    heading(`The demo is running: ${url}/`)
    note('Open it in a browser. Ctrl-C stops it.')
  } else if (!stopping && child.exitCode === null) {
    child.kill('SIGTERM')
    throw new Failure(`The collector does not answer on ${url}/v1/health.`, 'Its own messages above say why.')
  }
  const outcome = await ended
  if (stopping) note('Stopped.')
  else throw new Failure(`The collector ended by itself (${outcome}).`, 'Its own messages above say why.')
}

if (isMain(import.meta.url))
  await script(async () => {
    const options = {
      port: { type: 'string', default: '8787' },
      db: { type: 'string', default: join(buildDir, 'demo.db') },
      'no-build': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    }
    const { values } = parseArgs({ options })
    if (values.help) return console.log(help)
    const port = Number(values.port)
    if (!Number.isInteger(port) || port < 1 || port > 65_515)
      throw new Failure(`--port ${values.port} is not a port.`, 'Use a number from 1 to 65515.')
    if (!values['no-build']) {
      await setup('demo')
      await build({ demo: true })
    }
    heading('Starting the collector with the demo')
    await serve(port, values.db)
  })

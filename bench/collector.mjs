#!/usr/bin/env node
// How many events the collector takes a second, and how long a batch waits for its answer. Prints; asserts nothing but
// that every event was stored.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { program } from '../tests/e2e/paths.mjs'

const help = `Measures how fast the collector takes batches of 50 events, beside the same without its rules.

  node bench/collector.mjs [--chains 100] [--batches 4] [--connections 8] [--rounds 3] [--dir DIR]

  --chains       chains, each a browser's; the first event of each opens it
  --batches      batches of each chain
  --connections  requests in flight
  --rounds       rounds; the table shows the one whose events per second are in the middle
  --dir          where the databases are; what is measured is its disk, too

Needs the collector and what it is compared with:
  cargo build --release -p nymtrail-collector --bins --examples
`

const { values } = parseArgs({
  options: {
    chains: { type: 'string', default: '100' },
    batches: { type: 'string', default: '4' },
    connections: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
    dir: { type: 'string', default: tmpdir() },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help) {
  console.log(help)
  process.exit()
}
const [chains, batches, connections, rounds] = ['chains', 'batches', 'connections', 'rounds'].map((name) =>
  Number(values[name]),
)
const EVENTS = 50
const baseline = join(dirname(program), 'examples', 'baseline')
for (const file of [program, baseline]) if (!existsSync(file)) throw new Error(`${file} is not built; see --help`)

const sha256 = (...parts) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** The bodies of a chain's requests, as the client makes them. */
function requestsOf(chain, epoch) {
  const now = Date.now()
  let prev = sha256('g1|', sha256(`blind ${chain} ${now}`), '|', '0'.repeat(64))
  const gprev = prev
  let id
  const row = (seq) => {
    const salt = sha256(`${chain} ${seq} ${now}`).slice(0, 32)
    const properties = { category: 'Mugs and cups', currency: 'EUR', in_stock: true, name: 'Dawn mug', price: 24.5 }
    const body =
      seq === 0
        ? `{"dep":"shop","ep":${epoch},"v":1,"x":"open"}`
        : JSON.stringify({ d: salt.slice(0, 22), k: 'track', n: 'add_to_basket', p: { ...properties, position: seq } })
    const t = now + seq
    prev = sha256(new Uint8Array(1), `e1|${seq}|${t}|${prev}|${sha256(`b1|${salt}|${body}`)}`)
    id ??= prev
    const line = { body, chain: id, ...(seq === 0 && { gprev }), link: prev, salt, seq, t }
    return JSON.stringify(line)
  }
  return Array.from({ length: batches }, (_, batch) => {
    const rows = Array.from({ length: EVENTS }, (_, at) => row(batch * EVENTS + at))
    return `{"deployment":"shop","epoch":${epoch},"sent_at":${now},"age_ms":40,"rows":[${rows.join()}]}`
  })
}

/** Starts a program that prints its address in its first line. */
async function start(command, ...args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const address = await new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error(`${command} ended`)))
    let output = ''
    child.stdout.on('data', (text) => {
      output += text
      const found = /http:\/\/[\d.:]+/.exec(output)
      if (found) resolve(found[0])
    })
  })
  const stop = () =>
    new Promise((resolve) => {
      child.removeAllListeners('exit').once('exit', resolve)
      child.kill('SIGTERM')
    })
  return { address, stop }
}

function post(url, agent, body, headers) {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent, headers: { 'content-type': 'text/plain', ...headers } })
    sent.on('error', reject).on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part) => {
        text += part
      })
      response.on('end', () => resolve({ status: response.statusCode, text }))
    })
    sent.end(body)
  })
}

/**
 * Sends the bodies of all chains, a chain's own in order, as a browser does: each connection has its share of the chains
 * and sends the first body of all of them before the second of any. Times in ms, one for each request.
 */
async function send(url, byChain, headers) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const times = []
  const began = performance.now()
  async function connection(_, number) {
    const mine = byChain.filter((_, chain) => chain % connections === number)
    for (let batch = 0; batch < batches; batch++)
      for (const bodies of mine) {
        const sent = performance.now()
        const { status, text } = await post(url, agent, bodies[batch], headers)
        times.push(performance.now() - sent)
        if (status !== 200) throw new Error(`${url} answered ${status}: ${text.slice(0, 300)}`)
      }
  }
  await Promise.all(Array.from({ length: connections }, connection))
  const seconds = (performance.now() - began) / 1000
  agent.destroy()
  return { times, rate: (times.length * EVENTS) / seconds }
}

const dir = await mkdtemp(join(values.dir, 'nymtrail-bench-'))
const ways = {
  'the collector': { run: (db) => start(program, 'serve', '--listen', '127.0.0.1:0', '--db', db), path: '/v1/batch' },
  'the collector, gzipped': {
    run: (db) => start(program, 'serve', '--listen', '127.0.0.1:0', '--db', db),
    path: '/v1/batch',
    pack: true,
  },
  'axum and a plain INSERT': { run: (db) => start(baseline, db), path: '/insert' },
  'axum, nothing kept': { run: (db) => start(baseline, db), path: '/echo' },
}
try {
  const found = Object.fromEntries(Object.keys(ways).map((name) => [name, []]))
  const epoch = Math.floor(Date.now() / 86_400_000)
  let bytes = 0
  // The ways take turns, so that a busy machine hits all alike.
  for (let round = 0; round < rounds; round++)
    for (const [at, [name, { run, path, pack }]] of Object.entries(ways).entries()) {
      const byChain = Array.from({ length: chains }, (_, chain) => {
        const texts = requestsOf(`${round} ${at} ${chain}`, epoch)
        bytes = texts[0].length
        return pack ? texts.map((text) => gzipSync(text)) : texts
      })
      const server = await run(join(dir, `${round}-${at}.db`))
      try {
        found[name].push(await send(server.address + path, byChain, pack && { 'content-encoding': 'gzip' }))
      } finally {
        await server.stop()
      }
    }

  const middle = (list) => [...list].sort((a, b) => a.rate - b.rate)[Math.floor(list.length / 2)]
  const part = (times, of) =>
    [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * of))]
  const base = middle(found['axum and a plain INSERT']).rate
  console.log(
    `\n${chains * batches} batches of ${EVENTS} events (${(bytes / 1024).toFixed(1)} KB), ${chains} chains, ` +
      `${connections} connections, ${rounds} rounds; ${cpus().length} × ${cpus()[0].model.trim()}, shared with this client\n`,
  )
  const head = ['events/s', 'p50 ms', 'p99 ms', 'ratio']
  console.log(`${''.padEnd(26)}${head.map((name) => name.padStart(10)).join('')}`)
  for (const [name, list] of Object.entries(found)) {
    const { times, rate } = middle(list)
    const cells = [rate.toFixed(0), part(times, 0.5).toFixed(1), part(times, 0.99).toFixed(1), (rate / base).toFixed(2)]
    console.log(`${name.padEnd(26)}${cells.map((cell) => cell.padStart(10)).join('')}`)
  }
  console.log('\nratio: of the events per second, to the plain INSERT of the same rows, one transaction a batch')
} finally {
  await rm(dir, { recursive: true, force: true })
}

#!/usr/bin/env node
// How long the verifier takes for a million events, in Node, in Chromium and natively, beside a plain SHA-256 over the same
// bytes; and what a proof for one of them costs. Prints; asserts nothing but that every event was checked.
import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { launch } from '../tests/e2e/browsers/chromium.mjs'
import { program } from '../tests/e2e/paths.mjs'
import { at } from './lib.mjs'

const help = `Measures the verifier.

  node bench/verify.mjs [--events 1000000] [--chains 1000] [--rounds 5] [--only node|chromium|native|proof]

Needs: npm run build, cargo build --release -p nymtrail-collector
`
const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    chains: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help) {
  console.log(help)
  process.exit()
}
const [events, chains, rounds] = ['events', 'chains', 'rounds'].map((name) => Number(values[name]))
const wanted = (name) => !values.only || values.only === name
const entry = new URL('../dist/verify.js', import.meta.url)
for (const file of [program, entry]) if (!existsSync(file)) throw new Error(`${file} is not built; see --help`)

const sha256 = (...parts) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** The rows of a chain, as an export has them. */
function chainOf(number, rows) {
  const gprev = sha256('g1|', sha256(`blind ${number}`), '|', '0'.repeat(64))
  const lines = []
  const links = []
  let prev = gprev
  let id
  for (let seq = 0; seq < rows; seq++) {
    const salt = sha256(`${number} ${seq}`).slice(0, 32)
    const p = {
      category: 'Mugs and cups',
      currency: 'EUR',
      in_stock: true,
      name: 'Dawn mug',
      position: seq,
      price: 24.5,
    }
    const body =
      seq === 0
        ? '{"dep":"shop","ep":20000,"v":1,"x":"open"}'
        : JSON.stringify({ d: salt.slice(0, 22), k: 'track', n: 'add_to_basket', p })
    const t = 1_790_000_000_000 + seq
    prev = sha256(`\0e1|${seq}|${t}|${prev}|${sha256(`b1|${salt}|${body}`)}`)
    id ??= prev
    links.push(prev)
    lines.push(`${JSON.stringify({ body, chain: id, ...(seq === 0 && { gprev }), link: prev, salt, seq, t })}\n`)
  }
  return { id, text: lines.join(''), lines, links }
}

/** Writes all chains, sorted. Gives the number of rows. */
async function write(file) {
  const all = Array.from({ length: chains }, (_, at) => chainOf(at, Math.ceil(events / chains)))
  all.sort((a, b) => (a.id < b.id ? -1 : 1))
  const out = createWriteStream(file)
  for (const { text } of all) if (!out.write(text)) await new Promise((resolve) => out.once('drain', resolve))
  await new Promise((resolve) => out.end(resolve))
  return all.reduce((sum, { lines }) => sum + lines.length, 0)
}

const folder = await mkdtemp(join(tmpdir(), 'nymtrail-bench-'))
const file = join(folder, 'rows.ndjson')
const rows = await write(file)
const bytes = readFileSync(file)
console.log(
  `${rows} events in ${chains} chains, ${(bytes.length / 1e6).toFixed(0)} MB; ${cpus()[0].model}, ${availableParallelism()} cores, load ${loadavg()[0].toFixed(1)}\n`,
)

const report = (report) => {
  const count = report.chains.reduce((sum, chain) => sum + chain.rows, 0)
  if (report.verdict !== 'holds' || count !== rows) throw new Error(`${report.verdict}, ${count} rows`)
}

/** Runs it `rounds` times and prints the best and the middle, and how they compare to a plain hash. */
async function measure(name, target, plain, work) {
  const times = []
  const hashes = []
  for (let round = 0; round < rounds; round++) {
    hashes.push(await plain())
    times.push(await work())
  }
  const [best, middle, hash] = [Math.min(...times), at(times, 0.5), Math.min(...hashes)]
  const second = (ms) => `${(ms / 1000).toFixed(2)} s`
  console.log(
    `${name.padEnd(34)}${second(best).padStart(8)} best ${second(middle).padStart(8)} middle   target ${target}   ${(best / hash).toFixed(1)} x a plain SHA-256 (${second(hash)})`,
  )
}

const timed = async (work) => {
  const start = performance.now()
  await work()
  return performance.now() - start
}
const plain = () => timed(() => createHash('sha256').update(bytes).digest('hex'))

if (wanted('node')) {
  const { verify } = await import(entry)
  await measure('Node, one thread, bytes', '1.5 s', plain, () => timed(async () => report(await verify(bytes))))
  await measure('Node, one thread, stream of a file', '1.5 s', plain, () =>
    timed(async () => report(await verify(() => createReadStream(file, { highWaterMark: 1 << 20 })))),
  )
}

if (wanted('native')) {
  const run = (...args) => report(JSON.parse(execFileSync(program, args, { maxBuffer: 1 << 30 })))
  await measure(`native, ${availableParallelism()} cores`, '0.5 s', plain, () =>
    timed(() => run('verify', file, '--format', 'json')),
  )
}

if (wanted('chromium')) {
  const server = createServer((request, response) => {
    if (request.url === '/favicon.ico') return response.writeHead(404).end()
    const headers = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
    const path = request.url.slice(1)
    if (path === 'rows') response.writeHead(200, headers).end(bytes)
    else if (path === '') response.writeHead(200, { ...headers, 'content-type': 'text/html' }).end('<!doctype html>')
    else
      response
        .writeHead(200, { ...headers, 'content-type': 'text/javascript' })
        .end(readFileSync(new URL(`../dist/${path}`, import.meta.url)))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const browser = await launch()
  try {
    const profile = await browser.profile()
    const { page } = await profile.open(`http://127.0.0.1:${server.address().port}/`)
    await page.evaluate(async () => {
      globalThis.rows = new Uint8Array(await (await fetch('/rows')).arrayBuffer())
      globalThis.verify = (await import('/verify.js')).verify
    })
    await measure(
      'Chromium, bytes',
      '4 s',
      () =>
        page.evaluate(async () => {
          const start = performance.now()
          await crypto.subtle.digest('SHA-256', globalThis.rows)
          return performance.now() - start
        }),
      async () => {
        const [time, found] = await page.evaluate(async () => {
          const start = performance.now()
          const found = await globalThis.verify(globalThis.rows)
          return [performance.now() - start, found]
        })
        report(found)
        return time
      },
    )
  } finally {
    await browser.close()
    server.close()
  }
}
if (wanted('proof')) {
  const { verifyProof } = await import(entry)
  const { file, vkey } = proofOf(500_000, 1_000_000)
  const times = []
  for (let round = 0; round < 200; round++)
    times.push(
      await timed(async () => {
        const { verdict } = await verifyProof(file, vkey)
        if (verdict !== 'holds') throw new Error(verdict)
      }),
    )
  const ms = (part) => `${at(times.slice(20), part).toFixed(2)} ms`
  console.log(
    `a proof for one event in a million  ${file.length} bytes, target 1536; checked in Node in ${ms(0.5)}, 95 % in ${ms(0.95)}, target 1 ms`,
  )
}

/** The proof for a row in a chain of so many: a tlog-proof (docs/PROOFS.md), made with nothing but hashes and Ed25519. */
function proofOf(seq, size) {
  const { id, lines, links } = chainOf(0, size)
  const node = (left, right) => createHash('sha256').update(Uint8Array.of(1)).update(left).update(right).digest()
  // RFC 9162, level by level: what has no sibling moves up as it is.
  let level = links.map((link) => Buffer.from(link, 'hex'))
  const path = []
  for (let place = seq; level.length > 1; place >>= 1) {
    const sibling = level[place ^ 1]
    if (sibling) path.push(sibling)
    const above = []
    for (let i = 0; i < level.length; i += 2) above.push(level[i + 1] ? node(level[i], level[i + 1]) : level[i])
    level = above
  }
  const base64 = (bytes) => Buffer.from(bytes).toString('base64')
  const text = `shop/${id}\n${size}\n${base64(level[0])}\n`
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const key = Buffer.concat([Uint8Array.of(4), publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)])
  const name = 'shop/collector'
  const keyId = createHash('sha256').update(`${name}\n`).update(key).digest().subarray(0, 4)
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(1_790_000_000n)
  const signature = sign(null, Buffer.from(`cosignature/v1\ntime 1790000000\n${text}`), privateKey)
  const note = `${text}\n\u2014 ${name} ${base64(Buffer.concat([keyId, time, signature]))}\n`
  const { salt, t, body } = JSON.parse(lines[seq])
  const prev = Buffer.from(links[seq - 1], 'hex')
  const extra = Buffer.concat([Buffer.from('b'), prev, Buffer.from(salt, 'hex'), Buffer.from(`${t}|${body}`)])
  const hashes = path.map((hash) => `${base64(hash)}\n`).join('')
  const file = `c2sp.org/tlog-proof@v1\nextra ${base64(extra)}\nindex ${seq}\n${hashes}\n${note}`
  return { file, vkey: `${name}+${keyId.toString('hex')}+${base64(key)}` }
}
await rm(folder, { recursive: true })

#!/usr/bin/env node
// Each kind of tampering, each instance of it, by the verifier of the browser's wasm, which has nothing but rows, and by
// `nymtrail/verify`: alone, with what devices signed, and with the collector's receipts. A test is a class.
// Reads what `cargo test --test tampering` leaves in target/tmp/tampering. The last line is: N passed, M failed
import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))
const files = join(root, 'target', 'tmp', 'tampering')

/** The verifier as the package ships it: the built wasm, called by js/wasm.ts. */
async function verifier() {
  const bundled = await build({
    entryPoints: [join(root, 'js', 'wasm.ts')],
    bundle: true,
    format: 'esm',
    write: false,
  })
  const code = Buffer.from(bundled.outputFiles[0].contents).toString('base64')
  const { instantiate } = await import(`data:text/javascript;base64,${code}`)
  return instantiate(new WebAssembly.Module(readFileSync(join(root, 'dist', 'nymtrail.wasm')))).Checker
}

/** Calls `take` with every line of a file, parsed, and as it is. */
async function each(kind, name, take) {
  const lines = createInterface({
    input: createReadStream(join(files, kind, name)),
    crlfDelay: Number.POSITIVE_INFINITY,
  })
  for await (const line of lines) take(JSON.parse(line), line)
}

const byPlace = (a, b) => a.seq - b.seq || (a.link < b.link ? -1 : a.link > b.link ? 1 : a.line < b.line ? -1 : 1)

/** The lines of each chain of a file, by seq and link. */
async function sorted(kind) {
  const chains = new Map()
  await each(kind, 'rows.ndjson', ({ chain, seq, link }, line) => {
    const rows = chains.get(chain)
    if (rows) rows.push({ seq, link, line })
    else chains.set(chain, [{ seq, link, line }])
  })
  return [...chains].map(([chain, rows]) => [chain, rows.sort(byPlace).map(({ line }) => line)])
}

/** What the engine says of each chain of a file, whose rows it gets as the driver gives them. */
async function byEngine(Checker, kind) {
  const said = new Map()
  const checker = new Checker()
  for (const [chain, lines] of await sorted(kind)) {
    checker.chain(chain, '')
    checker.rows(lines.map((line) => `${line}\x1e`).join(''))
    for (const found of JSON.parse(checker.verdict()).chains) said.set(found.chain, found)
  }
  return said
}

/** What `nymtrail/verify` says of the whole file, in its order. */
async function byFile(verify, kind, options) {
  const { chains } = await verify(() => createReadStream(join(files, kind, 'rows.ndjson')), options)
  return new Map(chains.map((found) => [found.chain, found]))
}

/** The same with what devices signed, or with the collector's receipts. */
const byNotes = (verify, kind) => byFile(verify, kind, { receipts: readFileSync(join(files, kind, 'notes.ndjson')) })
const byReceipts = (verify, kind) => {
  const keys = readFileSync(join(files, kind, 'key'), 'utf8').trim()
  return byFile(verify, kind, { keys, receipts: readFileSync(join(files, kind, 'receipts.ndjson')) })
}

/** What it says of chains that are sorted, few at a time, so that most are checked without being held. */
async function bySorted(verify, kind) {
  const said = new Map()
  const chains = await sorted(kind)
  for (let at = 0; at < chains.length; at += 20) {
    const lines = chains.slice(at, at + 20).flatMap(([, lines]) => lines)
    for (const found of (await verify(`${lines.join('\n')}\n`)).chains) said.set(found.chain, found)
  }
  return said
}

/** Whether word, place, class and level are those expected; a chain of which nothing is known is not spoken of. */
function agrees({ verdict, level = 'chained', missing_tail, first_bad = null, class: damage = null }, found) {
  if (verdict === null) return !found
  const isWord = found?.verdict === verdict && found.first_bad === first_bad && found.class === damage
  return (
    isWord && (found.level ?? 'chained') === level && (verdict !== 'truncated' || found.missing_tail === missing_tail)
  )
}

if (!existsSync(join(files, 'honest', 'expected.ndjson'))) {
  console.error('There are no instances. Run: cargo test -p nymtrail-collector --test tampering')
  process.exit(1)
}
const began = performance.now()
const Checker = await verifier()
const [classes, wrong, instances] = [new Set(), new Map(), new Set()]
const { verify } = await import('../../dist/verify.js')
const homes = [
  ['alone', (kind) => byEngine(Checker, kind)],
  ['alone', (kind) => byFile(verify, kind)],
  ['alone', (kind) => bySorted(verify, kind)],
  ['signed', (kind) => byNotes(verify, kind)],
  ['receipted', (kind) => byReceipts(verify, kind)],
]
for (const [[what, home], kind] of homes.flatMap((home) => ['tampered', 'honest'].map((kind) => [home, kind]))) {
  const said = await home(kind)
  await each(kind, 'expected.ndjson', (expected) => {
    classes.add(expected.class)
    instances.add(`${expected.class}#${expected.instance}`)
    const found = said.get(expected.chain)
    said.delete(expected.chain)
    if (!agrees(expected[what], found))
      wrong.set(expected.class, { what, expected, found, count: (wrong.get(expected.class)?.count ?? 0) + 1 })
  })
  if (said.size) wrong.set(`chains that nobody made, ${kind}`, { found: [...said.values()][0], count: said.size })
}
for (const [name, { count, ...last }] of wrong)
  console.log(`  NOT  ${count} of '${name}', such as ${JSON.stringify(last)}`)
const seconds = ((performance.now() - began) / 1000).toFixed(1)
console.log(`WASM: ${instances.size} instances of ${classes.size} classes in ${seconds} s`)
console.log(
  `${classes.size - [...wrong.keys()].filter((name) => classes.has(name)).length} passed, ${wrong.size} failed`,
)
process.exitCode = wrong.size ? 1 : 0

#!/usr/bin/env node
// Each kind of tampering, each instance of it, by the verifier of the browser's wasm and by `nymtrail/verify`, which
// have no receipts. A test is a class.
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
async function byFile(verify, kind) {
  const { chains } = await verify(() => createReadStream(join(files, kind, 'rows.ndjson')))
  return new Map(chains.map((found) => [found.chain, found]))
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

/** Whether word, place and class are those expected; a chain without rows is not spoken of. */
function agrees({ verdict, first_bad = null, class: damage = null }, found) {
  if (verdict === null) return !found
  return found?.verdict === verdict && found.first_bad === first_bad && found.class === damage
}

if (!existsSync(join(files, 'honest', 'expected.ndjson'))) {
  console.error('There are no instances. Run: cargo test -p nymtrail-collector --test tampering')
  process.exit(1)
}
const began = performance.now()
const Checker = await verifier()
const [classes, wrong, instances] = [new Set(), new Map(), new Set()]
const { verify } = await import('../../dist/verify.js')
const homes = [(kind) => byEngine(Checker, kind), (kind) => byFile(verify, kind), (kind) => bySorted(verify, kind)]
for (const [home, kind] of homes.flatMap((home) => ['tampered', 'honest'].map((kind) => [home, kind]))) {
  const said = await home(kind)
  await each(kind, 'expected.ndjson', (expected) => {
    classes.add(expected.class)
    instances.add(`${expected.class}#${expected.instance}`)
    const found = said.get(expected.chain)
    said.delete(expected.chain)
    if (!agrees(expected.alone, found))
      wrong.set(expected.class, { expected, found, count: (wrong.get(expected.class)?.count ?? 0) + 1 })
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

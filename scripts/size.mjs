#!/usr/bin/env node
// What the package costs a visitor, by import shape, and the budget it must keep.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { packageEntries } from './lib/package.mjs'
import { Failure, heading, isMain, note, script } from './lib/run.mjs'
import { root } from './lib/tools.mjs'

const KB = 1024

/**
 * The budgets, in bytes after gzip, by row of the table; the only place that holds them.
 * - everything: what a page pays for `import { createTrail } from 'nymtrail'`, wasm, glue and client together. The aim is
 *   30 KB; DESIGN.md says what stands in the way. Until then the budget is what was reached, so that nothing is added unseen.
 *   Raised from 45.75 KB for roots of chains, the keys that sign them and receipts: the tree in the core 1.9 KB, the rest 1 KB.
 *   What signs and checks is in the endpoint that takes signatures. Then from 48.625 KB for flushes that are answered by
 *   number, and for telling a device without network from a blocked endpoint; then by 0.5 KB, so
 *   that events of a chain that forked are moved whichever page finds them, and none is given up; then by
 *   3.25 KB for the detectors of phone numbers, cards and the like; then by 0.75 KB for profiles, privacy signals and strict
 *   mode, and 165 bytes of it for the hook of schemas, which are an entry of their own; then by 0.625 KB for the aliases of
 *   the mode pepper, which are made with the body and taken along with their row, and as much for erasure tokens: the
 *   request by which the service erases a chain, whose chains may be asked for together, and an export that leaves nothing out; then by
 *   0.5 KB for the hook of key servers: public keys in the place of salts, pseudonyms from elsewhere, calls that wait for them, three
 *   codes; then by 1.35 KB for keeping requests of two epochs apart, and 1.28 KB for closing chains and their openings.
 * - one endpoint: a format and its answers, no library: more than 2 KB would mean that something heavy slipped in.
 * - collector: beside its format what signs checkpoints and checks receipts.
 * - schema: what reads a declaration; its dictionary is no page's.
 * - verifier: nobody's page loads it that only records, so it is built for speed; half of it is Ed25519 and serde_json.
 * - oprf: loaded only where a key server makes pseudonyms: the curve, SHA-512, and what goes between calls and requests. The figure is
 *   after gzip, as all here; after brotli it may be 25 KB.
 */
const BUDGETS = {
  everything: 58.5 * KB,
  endpoint: 2 * KB,
  collector: 2.75 * KB,
  schema: 1.25 * KB,
  verifier: 91 * KB,
  oprf: 26.5 * KB,
}

/** What `nymtrail/oprf` may be after brotli: the aim it was built for, wasm and all. */
const OPRF_BROTLI = 25 * KB

const help = `Prints what the built package costs, raw and compressed, by import shape; fails over the budget.

  node scripts/size.mjs      (after: npm run build)
`

/** Bundles and minifies `source` as an application would. Assets count as they are. */
async function bundled(source) {
  const { build } = await import('esbuild')
  const result = await build({
    stdin: { contents: source, resolveDir: root, sourcefile: 'app.js' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'error',
  })
  return result.outputFiles[0].contents
}

const measure = (bytes) => ({
  raw: bytes.length,
  gzip: gzipSync(bytes, { level: 9 }).length,
  brotli: brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  }).length,
})

/** The rows of the table: `{ shape, raw, gzip, brotli, budget? }`. */
async function sizes() {
  const entry = (name) => packageEntries().find((found) => found.name === name)?.output
  const from = (name) => JSON.stringify(`./dist/${entry(name)}.js`)
  const wasm = measure(readFileSync(join(root, 'dist/nymtrail.wasm')))
  const slim = measure(
    await bundled(`export { createTrail } from ${from('./slim')}; export { json } from ${from('./endpoints/json')}`),
  )
  const rows = [
    {
      shape: "import { createTrail } from 'nymtrail'",
      ...measure(await bundled(`export { createTrail } from ${from('.')}`)),
      budget: BUDGETS.everything,
    },
    { shape: 'slim + endpoints/json, without the wasm', ...slim },
    { shape: 'nymtrail.wasm alone', ...wasm },
    {
      shape: 'slim + endpoints/json + nymtrail.wasm',
      raw: slim.raw + wasm.raw,
      gzip: slim.gzip + wasm.gzip,
      brotli: slim.brotli + wasm.brotli,
    },
  ]
  rows.push({
    shape: "import { verify } from 'nymtrail/verify'",
    ...measure(await bundled(`export { verify } from ${from('./verify')}`)),
    budget: BUDGETS.verifier,
  })
  rows.push({
    shape: "import { oprf } from 'nymtrail/oprf'",
    ...measure(await bundled(`export { oprf } from ${from('./oprf')}`)),
    budget: BUDGETS.oprf,
    brotliBudget: OPRF_BROTLI,
  })
  rows.push({
    shape: "import { schema, … } from 'nymtrail/schema'",
    ...measure(await bundled(`export * from ${from('./schema')}`)),
    budget: BUDGETS.schema,
  })
  for (const { name, output } of packageEntries().filter((found) => found.name.startsWith('./endpoints/')))
    rows.push({
      shape: `nymtrail/${name.slice(2)} alone`,
      ...measure(await bundled(`export * from './dist/${output}.js'`)),
      budget: name.endsWith('/collector') ? BUDGETS.collector : BUDGETS.endpoint,
    })
  return rows
}

/** Prints the table; throws when a row is over its budget. */
export async function reportSizes() {
  if (!existsSync(join(root, 'dist/index.js')))
    throw new Failure('There is no built package in dist/.', 'Run: npm run build')
  heading('Size of each import shape, bundled and minified (bytes)')
  const rows = await sizes()
  const line = (shape, raw, gzip, brotli, budget) =>
    note(`${shape.padEnd(46)}${raw.padStart(9)}${gzip.padStart(9)}${brotli.padStart(9)}  ${budget}`)
  const number = (value) => value.toLocaleString('en-GB')
  line('import shape', 'raw', 'gzip', 'brotli', 'gzip budget')
  for (const { shape, raw, gzip, brotli, budget } of rows)
    line(
      shape,
      number(raw),
      number(gzip),
      number(brotli),
      budget ? `${number(budget)} (${Math.round((100 * gzip) / budget)} %)` : '',
    )
  const large = rows.find(({ brotli, brotliBudget }) => brotliBudget && brotli > brotliBudget)
  if (large)
    throw new Failure(
      `${large.shape} is ${number(large.brotli)} bytes after brotli, and may be ${number(large.brotliBudget)}.`,
      'See scripts/size.mjs.',
    )
  const over = rows.filter(({ gzip, budget }) => budget && gzip > budget)
  if (over.length)
    throw new Failure(
      `Over the size budget: ${over.map(({ shape, gzip, budget }) => `${shape} is ${number(gzip - budget)} bytes too large`).join('; ')}.`,
      'See what the wasm consists of with `node scripts/wasm-size.mjs`, and take out what the last change brought in; a budget (scripts/size.mjs) is raised only with a reason written beside it.',
    )
}

if (isMain(import.meta.url))
  await script(async () => (process.argv.includes('--help') ? console.log(help) : reportSizes()))

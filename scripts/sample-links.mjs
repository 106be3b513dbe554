#!/usr/bin/env node
// Works out the hashes of the sample rows of nymtrail/testing, as docs/BODY.md says, and writes js/testing/links.ts.
// The module itself can then do without SHA-256, which not every test environment has.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure, isMain, note, script } from './lib/run.mjs'
import { root } from './lib/tools.mjs'

const file = join(root, 'js/testing/links.ts')

const help = `Writes js/testing/links.ts, after a change of js/testing/bodies.ts.

  node scripts/sample-links.mjs [--check]     --check: only says whether it is up to date
`

const sha256 = (text) => createHash('sha256').update(text).digest('hex')

async function bodies() {
  const { build } = await import('esbuild')
  const { outputFiles } = await build({
    entryPoints: [join(root, 'js/testing/bodies.ts')],
    bundle: true,
    format: 'esm',
    write: false,
  })
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`)
}

/** The text of the module. */
export async function sampleLinks() {
  const { BODIES, ERASED, T0, canonical, saltOf } = await bodies()
  let erased = ''
  const chains = Object.entries(BODIES).map(([name, rows]) => {
    const gprev = sha256(`g1|${sha256(name)}|${'0'.repeat(64)}`)
    let prev = gprev
    const links = rows.map((body, seq) => {
      const bc = sha256(`b1|${saltOf(seq)}|${canonical(body)}`)
      if (name === 'erased' && seq === ERASED) erased = bc
      prev = sha256(`\0e1|${seq}|${T0 + 10 * seq}|${prev}|${bc}`)
      return prev
    })
    return `  ${name}: [\n${[gprev, ...links].map((hash) => `    '${hash}',\n`).join('')}  ],\n`
  })
  return `/** Hashes of the sample rows. Written by scripts/sample-links.mjs, and checked by js/test/testing/samples.test.ts. */

/** The commitment to the body that is gone. */
export const COMMITMENT = '${erased}'

/** By chain: what its first row follows, then each row's link. */
export const HASHES = {
${chains.join('')}}
`
}

if (isMain(import.meta.url))
  await script(async () => {
    if (process.argv.includes('--help')) return console.log(help)
    const text = await sampleLinks()
    if (!process.argv.includes('--check')) writeFileSync(file, text)
    else if (readFileSync(file, 'utf8') !== text)
      throw new Failure(
        'js/testing/links.ts is not what js/testing/bodies.ts makes.',
        'Run: node scripts/sample-links.mjs',
      )
    note('js/testing/links.ts is up to date')
  })

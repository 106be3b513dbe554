#!/usr/bin/env node
// Bundles what tests/web runs in browsers into the one module its Rust side imports: build/web/adapters.js.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isMain, note, script } from './lib/run.mjs'
import { buildDir, root } from './lib/tools.mjs'

const output = join(buildDir, 'web', 'adapters.js')

/** Everything that compiles tests/web needs this first: `cargo clippy --all-targets` for wasm too. */
export async function bundleWebTests() {
  const { build } = await import('esbuild')
  const entryPoints = [join(root, 'js', 'test', 'web-entry.ts')]
  const { outputFiles } = await build({ entryPoints, bundle: true, format: 'esm', target: 'es2022', write: false })
  const [{ text }] = outputFiles
  mkdirSync(dirname(output), { recursive: true })
  // Cargo rebuilds the tests when the file is touched.
  if (current() !== text) writeFileSync(output, text)
}

function current() {
  try {
    return readFileSync(output, 'utf8')
  } catch {
    return null
  }
}

if (isMain(import.meta.url))
  await script(async () => {
    await bundleWebTests()
    note(`${output} is up to date`)
  })

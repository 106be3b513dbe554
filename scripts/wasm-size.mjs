#!/usr/bin/env node
// What the wasm consists of, by function and by module: where to look when the size budget is broken.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Failure, isMain, run, script } from './lib/run.mjs'
import { buildDir } from './lib/tools.mjs'

const help = `Shows what the bytes of the wasm are, after wasm-opt: by module, and the largest functions.

  node scripts/wasm-size.mjs [--functions 40] [--match TEXT]

  --functions N  how many functions to list (default 40)
  --match TEXT   only functions whose name contains TEXT

It reads what the last \`npm run build\` left in build/.
`

/** Where the build leaves the wasm with the names of its functions, before wasm-opt. */
export const namedWasm = join(buildDir, 'nymtrail_named.wasm')

/**
 * How wasm-opt is called: what makes the whole package smallest once compressed. A large function with one caller stays
 * a function of its own (without that limit it is 0.3 KB more); flattening to find shorter control flow saves 0.2 KB.
 * The first KB of memory is the far end of the stack, so nothing is addressed there; and what Rust compiles never relies on
 * an instruction to trap, but checks before.
 */
export const wasmOptFlags = [
  '-Oz',
  '--flatten',
  '--rereloop',
  '-Oz',
  '-Oz',
  '--low-memory-unused',
  '--ignore-implicit-traps',
  '--one-caller-inline-max-function-size=30',
]

/** A cursor over the binary format. */
class Reader {
  constructor(bytes) {
    this.bytes = bytes
    this.at = 0
  }
  byte() {
    return this.bytes[this.at++]
  }
  /** An unsigned LEB128 number. */
  number() {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = this.byte()
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }
  text() {
    const length = this.number()
    this.at += length
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at))
  }
}

/** The functions of a wasm with a name section: `{ name, size }`, size in bytes of code. */
function functions(bytes) {
  const reader = new Reader(bytes)
  const sizes = []
  const names = new Map()
  for (reader.at = 8; reader.at < bytes.length; ) {
    const id = reader.byte()
    const length = reader.number()
    const end = reader.at + length
    if (id === 10)
      for (let count = reader.number(); count > 0; count--) {
        sizes.push(reader.number())
        reader.at += sizes.at(-1)
      }
    if (id === 0 && reader.text() === 'name') readNames(reader, end, names)
    reader.at = end
  }
  const imported = WebAssembly.Module.imports(new WebAssembly.Module(bytes)).filter(({ kind }) => kind === 'function')
  return sizes.map((size, index) => ({ size, name: readable(names.get(index + imported.length) ?? '(no name)') }))
}

const SIGNS = {
  LT: '<',
  GT: '>',
  C: ',',
  u20: ' ',
  RF: '&',
  BP: '*',
  u7b: '{',
  u7d: '}',
  LP: '(',
  RP: ')',
  u5b: '[',
  u5d: ']',
}

/** A name as in the source: Rust's older form says how long each part is, `_ZN4core3str9from_utf817h0123456789abcdefE`. */
function readable(name) {
  if (!name.startsWith('_ZN')) return name
  const parts = []
  for (let rest = name.slice(3); rest !== 'E' && rest; ) {
    const length = Number.parseInt(rest, 10)
    const end = String(length).length + length
    parts.push(rest.slice(end - length, end))
    rest = rest.slice(end)
  }
  return parts
    .map((part) => part.replace(/^_(?=\$)/, '').replaceAll('..', '::'))
    .join('::')
    .replace(/\$(\w+?)\$/g, (sign, word) => SIGNS[word] ?? sign)
}

/** Reads the name section's subsection 1: the names of functions, by index. */
function readNames(reader, end, names) {
  while (reader.at < end) {
    const id = reader.byte()
    const next = reader.number() + reader.at
    if (id === 1) for (let count = reader.number(); count > 0; count--) names.set(reader.number(), reader.text())
    reader.at = next
  }
}

/** The module a function counts to: `nymtrail::core::scrub`, `alloc::collections`, ... */
const moduleOf = (name) =>
  (
    /^[<&(]*(?:dyn |impl )?(nymtrail::\w+(?:::[a-z_]\w*)?|\w+(?:\[\w+\])?(?:::[a-z_]\w*)?)/.exec(name)?.[1] ?? name
  ).replace(/\[\w+\]/, '')

/** The sum of sizes by key, largest first. */
function sums(found, key) {
  const by = new Map()
  for (const { name, size } of found) by.set(key(name), (by.get(key(name)) ?? 0) + size)
  return [...by].sort(([, a], [, b]) => b - a)
}

const print = (rows) => {
  for (const [name, size] of rows) console.log(`${String(size).padStart(9)}  ${name}`)
}

if (isMain(import.meta.url))
  await script(async () => {
    const options = { functions: { type: 'string' }, match: { type: 'string' }, help: { type: 'boolean', short: 'h' } }
    const { values } = parseArgs({ options })
    if (values.help) return console.log(help)
    if (!existsSync(namedWasm)) throw new Failure('There is no built wasm.', 'Run: npm run build -- --wasm')
    const optimised = join(buildDir, 'nymtrail_named_opt.wasm')
    await run('wasm-opt', [namedWasm, ...wasmOptFlags, '--debuginfo', '-o', optimised])
    const found = functions(readFileSync(optimised)).filter(({ name }) => name.includes(values.match ?? ''))
    console.log(
      `\n${found.length} functions, ${found.reduce((sum, { size }) => sum + size, 0)} bytes of code\n\nBy module:`,
    )
    print(sums(found, moduleOf).slice(0, 40))
    // Instances of one generic function differ by their hash alone: shown as one.
    console.log('\nBy function:')
    print(sums(found, (name) => name.replace(/::h[0-9a-f]{16}/g, '')).slice(0, Number(values.functions ?? 40)))
  })

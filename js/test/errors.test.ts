import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { MESSAGES, message } from '../errors.ts'

const root = new URL('../../', import.meta.url)
const text = (path: string) => readFileSync(new URL(path, root), 'utf8')

/** `Name = "word", "message";` of the macro in src/core/error.rs. */
const rust = [...text('src/core/error.rs').matchAll(/^ {4}\w+ = "(\w+)", "(.+)";$/gm)].map(([, word]) => word as string)
const sources = readdirSync(new URL('js', root), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('test/') && file !== 'errors.ts')
  .map((file) => text(`js/${file}`))
  .join('\n')

describe('the table of codes', () => {
  test('has every code of the core', () => {
    expect(rust.length).toBeGreaterThan(10)
    expect(rust.filter((code) => !(code in MESSAGES))).toEqual([])
  })

  test('has no code that nobody reports', () => {
    const used = (code: string) => rust.includes(code) || sources.includes(`'${code}'`)
    expect(Object.keys(MESSAGES).filter((code) => !used(code))).toEqual([])
  })

  test.each(Object.entries(MESSAGES))(
    '%s: a word, and a text that is short and has no place for a value',
    (code, text) => {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/)
      expect(text).toMatch(/^[^$%{}]{20,120}$/)
    },
  )

  test('a code of a later core has a text as well', () => {
    expect(message('from_the_future')).toBe('see the documentation')
    expect(message('quota')).toBe(MESSAGES.quota)
  })
})

describe('what the core answers', () => {
  const types = text('js/types.ts')
  const between = (source: string, from: string, to: string) => {
    const start = source.indexOf(from)
    return start < 0 ? '' : source.slice(start, source.indexOf(to, start))
  }
  /** Members that a Rust function writes into JSON objects, and names of the fields of a TypeScript interface. */
  const written = (file: string, from: string) =>
    [...between(text(file), from, '\n    }\n').matchAll(/(?:text|number|raw)\(\s*"(\w+)"/g)].map(([, name]) => name)
  const inTypes = (name: string) =>
    [...between(types, `interface ${name} {`, '\n}').matchAll(/^ {2}(\w+)\??:/gm)].map(([, field]) => field)
  const sorted = (names: (string | undefined)[]) => [...new Set(names)].sort()

  test('has the fields that the types say', () => {
    const chain = written('src/core/verify.rs', '\n    fn json')
    expect(chain.length).toBeGreaterThan(5)
    expect(inTypes('ChainVerdict').sort()).toEqual(sorted(chain))
    expect(inTypes('Verdict').sort()).toEqual(sorted([...written('src/core/verify.rs', 'pub fn json'), 'code']))
  })

  test('counts what the types say', () => {
    const counts = written('src/core/stats.rs', 'pub fn json')
    const reasons = [...between(types, 'type DropReason =', '\n\n').matchAll(/'(\w+)'/g)].map(([, reason]) => reason)
    // Those are counted by the client alone.
    const own = ['rejected', 'storage', 'consent', 'unknown_schema', 'inert', 'receipts', 'properties']
    expect(counts.length).toBeGreaterThan(10)
    expect(sorted([...inTypes('Stats'), ...reasons])).toEqual(sorted([...counts, ...own]))
  })

  test('names classes of damage that are known', () => {
    const classes = [...between(text('src/core/verify.rs'), 'impl Class', '\n}').matchAll(/Self::\w+ => "(\w+)"/g)].map(
      ([, word]) => word,
    )
    const known = [...(/^ {2}class: (.*)$/m.exec(types)?.[1] ?? '').matchAll(/'(\w+)'/g)].map(([, word]) => word)
    expect(known.sort()).toEqual(classes.sort())
  })
})

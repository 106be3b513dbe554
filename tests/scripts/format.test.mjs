// docs/FORMAT.md is enough to write a verifier: one that shares nothing with ours says the same of every vector.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const run = (source) => execFileSync('python3', ['-I', '-'], { input: source, encoding: 'utf8', stdio: 'pipe' })
const program = readFileSync(at('tests/vectors/independent.py'), 'utf8').replace(
  'pathlib.Path(__file__).parent',
  `pathlib.Path(${JSON.stringify(at('tests/vectors'))})`,
)

test('an independent verifier of about 60 lines agrees with ours on all vectors', () => {
  assert.match(run(program), /^(2\d|[3-9]\d) chains judged alike\n$/)
})

test('it would not agree about another format', () => {
  for (const [ours, other] of [
    ['"b1|"', '"b2|"'],
    ['b"\\0", ', ''],
    ['e1|', 'e2|'],
  ]) {
    assert.ok(program.includes(ours), ours)
    assert.throws(() => run(program.replace(ours, other)), /AssertionError/, other)
  }
})

test('the example in docs/FORMAT.md is what its formulas give', () => {
  const page = readFileSync(at('docs/FORMAT.md'), 'utf8')
  const command = /^printf '.*sha256sum$/m.exec(page)?.[0]
  assert.ok(command, 'the page has the command')
  const chain = /chain `([\da-f]{64})`/.exec(page)?.[1]
  const [, bc, link] = /bc `([\da-f]{64})`,\s*link `([\da-f]{64})`/.exec(page) ?? []
  const out = execFileSync('bash', ['-c', command], { env: { ...process.env, chain, bc }, encoding: 'utf8' })
  assert.equal(out.slice(0, 64), link)
})

// The counter at the end of `npm test` is only as honest as the reading of each runner's summary.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readCounts } from '../../scripts/lib/counts.mjs'

test('cargo: the lines of all test binaries are added up', () => {
  const output = `running 2 tests
test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
`
  assert.deepEqual(readCounts('rust', output), { passed: 15, failed: 2, skipped: 1 })
})

test('wasm-bindgen-test: indented copies of a line inside a failure do not count', () => {
  const output = `    test result: ok. 9 passed; 0 failed; 0 ignored
test result: ok. 2 passed; 0 failed; 0 ignored; 0 filtered out; finished in 0.2s
`
  assert.deepEqual(readCounts('rust', output), { passed: 2, failed: 0, skipped: 0 })
})

test('vitest: passed, failed and skipped; colours do not matter', () => {
  const output = `
 Test Files  1 failed | 3 passed (4)
\u001b[2m      Tests \u001b[22m 1 failed | 12 passed | 2 skipped | 1 todo (16)
`
  assert.deepEqual(readCounts('vitest', output), { passed: 12, failed: 1, skipped: 3 })
})

test('vitest: a file that cannot be loaded counts as failed though its tests were never seen', () => {
  const output = `
 Test Files  1 failed | 3 passed (4)
      Tests  12 passed (12)
`
  assert.deepEqual(readCounts('vitest', output), { passed: 12, failed: 1, skipped: 0 })
})

test('node --test: cancelled tests are failures', () => {
  const output = 'ℹ tests 5\nℹ suites 1\nℹ pass 2\nℹ fail 1\nℹ cancelled 1\nℹ skipped 1\nℹ todo 0\n'
  assert.deepEqual(readCounts('node', output), { passed: 2, failed: 2, skipped: 1 })
})

test("the project's own runners: the last line, and only that", () => {
  assert.deepEqual(readCounts('plain', 'said 9 passed, 9 failed\n4 passed, 1 failed\n'), {
    passed: 4,
    failed: 1,
    skipped: 0,
  })
  assert.deepEqual(readCounts('plain', '4 passed, 0 failed, 2 skipped\n'), { passed: 4, failed: 0, skipped: 2 })
  assert.equal(readCounts('plain', '4 passed, 0 failed\nand then it crashed\n'), null)
})

for (const runner of ['rust', 'vitest', 'node', 'plain'])
  test(`${runner}: no summary is null, not zero`, () => {
    assert.equal(readCounts(runner, ''), null)
    assert.equal(readCounts(runner, 'Segmentation fault\n'), null)
  })

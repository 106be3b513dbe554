// Reads how many tests passed and failed from what the runners print themselves.
import { stripVTControlCharacters } from 'node:util'

/** Sums `{ passed, failed, skipped }` over every match of a pattern with those named groups. */
function sum(output, pattern) {
  const total = { passed: 0, failed: 0, skipped: 0 }
  let seen = false
  for (const { groups } of output.matchAll(pattern)) {
    seen = true
    for (const key of Object.keys(total)) total[key] += Number(groups[key] ?? 0)
  }
  return seen ? total : null
}

/** Readers by runner: output -> counts, or null when the runner printed no summary. */
const readers = {
  // cargo test and the wasm test runner: one line for each test binary.
  rust: (output) =>
    sum(output, /^test result: \w+\. (?<passed>\d+) passed; (?<failed>\d+) failed; (?<skipped>\d+) ignored/gm),
  // "      Tests  1 failed | 12 passed | 2 skipped (15)"
  vitest(output) {
    const line = /^ *Tests +(.*)\((\d+)\)/m.exec(output)
    if (!line) return null
    const of = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(line[1])?.[1] ?? 0)
    const counts = { passed: of('passed'), failed: of('failed'), skipped: of('skipped') + of('todo') }
    // A test file that cannot be loaded has no tests to count, but it did fail.
    counts.failed ||= Number(/^ *Test Files +(\d+) failed/m.exec(output)?.[1] ?? 0)
    return counts
  },
  // node --test, spec reporter: "ℹ pass 12", "ℹ fail 0", "ℹ cancelled 0", "ℹ skipped 1"
  node(output) {
    const of = (word) => new RegExp(`^ℹ ${word} (\\d+)$`, 'm').exec(output)?.[1]
    if (of('pass') === undefined || of('fail') === undefined) return null
    return {
      passed: Number(of('pass')),
      failed: Number(of('fail')) + Number(of('cancelled') ?? 0),
      skipped: Number(of('skipped') ?? 0) + Number(of('todo') ?? 0),
    }
  },
  // The project's own runners end with "12 passed, 0 failed" and perhaps ", 1 skipped".
  plain(output) {
    const line = output.trimEnd().split('\n').at(-1)
    return sum(line, /^(?<passed>\d+) passed, (?<failed>\d+) failed(?:, (?<skipped>\d+) skipped)?$/g)
  },
}

/** The counts in `output` as `runner` prints them, or null when they cannot be read. */
export const readCounts = (runner, output) => readers[runner](stripVTControlCharacters(output).replaceAll('\r', ''))

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { EFFECTS, INPUTS } from '../driver.ts'

const bindings = readFileSync(new URL('../../src/bindings.rs', import.meta.url), 'utf8')

test('inputs have the numbers that the bindings read', () => {
  const read = [...bindings.matchAll(/^ {8}(\d+) => Input::(\w+)/gm)]
  expect(read.map(([, number]) => Number(number))).toEqual(INPUTS.map((_, at) => at))
  expect(read.map(([, , name]) => name)).toEqual(INPUTS)
})

test('effects have the numbers that the bindings write', () => {
  const arms = bindings
    .slice(bindings.indexOf('match effect {'))
    .split(/^ {8}Effect::/m)
    .slice(1)
  const written = new Map(
    arms.map((arm) => [/^\w+/.exec(arm)?.[0], Number(/begin\(frames, (\d+)/.exec(arm)?.[1])] as const),
  )
  // The one for a leaving page is the one before it, plus one.
  expect(bindings).toContain('begin(frames, 7 + u64::from(exit), id, &meta)')
  written.set('DeliverExit', 8)
  expect(EFFECTS.map((name) => written.get(name))).toEqual(EFFECTS.map((_, at) => at))
  expect(written.size).toBe(EFFECTS.length)
})

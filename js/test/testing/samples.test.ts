import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readEvent } from '../../endpoints/lib/event.ts'
import { SAMPLE_NAMES } from '../../testing/samples.ts'
import { type SampleName, sampleBatch } from '../../testing.ts'
import type { Row } from '../../types.ts'
import { verifyColumns } from '../endpoints/harness.ts'

const rowsOf = (name: SampleName): Row[] => sampleBatch(name).rows.map((line) => JSON.parse(line))

test.each(SAMPLE_NAMES)('the sample %s is a chain as FORMAT has it', (name) => {
  const { rows, chain } = sampleBatch(name)
  verifyColumns(rows.map((line) => readEvent(line).columns))
  for (const line of rows) {
    const row = JSON.parse(line)
    expect(row.chain).toBe(chain)
    // Keys sorted, in ASCII, as the client writes them.
    expect(line).toMatch(/^[ -~]+$/)
    expect(Object.keys(row)).toEqual(Object.keys(row).sort())
  }
})

test('the hashes are those that the script works out', () => {
  const file = fileURLToPath(new URL('../../../scripts/sample-links.mjs', import.meta.url))
  expect(execFileSync(process.execPath, [file, '--check'], { encoding: 'utf8' })).toContain('up to date')
})

test('the samples are what their names say', () => {
  expect(new Set(SAMPLE_NAMES.map((name) => sampleBatch(name).chain)).size).toBe(SAMPLE_NAMES.length)
  expect(rowsOf('opening')).toHaveLength(1)
  expect(rowsOf('many')).toHaveLength(101)
  expect(rowsOf('erased').map((row) => [!!row.body, !!row.salt, !!row.bc])).toEqual(
    [true, true, false, true].map((there) => [there, there, !there]),
  )
  const bare = sampleBatch('bare').rows.map(readEvent)
  expect(bare.slice(1).every(({ props }) => Object.keys(props).length === 0)).toBe(true)
  const [, large] = sampleBatch('large').rows.map(readEvent)
  const size = JSON.stringify(large?.props).length
  expect(size > 15_500 && size <= 16_384).toBe(true)
  const [, unicode] = sampleBatch('unicode').rows.map(readEvent)
  expect(unicode?.props).toMatchObject({ emoji: '👩‍👩‍👧‍👦 🇪🇺', quoting: `"\\/'\`\t\r\n` })
})

test('a batch can be changed', () => {
  const batch = sampleBatch()
  expect(sampleBatch('ordinary', { epoch: null, rows: batch.rows.slice(1) })).toEqual({
    ...batch,
    epoch: null,
    rows: batch.rows.slice(1),
  })
})

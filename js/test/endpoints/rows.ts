/** More rows to send, and batches of them. The tests against real receivers use them too, so nothing of a test runner is here. */
import { createHash } from 'node:crypto'
import type { Batch, Row } from '../../types.ts'
import { BODIES, chainOf, DEVICE, T0, USER, VISIT } from './harness.ts'

/** The body of a tracked event. */
export const track = (name: string, p: object = {}): object => ({
  k: 'track',
  n: name,
  d: DEVICE,
  s: VISIT,
  u: USER,
  p,
})

/** A chain with these bodies after the row that opens it and one event. */
export const chainWith = (...bodies: object[]): string[] => chainOf([BODIES[0] as object, track('before'), ...bodies])

/** Rows whose body is long: about this many bytes each. */
export const longRows = (count: number, bytes: number, start?: string): string[] =>
  chainOf(
    [
      BODIES[0] as object,
      ...Array.from({ length: count }, (_, at) => ({
        k: 'track',
        n: 'long',
        d: DEVICE,
        p: { at, x: 'x'.repeat(bytes) },
      })),
    ],
    start,
  )

/** The line with its body erased. */
export function erased(line: string): string {
  const { body, salt, ...rest } = JSON.parse(line) as Row
  const bc = createHash('sha256').update(`b1|${salt}|${body}`).digest('hex')
  return JSON.stringify({ bc, ...rest })
}

/** A batch of these rows. */
export const batchOf = (rows: readonly string[], more: Partial<Batch> = {}): Batch => ({
  deployment: 'shop',
  epoch: 20781,
  chain: (JSON.parse(rows[0] as string) as Row).chain,
  rows,
  sentAt: T0 + 5000,
  ageMs: 40,
  ...more,
})

/** The two rows of the examples of some pages: a whole chain. */
export const exampleRows = (): string[] => chainOf([BODIES[0] as object, BODIES[3] as object], 'example')

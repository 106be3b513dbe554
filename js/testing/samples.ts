import type { Batch } from '../types.js'
import { BODIES, canonical, DEPLOYMENT, EPOCH, ERASED, type SampleName, saltOf, T0 } from './bodies.js'
import { COMMITMENT, HASHES } from './links.js'

/** All chains of samples, by name. */
export const SAMPLE_NAMES = Object.keys(BODIES) as SampleName[]

/** The exact lines of a chain. */
function linesOf(name: SampleName): string[] {
  const [gprev, chain, ...links] = HASHES[name]
  return [chain, ...links].map((link, seq) => {
    const gone = name === 'erased' && seq === ERASED
    const row = gone ? { bc: COMMITMENT } : { body: canonical(BODIES[name][seq]), salt: saltOf(seq) }
    return canonical({ ...row, chain, link, seq, t: T0 + 10 * seq, ...(seq === 0 && { gprev }) })
  })
}

/**
 * A batch of real rows, each time the same: its links can be verified, and its first row opens the chain.
 *
 * @param name - What is in it, default `ordinary`: one of each call. `opening`: the row that opens a chain, alone.
 * `bare`: events without properties. `unicode`: characters that need care. `names`: properties named like fields of
 * other services, and like columns. `erased`: a row whose body is gone. `large`: 16 KiB of properties. `many`: a
 * hundred events.
 * @param change - What is to be different, such as `rows` for some of them.
 * @example
 * ```ts
 * const batch = sampleBatch('unicode')
 * expect(mine.encode(batch)?.body).toContain('größe')
 * ```
 */
export const sampleBatch = (name: SampleName = 'ordinary', change: Partial<Batch> = {}): Batch => {
  const rows = linesOf(name)
  const { chain } = JSON.parse(rows[0] as string)
  return { deployment: DEPLOYMENT, epoch: EPOCH, chain, rows, sentAt: T0 + 5000, ageMs: 40, ...change }
}

export type { SampleName }

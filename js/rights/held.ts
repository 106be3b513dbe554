/** An export, taken apart. */
import type { ExportedData, Row } from '../types.js'
import { type LaneRecord, laneOf, type SettledRecord, settledOf, type VisitRecord, visitOf } from './records.js'

/** What a device holds. */
export interface Held {
  lanes: { chain: string; lane: LaneRecord; settled: SettledRecord; rows: Row[] }[]
  visit: VisitRecord | undefined
  commitments: { epoch: number; commitment: string }[]
  /** The epochs document. */
  document: unknown
  salts: { epoch: number; from: number; to: number }[]
}

/** Reads what was exported. What cannot be read counts as not there: somebody else may have written to the database. */
export function heldBy({ records, rows }: ExportedData): Held {
  // The commitments in words, and behind a line break the document as it came: `Keyring::save` in src/core/epoch.rs.
  const [known = '', ...text] = (records.keyring ?? '').split('\n')
  const words = known.split(' ')
  const commitments = words.flatMap((commitment, at) => (at % 2 ? [{ epoch: Number(words[at - 1]), commitment }] : []))
  const document = read(text.join('\n'))
  const epochs: unknown[] = Array.isArray(document?.epochs) ? document.epochs : []
  return {
    lanes: Object.entries(records)
      .filter(([key]) => key.startsWith('lane/'))
      .map(([key, record]) => {
        const chain = key.slice(5)
        const settled = settledOf(records[`settled/${chain}`])
        return { chain, lane: laneOf(record), settled, rows: rows.filter((row) => row.chain === chain) }
      }),
    visit: visitOf(records.visit),
    commitments,
    document,
    salts: epochs.map((epoch) => {
      const { id, not_before: from, not_after: to } = epoch as Record<string, unknown>
      return { epoch: Number(id), from: Number(from), to: Number(to) }
    }),
  }
}

/** What a row says; nothing if it was erased. */
export const bodyOf = (row: Row | undefined): Record<string, unknown> => read(row?.body) ?? {}

function read(text: string | undefined): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text ?? '')
    return value && typeof value === 'object' ? value : undefined
  } catch {
    return
  }
}

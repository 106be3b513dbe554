/** A receiver of NDJSON as strict as one can be: every line one JSON object, all of a body or nothing of it. */
import type { Row } from '../../../types.ts'
import { openDouble } from '../harness.ts'

export const MAX_BYTES = 100_000

/** `refuse` says of which links it finds fault with the row. */
export async function openNdjson({ refuse = (_: string): boolean => false } = {}) {
  const lines: string[] = []
  const double = await openDouble(({ method, path, bytes, body }) => {
    if (method !== 'POST' || path !== '/in') return { status: 404 }
    if (bytes.length > MAX_BYTES) return { status: 413 }
    if (!body.endsWith('\n')) return { status: 400, body: 'the last line is not ended' }
    const found = body.slice(0, -1).split('\n')
    let rows: Row[]
    try {
      rows = found.map((line) => JSON.parse(line))
    } catch {
      return { status: 400, body: 'not JSON' }
    }
    if (rows.some((row) => typeof row !== 'object' || refuse(row.link))) return { status: 400, body: 'bad row' }
    lines.push(...found)
    return { status: 204 }
  })
  return { ...double, lines, exported: (): Row[] => lines.map((line) => JSON.parse(line)) }
}

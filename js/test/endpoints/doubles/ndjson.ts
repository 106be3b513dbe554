/** A receiver of NDJSON as strict as one can be: every line one JSON object, all of a body or nothing of it. */
import type { Columns } from '../../../endpoints/lib/event.ts'
import type { Row } from '../../../types.ts'
import { openDouble } from '../harness.ts'
import type { Double } from '../web-suite.ts'

export const MAX_BYTES = 100_000

export async function openNdjson(): Promise<Double & { lines: string[] }> {
  const lines: string[] = []
  const kept: string[] = []
  const poison = new Set<string>()
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
    if (rows.some((row) => typeof row !== 'object' || poison.has(row.link))) return { status: 400, body: 'bad row' }
    lines.push(...found)
    kept.push(...rows.map(({ link }) => link))
    return { status: 204 }
  })
  const columns = () =>
    lines.map(
      (line) =>
        Object.fromEntries(
          Object.entries(JSON.parse(line)).map(([name, value]) => [`nt_${name}`, value]),
        ) as unknown as Columns,
    )
  return { ...double, lines, kept, poison, columns }
}

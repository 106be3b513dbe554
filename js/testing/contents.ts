/** What is in a request's body, whatever it is written in: JSON, lines of JSON, forms, base64, one inside the other. */

/** A part of a body: every value in it as text, and the parts it has. */
export interface Part {
  readonly values: ReadonlySet<string>
  readonly parts: readonly Part[]
}

/** How deep one notation may be inside another. */
const DEEPEST = 12

/** Reads a value: an object or array has a part for each of its own, a text one for each way to read it. */
export function readParts(value: unknown, depth = 0): Part {
  if (value === null || value === undefined || depth > DEEPEST) return { values: new Set(), parts: [] }
  const inside = typeof value === 'object' ? Object.values(value) : typeof value === 'string' ? readings(value) : []
  const parts = inside.map((each) => readParts(each, depth + 1))
  const values = new Set(parts.flatMap((part) => [...part.values]))
  if (typeof value !== 'object') values.add(String(value))
  else for (const text of pieces(value)) values.add(text)
  return { values, parts }
}

/** Texts that are there in pieces, as a list or as numbered fields, since the service cuts long ones. */
function pieces(value: object): string[] {
  if (Array.isArray(value)) return value.every((each) => typeof each === 'string') ? [value.join('')] : []
  const joined: Record<string, string> = {}
  for (const [name, text] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const stem = /^(.*\D)\d+$/.exec(name)?.[1]
    if (stem && typeof text === 'string') joined[stem] = (joined[stem] ?? '') + text
  }
  return Object.values(joined)
}

/** The smallest part that has all of these values. */
export function partWith(part: Part, wanted: readonly string[]): Part | undefined {
  if (!wanted.every((value) => part.values.has(value))) return
  for (const each of part.parts) {
    const found = partWith(each, wanted)
    if (found) return found
  }
  return part
}

/** What else a text may be. */
function readings(text: string): unknown[] {
  const json = jsonOf(text)
  if (json !== undefined) return [json]
  const lines = text.split(/\r?\n/).filter((line) => line.trim())
  if (lines.length > 1) return lines
  if (/\t/.test(text)) return text.split('\t')
  if (/^[^\s{[<]*=/.test(text)) return [...new URLSearchParams(text.replace(/^[^=]*\?/, ''))]
  const packed = base64Of(text)
  return packed === undefined ? [] : [packed]
}

function jsonOf(text: string): unknown {
  if (!/^\s*["[{]/.test(text)) return
  try {
    return JSON.parse(text)
  } catch {
    return
  }
}

/** The text in base64, either alphabet; undefined if it is none, or no text. */
function base64Of(text: string): string | undefined {
  if (!/^[\w+/-]{24,}={0,2}$/.test(text)) return
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return
  }
}

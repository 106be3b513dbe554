/** The pages of docs/endpoints, which show the request that the code makes. */
import { readFileSync } from 'node:fs'
import type { EncodedRequest } from '../../types.ts'

/** JSON for people: what fits a line stands on one. */
function pretty(value: unknown, indent = ''): string {
  const line = JSON.stringify(value)
  if (indent.length + line.length <= 118 || !value || typeof value !== 'object') return line
  const inner = `${indent}  `
  const parts = Array.isArray(value)
    ? value.map((part) => inner + pretty(part, inner))
    : Object.entries(value).map(([key, part]) => `${inner}${JSON.stringify(key)}: ${pretty(part, inner)}`)
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  return `${open}\n${parts.join(',\n')}\n${indent}${close}`
}

/** A request as a page shows it; a form is shown decoded. */
export function shown({ url, method = 'POST', headers, body }: EncodedRequest): string {
  // What a browser adds to a body that is a string.
  const lines = Object.entries(headers ?? { 'content-type': 'text/plain;charset=UTF-8' })
  const [, form = '', rest = ''] = /^(data=)?(.*)$/s.exec(String(body)) ?? []
  let text = (form ? decodeURIComponent(rest) : rest).trimEnd()
  try {
    text = pretty(JSON.parse(text))
  } catch {
    // More than one line of JSON: shown as it is.
  }
  return `${method} ${url}\n${lines.map(([name, value]) => `${name}: ${value}\n`).join('')}\n${form}${text}\n`
}

/** The first request that a page shows. */
export const requestOn = (page: string): string | undefined =>
  /```http\n([\s\S]*?)```/.exec(
    readFileSync(new URL(`../../../docs/endpoints/${page}.md`, import.meta.url), 'utf8'),
  )?.[1]

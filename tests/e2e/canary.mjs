// Looks for a text in bytes in every form in which it could have got there.
import { createHash } from 'node:crypto'

const percent = (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
/** How a URL writes it: only what must be escaped is. */
const escaped = (text, rounds) => (rounds ? escaped(encodeURIComponent(text), rounds - 1) : text)
const everyByte = (text, rounds) => (rounds ? everyByte(percent(text), rounds - 1) : text)
const json = (text) => JSON.stringify(text).slice(1, -1)
const unicode = (text) => [...text].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
const entities = (text) => [...text].map((char) => `&#${char.charCodeAt(0)};`).join('')

/** What base64 makes of the text wherever it stands in a longer one: without the characters it shares with others. */
function base64(bytes, offset, alphabet) {
  const padded = Buffer.concat([Buffer.alloc(offset), bytes])
  const whole = padded.length - (padded.length % 3)
  return padded
    .subarray(0, whole)
    .toString(alphabet)
    .slice(offset && 4, (whole / 3) * 4)
}

/** Every form of `text`, as name and bytes. */
export function forms(text) {
  const found = new Map()
  const add = (name, bytes) => {
    const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
    const key = buffer.toString('latin1')
    if (buffer.length >= 6 && !found.has(key)) found.set(key, { name, buffer })
  }
  for (const [kind, spelling] of [
    ['', text],
    [' lower', text.toLowerCase()],
    [' upper', text.toUpperCase()],
    [' reversed', [...text].reverse().join('')],
  ]) {
    const bytes = Buffer.from(spelling)
    add(`raw${kind}`, bytes)
    for (const rounds of [1, 2, 3]) {
      add(`percent ${rounds}${kind}`, escaped(spelling, rounds))
      add(
        `percent ${rounds} lower hex${kind}`,
        escaped(spelling, rounds).replace(/%\w\w/g, (hex) => hex.toLowerCase()),
      )
      add(`every byte percent ${rounds}${kind}`, everyByte(spelling, rounds))
    }
    for (const offset of [0, 1, 2])
      for (const alphabet of ['base64', 'base64url'])
        add(`${alphabet} at ${offset}${kind}`, base64(bytes, offset, alphabet))
    add(`hex${kind}`, bytes.toString('hex'))
    add(`HEX${kind}`, bytes.toString('hex').toUpperCase())
    add(`utf-16le${kind}`, Buffer.from(spelling, 'utf16le'))
    add(`utf-16be${kind}`, Buffer.from(spelling, 'utf16le').swap16())
    add(`JSON${kind}`, json(spelling))
    add(`JSON twice${kind}`, json(json(spelling)))
    add(`\\u escapes${kind}`, unicode(spelling))
    add(`entities${kind}`, entities(spelling))
    for (const name of ['sha256', 'sha1', 'md5', 'sha512']) {
      const digest = createHash(name).update(bytes).digest()
      add(`${name}${kind}`, digest)
      add(`${name} hex${kind}`, digest.toString('hex'))
      add(`${name} HEX${kind}`, digest.toString('hex').toUpperCase())
      add(`${name} base64${kind}`, digest.toString('base64').replaceAll('=', ''))
      add(`${name} base64url${kind}`, digest.toString('base64url'))
    }
  }
  return [...found.values()]
}

/** The forms of any of `texts` that are in `haystack`, as `text (form)`. */
export function find(haystack, texts) {
  const bytes = Buffer.isBuffer(haystack) ? haystack : Buffer.from(haystack)
  return texts.flatMap((text) =>
    forms(text)
      .filter(({ buffer }) => bytes.includes(buffer))
      .map(({ name }) => `${text} (${name})`),
  )
}

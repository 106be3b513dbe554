// Looks for a text in bytes in every form in which it could have got there.
import { createHash } from 'node:crypto'

const percent = (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
/** How a URL writes it: only what must be escaped is. */
const escaped = (text, rounds) => (rounds ? escaped(encodeURIComponent(text), rounds - 1) : text)
const everyByte = (text, rounds) => (rounds ? everyByte(percent(text), rounds - 1) : text)
const json = (text) => JSON.stringify(text).slice(1, -1)
const units = (text) => Array.from({ length: text.length }, (_, at) => text.charCodeAt(at))
const unicode = (text) =>
  units(text)
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('')
/** As bodies and rows write it: ASCII as it is. */
const ascii = (text) => [...text].map((char) => (char < '\x7f' ? char : unicode(char))).join('')
const entities = (text) => [...text].map((char) => `&#${char.codePointAt(0)};`).join('')

/** What base64 makes of the text wherever it stands in a longer one: without the characters it shares with others. */
function base64(bytes, offset, alphabet) {
  const padded = Buffer.concat([Buffer.alloc(offset), bytes])
  const whole = padded.length - (padded.length % 3)
  return padded
    .subarray(0, whole)
    .toString(alphabet)
    .slice(offset && 4, (whole / 3) * 4)
}

/**
 * Pieces of six characters, and longer ones where six could come about by chance: in a megabyte of random hex digits no
 * ten digits are found that are given.
 */
function parts(text) {
  const chars = [...text]
  const telling = (part) => part.length >= 10 || part.filter((char) => !/[\da-f\s.-]/i.test(char)).length > 2
  return chars.flatMap((_, at) => {
    for (let length = 6; at + length <= chars.length; length++) {
      const part = chars.slice(at, at + length)
      if (telling(part)) return [part.join('')]
    }
    return []
  })
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
    ...['NFC', 'NFD', 'NFKC', 'NFKD'].map((form) => [` ${form}`, text.normalize(form)]),
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
    add(`latin1${kind}`, Buffer.from(spelling, 'latin1'))
    add(`utf-16le${kind}`, Buffer.from(spelling, 'utf16le'))
    add(`utf-16be${kind}`, Buffer.from(spelling, 'utf16le').swap16())
    add(`JSON${kind}`, json(spelling))
    add(`JSON twice${kind}`, json(json(spelling)))
    add(`ASCII${kind}`, ascii(spelling))
    add(`ASCII as JSON${kind}`, json(ascii(spelling)))
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
    for (const part of parts(spelling)) {
      add(`part${kind}`, part)
      add(`part in utf-16le${kind}`, Buffer.from(part, 'utf16le'))
    }
  }
  return [...found.values()]
}

/**
 * Makes a search for many needles at once, all of four bytes or more: bytes -> the numbers of those that are in them.
 * It uses nothing from outside of itself, so that it also runs in a page.
 */
export function searchFor(needles) {
  const known = new Uint8Array(1 << 16)
  const byStart = new Map()
  const hash = (four) => Math.imul(four, 0x9e3779b1) >>> 16
  needles.forEach((needle, number) => {
    const four = needle[0] | (needle[1] << 8) | (needle[2] << 16) | (needle[3] << 24)
    known[hash(four)] = 1
    byStart.set(four, [...(byStart.get(four) ?? []), number])
  })
  return (bytes) => {
    const found = new Set()
    let four = 0
    for (let at = 0; at < bytes.length; at++) {
      four = (four >>> 8) | (bytes[at] << 24)
      if (!known[hash(four)] || at < 3) continue
      for (const number of byStart.get(four) ?? [])
        if (needles[number].every((byte, ahead) => bytes[at - 3 + ahead] === byte)) found.add(number)
    }
    return [...found]
  }
}

/** Needles that were asked for once are asked for again. */
const made = new Map()

/** The forms of `texts`: `names` of each as `text (form)`, its `bytes`, and the `search` for all of them. */
export function needlesOf(texts) {
  const key = texts.join('\n')
  if (!made.has(key)) {
    const all = texts.flatMap((text) => forms(text).map(({ name, buffer }) => ({ name: `${text} (${name})`, buffer })))
    const bytes = all.map(({ buffer }) => buffer)
    made.set(key, { names: all.map(({ name }) => name), bytes, search: searchFor(bytes) })
  }
  return made.get(key)
}

/** The forms of any of `texts` that are in `haystack`, as `text (form)`. */
export function find(haystack, texts) {
  const { names, search } = needlesOf(texts)
  return search(Buffer.isBuffer(haystack) ? haystack : Buffer.from(haystack)).map((number) => names[number])
}

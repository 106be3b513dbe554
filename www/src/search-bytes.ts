/** Looks for a person's e-mail address in what was sent, in the encodings it could hide in. */

/** Names the first encoding in which `needle` occurs in `haystack`, or `undefined`. Case is ignored where the encoding allows it. */
export function findIn(haystack: string, needle: string): string | undefined {
  const lower = haystack.toLowerCase()
  const bytes = new TextEncoder().encode(needle.toLowerCase())
  if (lower.includes(needle.toLowerCase())) return 'plain'
  if (lower.includes(encodeURIComponent(needle.toLowerCase()).toLowerCase())) return 'percent-encoded'
  if (lower.includes([...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(''))) return 'hexadecimal'
  if ([0, 1, 2].some((shift) => inBase64(haystack, bytes, shift))) return 'base64'
  return undefined
}

/** Base64 depends on where in a group of three bytes the text begins; the characters shared with neighbours are cut off. */
function inBase64(haystack: string, bytes: Uint8Array, shift: number): boolean {
  const shifted = new Uint8Array(shift + bytes.length)
  shifted.set(bytes, shift)
  const whole = Math.floor(shifted.length / 3) * 4
  const core = btoa(String.fromCharCode(...shifted)).slice(shift && 4, whole)
  return (
    core.length >= 8 && (haystack.includes(core) || haystack.includes(core.replaceAll('+', '-').replaceAll('/', '_')))
  )
}

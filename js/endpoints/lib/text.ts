/** Texts in the size and spelling that a service takes. */

/** The first `max` UTF-16 units, one less if that would cut a character in two: servers refuse half a character. */
export const cut = (text: string, max: number): string =>
  text.length > max ? text.slice(0, max).replace(/[\ud800-\udbff]$/, '') : text

/** The text in pieces of `size` characters, which joined are the text again. It must be ASCII, as a body is. */
export const pieces = (text: string, size: number): string[] => text.match(new RegExp(`.{1,${size}}`, 'gs')) ?? []

/** A random id of a body (22 characters base64url, 16 bytes) as 32 hex digits, for services that take no other. */
export const hexOf = (id: string): string =>
  Array.from(atob(id.replaceAll('-', '+').replaceAll('_', '/')), (byte) =>
    byte.charCodeAt(0).toString(16).padStart(2, '0'),
  ).join('')

/** Where a page view happened, without what tells who or what exactly it was about. */

import { theDocument } from './page.js'

/** The core takes longer strings for prose, which holds names, and replaces them. */
const MAX_URL = 256

/** Segments that look like an id, a mail or a token. Slugs and short numbers stay. */
function identifying(text: string): boolean {
  // Nobody names a page so, and whoever makes links must not keep the visitor's browser busy.
  if (text.length > MAX_URL) return true
  // Up to three times, since addresses get encoded on their way through redirects.
  for (let round = 0; round < 3; round++) {
    try {
      text = decodeURIComponent(text)
    } catch {
      break
    }
  }
  return (
    // An e-mail address; a long number, such as a phone or a customer.
    /@|\d{5}/.test(text) ||
    // UUIDs and other hex.
    /^(?=.*\d)[\da-f-]{16,}$/i.test(text) ||
    // Base64 and random tokens: all three kinds of characters, as hardly a slug has them.
    /^(?=.*[a-z])(?=.*[A-Z])(?=.*\d).{10,}$/.test(text) ||
    // One long run of letters and digits.
    /(?=[a-z]*\d)(?=\d*[a-z])[a-z\d]{16}/i.test(text)
  )
}

const reduce = (text: string): string => (identifying(text) ? ':id' : text)

/**
 * Origin and path with ids replaced; query and fragment go but for `utm_*` and the parameters in `kept`, whose values are
 * reduced likewise. None for pages that are not on the web.
 */
export function reduceUrl(address: string, kept: readonly string[] = []): string | undefined {
  const url = parse(address)
  if (!url) return
  // What follows a semicolon is a session id more often than not.
  const path = url.pathname.split('/').map((segment) => reduce(segment.split(';')[0] ?? ''))
  const campaign = [...url.searchParams].filter(([name]) => /^utm_[a-z_]+$/.test(name) || kept.includes(name))
  const query = new URLSearchParams(campaign.map(([name, value]) => [name, reduce(value)])).toString()
  return (url.origin + path.join('/') + (query && `?${query.replaceAll('%3Aid', ':id')}`)).slice(0, MAX_URL)
}

/** The origin alone. */
export const reduceReferrer = (address: string): string | undefined => parse(address)?.origin

function parse(address: string): URL | undefined {
  try {
    const url = new URL(address)
    return /^https?:$/.test(url.protocol) ? url : undefined
  } catch {
    return
  }
}

/**
 * The context of a page view as JSON for the core. A worker has none: its address is that of its script.
 *
 * @param query - Parameters of the query that are kept.
 */
export function pageContext(query: readonly string[]): string {
  const document = theDocument()
  return document
    ? JSON.stringify({ url: reduceUrl(location.href, query), ref: reduceReferrer(document.referrer) })
    : ''
}

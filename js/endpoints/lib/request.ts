/** Addresses and headers of requests, as far as several endpoints care. */

/** Whether the address is on the page's own origin for certain: then no header needs a CORS preflight. */
export const isRelative = (url: string): boolean => !/^\s*([a-z][a-z\d+.-]*:|[/\\]{2})/i.test(url)

/** The address without slashes at its end. */
export const trimSlash = (url: string): string => url.replace(/\/+$/, '')

/** The address with this path at its end, once. */
export const withPath = (url: string, path: string): string => {
  const base = trimSlash(url)
  return base.endsWith(path) ? base : base + path
}

/** The address with these parameters, after those it may have. A space is `%20`, which servers of every age read. */
export const withQuery = (url: string, parameters: Record<string, string | number>): string => {
  const pairs = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  return `${url}${url.includes('?') ? '&' : '?'}${pairs.join('&')}`
}

/** Whether a header's name says that it holds a credential: every visitor could read it. */
export const holdsSecret = (headers: Record<string, string> = {}): boolean =>
  Object.keys(headers).some((name) => /auth|cookie|key|password|secret|token/i.test(name))

import { json } from './endpoints/json.js'
import type { Code } from './errors.js'
import { baseAddress } from './page.js'
import type { Keep } from './salt.js'
import type { Activity, ConsentState, Detector, Endpoint, Options, PrivacySignal, Schema } from './types.js'

/** Options that were read and checked. */
export interface Settings {
  deployment: string
  endpoint: Endpoint
  /** The core's configuration: words, the first of which is the deployment. */
  config: string
  /** Address of the epochs document. */
  saltUrl?: string
  /** What keeps it, if it is a key server's. */
  keep?: Keep | undefined
  /** Properties that hold identifiers. */
  identifiers: readonly string[]
  consent: ConsentState
  /** The signal that has denied it. */
  signal?: PrivacySignal | undefined
  onPrivacySignal?: ((signal: PrivacySignal) => unknown) | undefined
  /** What may be recorded; none: anything. */
  schema?: Schema | undefined
  /** Throw what is refused. */
  strict: boolean
  /** Parameters of a page's query that are kept. */
  query: readonly string[]
  /** Whether to say that an identifier can be guessed. */
  warnGuessable: boolean
  debug?: ((activity: Activity) => unknown) | undefined
}

/** Why options cannot be used: a code, and the option's name. */
export interface Refused {
  code: Code
  option: string
}

/** In the order of `WORDS` in src/core/detect.rs. */
const DETECTORS: readonly Detector[] = ['email', 'gps', 'phone', 'card', 'ssn', 'iban', 'ip', 'token']

const HEX = /^[\da-f]{64}$/i

/** Reads options, whatever was passed. */
export function readOptions(options: Options): Settings | Refused {
  let option = 'options'
  /** Says that the option named last is wrong. */
  const wrong = (code: Code = 'invalid_options'): never => {
    throw code
  }
  /** A count, if it is given. */
  const count = (name: string, value: number | undefined, fallback: number): number => {
    option = name
    if (value === undefined) return fallback
    return Number.isFinite(value) && value > 0 ? Math.ceil(value) : wrong()
  }
  try {
    const {
      deployment,
      endpoint: target,
      salt,
      identifiers = [],
      scrub = {},
      period = 'day',
      flush = {},
      limits = {},
      query = [],
      profile = 'product',
      schema,
      strict = false,
      continuity = false,
      onPrivacySignal,
      debug,
    } = options

    option = 'deployment'
    if (typeof deployment !== 'string' || !/^[a-z\d._-]{1,64}$/.test(deployment)) wrong()

    option = 'endpoint'
    const endpoint = typeof target === 'string' ? json(webUrl(target)) : target
    if (typeof endpoint.encode !== 'function' || typeof endpoint.settle !== 'function' || !endpoint.limits) wrong()
    if (!endpoint.browserSafe && options.proxied !== true) wrong('endpoint_needs_proxy')

    option = 'profile'
    const audience = profile === 'audience'
    if (!audience && profile !== 'product') wrong()

    option = 'schema'
    if (schema && typeof schema.write !== 'function') wrong()

    option = 'query'
    if (query.some((name) => typeof name !== 'string')) wrong()

    option = 'salt'
    const secret = salt && typeof salt === 'object' && 'secret' in salt ? salt.secret : undefined
    const server = salt && typeof salt === 'object' && 'keep' in salt ? salt : undefined
    // A fixed secret has no epochs that the service knows, so it would have no pepper for them.
    if (secret !== undefined && (!HEX.test(secret) || endpoint.pepper)) wrong()
    const saltUrl = salt && secret === undefined ? webUrl(server ? server.keys : salt) : undefined

    option = 'pin'
    const pin = server?.pin ?? options.pin
    if (pin !== undefined && !HEX.test(pin)) wrong()

    option = 'period'
    if (!['day', 'week', 'month', 'never'].includes(period)) wrong()

    option = 'identifiers'
    const names = [...identifiers, ...(schema?.identifiers ?? [])]
    if (names.some((name) => typeof name !== 'string')) wrong()
    const encoded = names.map(encodeURIComponent)

    option = 'scrub'
    if (Object.keys(scrub).some((name) => !DETECTORS.includes(name as Detector))) wrong()
    /** A bit for each that is switched off. */
    const off = DETECTORS.reduce(
      (bits, name, at) => bits | (scrub[name] === false ? 1 << at : 0),
      (strict ? 256 : 0) | (continuity ? 512 : 0),
    )

    option = 'debug'
    if (debug !== undefined && typeof debug !== 'function') wrong()

    option = 'onPrivacySignal'
    if (onPrivacySignal !== undefined && typeof onPrivacySignal !== 'function') wrong()

    option = 'consent'
    let { consent = 'pending' } = options
    if (!isConsent(consent)) wrong()
    // In the audience profile `granted` is what the site claims an exemption for, and not what the visitor has said.
    const signal = audience || consent !== 'granted' ? privacySignal() : undefined
    if (signal) consent = 'denied'

    const within = (limit: number | undefined, value: number) => Math.min(limit ?? value, value)
    // As src/core/config.rs reads it.
    const config = [
      deployment,
      audience
        ? profile
        : server
          ? 'oprf'
          : saltUrl
            ? endpoint.pepper
              ? 'pepper'
              : 'salt'
            : secret
              ? 'secret'
              : 'random',
      secret?.toLowerCase() ?? '-',
      pin?.toLowerCase() ?? '-',
      period,
      // Batches that the endpoint would refuse need not be made; one row a request is the transport's affair.
      within(endpoint.limits.events, count('flush.count', flush.count, 50)),
      within(endpoint.limits.bytes, count('flush.bytes', flush.bytes, 49_152)),
      count('flush.ageMs', flush.ageMs, 5000),
      count('flush.pauseMs', flush.pauseMs, 50),
      count('limits.rows', limits.rows, 10_000),
      count('limits.bytes', limits.bytes, 10_485_760),
      off,
      ...encoded,
    ].join(' ')
    return {
      deployment,
      endpoint,
      config,
      ...(saltUrl && !audience && { saltUrl }),
      keep: server?.keep,
      identifiers: names,
      consent,
      signal,
      onPrivacySignal,
      schema,
      strict,
      query,
      warnGuessable: !!salt && !server && !audience && !options.acknowledgeGuessable,
      debug,
    }
  } catch (reason) {
    return { code: reason === 'endpoint_needs_proxy' ? reason : 'invalid_options', option }
  }
}

/** Whether a value is one of the three. */
export const isConsent = (state: unknown): state is ConsentState =>
  state === 'pending' || state === 'granted' || state === 'denied'

/** An absolute address on the web, or an exception. */
function webUrl(address: unknown): string {
  if (typeof address !== 'string' && !(address instanceof URL)) throw 0
  const url = new URL(address, baseAddress())
  if (!/^https?:$/.test(url.protocol)) throw 0
  return url.href
}

/** Global Privacy Control or Do Not Track. */
function privacySignal(): PrivacySignal | undefined {
  const { globalPrivacyControl, doNotTrack } = navigator as Navigator & { globalPrivacyControl?: boolean }
  return globalPrivacyControl === true ? 'gpc' : doNotTrack === '1' ? 'dnt' : undefined
}

import { dispatch, type Installed, replace } from './install.js'

/** An answer of a {@link FakeNetwork}. */
export interface FakeAnswer {
  /** Default 200. */
  status?: number
  /** Default none, such as `{ 'retry-after': '2' }`. */
  headers?: Record<string, string>
  /** The body; an object becomes JSON. Default empty. */
  body?: string | object
}

/** What becomes of a request: an answer, or `fail`: the connection breaks, or `hang`: nothing ever comes. */
export type FakeReply = FakeAnswer | 'fail' | 'hang'

/** A request that was made. */
export interface FakeRequest {
  /** The full address. */
  readonly url: string
  /** `POST` and the like. */
  readonly method: string
  /** Its headers. */
  readonly headers: Headers
  /** The body as text, unpacked if it was compressed. */
  readonly text: string
  /** The body read as JSON. */
  readonly json: unknown
  /** Whether it may outlive the page. */
  readonly keepalive: boolean
  /** When it was made, in ms since 1970. */
  readonly at: number
}

/** A network that answers what it is told, in the place of `fetch()`. */
export interface FakeNetwork extends Installed {
  /** Requests that got through, oldest first. */
  readonly requests: readonly FakeRequest[]
  /** Time from a request to its answer in ms, by `setTimeout()`, which fake timers drive. */
  latency: number
  /** Whether there is none: requests fail, `navigator.onLine` is false. The page is told of the change. */
  offline: boolean
  /** Answers the next requests with these, one each; then it goes on as before. */
  next(...replies: FakeReply[]): void
  /** Answers every request with this, or with what this makes of it. At first: 200, nothing in it. */
  always(reply: FakeReply | ((request: FakeRequest) => FakeReply)): void
}

/** An address for relative ones, where there is no page. */
const NOWHERE = 'https://page.example/'

/**
 * Puts a network in the place of `fetch()` that answers as it is told and keeps what it was asked, until `remove()`.
 *
 * @param options - `latency` in ms, default 0.
 * @example
 * ```ts
 * const network = fakeNetwork()
 * network.next({ status: 429, headers: { 'retry-after': '2' } }, 'fail')
 * // …
 * expect(network.requests).toHaveLength(3)
 * network.remove()
 * ```
 */
export function fakeNetwork({ latency = 0 }: { latency?: number } = {}): FakeNetwork {
  const requests: FakeRequest[] = []
  const replies: FakeReply[] = []
  let always: FakeReply | ((request: FakeRequest) => FakeReply) = {}
  let offline = false

  async function answer(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const request = describe(input, init)
    const sent = init?.body ?? (input instanceof Request ? input.body : undefined)
    // At once where that is possible: what a page sends while it leaves has to be begun there and then.
    request.text = typeof sent === 'string' ? sent : await readBody(sent, request.headers)
    const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined)
    signal?.throwIfAborted()
    if (offline) throw refused()
    requests.push(request)
    const reply = replies.shift() ?? (typeof always === 'function' ? always(request) : always)
    await new Promise<void>((done, abort) => {
      if (reply !== 'hang') setTimeout(done, network.latency)
      signal?.addEventListener('abort', () => abort(signal.reason))
    })
    if (reply === 'fail' || reply === 'hang' || offline) throw refused()
    const { status = 200, headers = {}, body = '' } = reply
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    // Some statuses may have no body at all.
    return new Response([204, 205, 304].includes(status) ? null : text, { status, headers })
  }

  const undo = [replace(globalThis, { fetch: answer })]

  const network: FakeNetwork = {
    requests,
    latency,
    get offline() {
      return offline
    },
    set offline(next) {
      if (next === offline) return
      offline = next
      const { navigator } = globalThis as { navigator?: Navigator }
      if (navigator) undo.push(replace(navigator, { onLine: !offline }))
      dispatch(new Event(offline ? 'offline' : 'online'))
    },
    next: (...more) => void replies.push(...more),
    always(reply) {
      always = reply
    },
    remove() {
      for (const each of undo.splice(0).reverse()) each()
    },
  }
  return network
}

/** How a browser says that there was no answer. */
const refused = () => new TypeError('Failed to fetch')

/** What `fetch()` was called with, but for the body. */
function describe(input: RequestInfo | URL, init: RequestInit = {}) {
  const given = input instanceof Request ? input : undefined
  const { location } = globalThis as { location?: Location }
  return {
    url: new URL(given?.url ?? String(input), location?.href ?? NOWHERE).href,
    method: init.method ?? given?.method ?? 'GET',
    headers: new Headers(init.headers ?? given?.headers),
    text: '',
    get json(): unknown {
      return JSON.parse(this.text)
    },
    keepalive: init.keepalive ?? given?.keepalive ?? false,
    at: Date.now(),
  }
}

async function readBody(body: BodyInit | null | undefined, headers: Headers): Promise<string> {
  const sent = await new Response(body).blob()
  if (headers.get('content-encoding') !== 'gzip') return sent.text()
  return new Response(sent.stream().pipeThrough(new DecompressionStream('gzip'))).text()
}

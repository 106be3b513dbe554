// The site under test: pages that load the built package, and an ingestion endpoint that keeps every byte it gets and
// answers as it is told.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { dist } from './paths.mjs'

const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html; charset=utf-8' }

/** Answers that are none. */
export const HANG = 'hang'
export const DROP = 'drop'

const IMPORTS = JSON.stringify({
  imports: {
    nymtrail: '/dist/index.js',
    'nymtrail/oprf': '/dist/oprf.js',
    'nymtrail/prove': '/dist/prove.js',
    'nymtrail/rights': '/dist/rights.js',
    'nymtrail/schema': '/dist/schema.js',
    'nymtrail/endpoints/': '/dist/endpoints/',
  },
})

const withPackage = `<script type="importmap">${IMPORTS}</script>
<script type="module">
import { createTrail } from 'nymtrail'
import { collector } from 'nymtrail/endpoints/collector.js'
Object.assign(window, { createTrail, collector })
</script>`

/** Pages whose path begins with /page-oprf. */
const withKeyServers = withPackage.replace(
  '<script type="module">',
  `<script type="module">import { oprf } from 'nymtrail/oprf'
window.oprf = oprf
</script>
<script type="module">`,
)

const workerFile = fileURLToPath(new URL('worker.mjs', import.meta.url))
let bundled

/** The worker as a classic script, which every browser takes for every kind of worker. */
async function classicWorker() {
  const alias = { nymtrail: join(dist, 'index.js'), 'nymtrail/slim': join(dist, 'slim.js') }
  bundled ??= build({ entryPoints: [workerFile], alias, bundle: true, format: 'iife', write: false })
  return (await bundled).outputFiles[0].text
}

/** The worker as a module; there are no import maps in workers. */
const moduleWorker = () =>
  readFileSync(workerFile, 'utf8')
    .replace("'nymtrail'", "'/dist/index.js'")
    .replace("'nymtrail/slim'", "'/dist/slim.js'")

/**
 * Starts a site on a port, hence an origin, of its own.
 * - `/page…` a page with the package, `/plain…` one without it, whatever follows
 * - `/worker.js`, `/worker-module.js` a worker with the package: worker.mjs, as a classic script and as a module
 * - everything else is recorded: `requests` holds it, `answer` says what becomes of it
 */
export async function openSite() {
  const site = {
    /** Everything the package asked for, in order: { at, method, url, headers, body, path, settled }. */
    requests: [],
    /** (request, its number from 0) -> { status?, headers?, body?, delay? }, HANG or DROP. */
    answer: () => ({}),
    /** Headers of pages, such as a content security policy. */
    headers: {},
    /** Script that runs in pages before anything else. */
    head: '',
    /** Requests to the ingestion endpoint. */
    batches: () => site.requests.filter(({ path }) => path === '/ingest'),
    /** Event rows that arrived, in order and as often as they did, genesis rows left out. */
    rows: () => site.batches().flatMap(rowsOf),
    /** Rows of requests that were answered with 2xx: what a receiver has. */
    taken: () =>
      site
        .batches()
        .filter(({ status }) => status >= 200 && status < 300)
        .flatMap(rowsOf),
    /** Places in chains whose events the client gave up, as `chain:seq`. */
    gaps: () =>
      site
        .batches()
        .filter(({ status }) => status >= 200 && status < 300)
        .flatMap(({ body }) => JSON.parse(body).events.filter(({ bc }) => bc))
        .map(({ chain, seq }) => `${chain}:${seq}`),
    /** The most requests to the ingestion endpoint that were under way at once. */
    most: 0,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
  let underWay = 0

  const server = createServer(async (request, response) => {
    const { method } = request
    // A proxy asks with the whole address.
    const url = request.url.replace(site.origin, '')
    const path = url.split('?')[0]
    if (path.startsWith('/dist/')) return file(path.slice('/dist'.length), response)
    if (/^\/(page|plain)/.test(path)) return page(path, response)
    if (path === '/worker.js') return script(await classicWorker(), response)
    if (path === '/worker-module.js') return script(moduleWorker(), response)
    if (path === '/favicon.ico') return response.writeHead(204).end()
    const { headers, rawHeaders } = request
    const record = { at: Date.now(), method, url, path, headers, rawHeaders, body: Buffer.alloc(0), status: 0 }
    const number = site.requests.push(record) - 1
    const counted = path === '/ingest'
    if (counted) site.most = Math.max(site.most, ++underWay)
    response.on('close', () => {
      if (counted) underWay--
      record.closed = Date.now()
    })
    const chunks = []
    try {
      for await (const chunk of request) chunks.push(chunk)
    } catch {
      record.broken = true // the browser broke off
    }
    record.body = Buffer.concat(chunks)
    const answer = await site.answer(record, number)
    if (answer === HANG) return
    if (answer === DROP) return request.socket.destroy()
    const { status = 200, headers: more = {}, body = '{}', delay = 0 } = answer
    if (delay) await new Promise((resolve) => setTimeout(resolve, delay))
    record.status = status
    response.writeHead(status, { 'content-type': 'application/json', ...more }).end(body)
  })

  function page(path, response) {
    // No icon: the browser would ask for one, and name the page's address.
    const head = `<!doctype html><meta charset="utf-8"><title>${path.slice(1, 6)}</title><link rel="icon" href="data:,">
<script>window.uncaught = []
addEventListener('error', ({ message }) => uncaught.push(message))
addEventListener('unhandledrejection', ({ reason }) => uncaught.push(String(reason)))
${site.head}</script>`
    const script = path.startsWith('/page-oprf') ? withKeyServers : withPackage
    const body = path.startsWith('/page') ? head + script : head
    // `no-store` would keep the page out of the back/forward cache.
    response.writeHead(200, { 'content-type': TYPES['.html'], 'cache-control': 'no-cache', ...site.headers }).end(body)
  }

  const script = (text, response) =>
    response.writeHead(200, { 'content-type': TYPES['.js'], 'cache-control': 'no-cache' }).end(text)

  function file(path, response) {
    try {
      const bytes = readFileSync(join(dist, normalize(path)))
      response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'text/plain', 'cache-control': 'no-cache' })
      response.end(bytes)
    } catch {
      response.writeHead(404).end()
    }
  }

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  site.origin = `http://127.0.0.1:${server.address().port}`
  site.url = (path) => site.origin + path
  return site
}

/** Rows by the body they came in: scenarios ask for all of them again and again while they wait. */
const parsed = new WeakMap()

/** The events in a request of the `json` endpoint. */
function rowsOf({ body }) {
  if (!parsed.has(body)) parsed.set(body, eventsIn(body))
  return parsed.get(body)
}

function eventsIn(body) {
  try {
    return JSON.parse(body)
      .events.filter(({ seq, body }) => seq > 0 && body)
      .map((row) => ({ ...row, id: `${row.chain}:${row.seq}`, event: JSON.parse(row.body) }))
  } catch {
    return []
  }
}

// A static server on the loopback interface with a content security policy; it takes the events posted to /ingest.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'

const types = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
}

/** The policy of the README: nothing but own scripts, own requests, and WebAssembly. */
export const STRICT = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
/** The same without WebAssembly. */
export const WITHOUT_WASM = "default-src 'none'; script-src 'self'; connect-src 'self'"

/** Serves `folder` under `policy`. Resolves to `{ url, received, close }`; `received` are the bodies posted. */
export async function serve(folder, policy) {
  const received = []
  const server = createServer(async (request, response) => {
    if (request.method === 'POST') {
      let body = ''
      for await (const part of request.setEncoding('utf8')) body += part
      received.push(body)
      return response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    }
    const path = normalize(new URL(request.url, 'http://local').pathname)
    const file = join(folder, path.endsWith('/') ? `${path}index.html` : path)
    try {
      const bytes = await readFile(file)
      const type = types[extname(file)] ?? 'application/octet-stream'
      response.writeHead(200, { 'content-type': type, 'content-security-policy': policy }).end(bytes)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => new Promise((resolve) => server.close(resolve).closeAllConnections())
  return { url: `http://127.0.0.1:${server.address().port}/`, received, close }
}

// A proxy that keeps every byte that leaves the browser, and every name that it would have looked up.
import { connect, createServer } from 'node:net'

/**
 * Opens it for the time of a test. Requests for this machine pass; nothing else is reachable, but has been seen.
 * `streams()`: the bytes of each connection; `hosts()`: every host that was asked for.
 */
export async function openTap(t) {
  const connections = []
  const server = createServer((client) => {
    const chunks = []
    let upstream
    let target
    connections.push(chunks)
    client.on('error', () => upstream?.destroy())
    client.on('data', (chunk) => {
      chunks.push(chunk)
      if (upstream) return upstream.write(chunk)
      const [line] = chunk.toString('latin1').split('\r\n')
      const [method, url = ''] = line.split(' ')
      target = method === 'CONNECT' ? url : /^\w+:\/\/([^/]*)/.exec(url)?.[1]
      const [host, port = '80'] = target?.split(':') ?? []
      if (host !== '127.0.0.1') return client.end('HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\n\r\n')
      upstream = connect(Number(port), host)
      upstream.on('error', () => client.destroy())
      upstream.on('close', () => client.destroy())
      client.on('close', () => upstream.destroy())
      upstream.pipe(client)
      if (method === 'CONNECT') client.write('HTTP/1.1 200 OK\r\n\r\n')
      else upstream.write(chunk)
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => new Promise((resolve) => server.close(resolve)))
  const streams = () => connections.map((chunks) => Buffer.concat(chunks))
  return {
    address: `127.0.0.1:${server.address().port}`,
    streams,
    hosts() {
      // Not at the beginning of a line: a body may stand before it.
      const asked = /(?:GET|POST|PUT|HEAD|OPTIONS|CONNECT) (?:\w+:\/\/)?([^/\s]+)\S* HTTP\/1/g
      return [
        ...new Set(streams().flatMap((bytes) => [...bytes.toString('latin1').matchAll(asked)].map(([, host]) => host))),
      ]
    },
  }
}

// What went over the wire, as bytes to search.
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'

/** A request as one run of bytes, with its body as sent and as unpacked. */
export function bytesOf({ method, url, rawHeaders, body, headers }) {
  const unpack = { br: brotliDecompressSync, gzip: gunzipSync, deflate: inflateSync }[headers['content-encoding']]
  const plain = unpack ? unpack(body) : body
  return Buffer.concat([Buffer.from(`${method} ${url}\n${rawHeaders.join('\n')}\n`), body, Buffer.from('\n'), plain])
}

/** The adapters' cases as one module, for tests/web to run in real browsers, and what those tests ask of a browser. */
import { openIdb } from '../browser/idb.ts'
import { readIdentifier } from '../normalise.ts'
import { channelCases } from './channel-cases.ts'
import { type Cases, fresh, pause } from './check.ts'
import { idbCases } from './idb-cases.ts'
import { lifecycleCases } from './lifecycle-cases.ts'
import { locksCases } from './locks-cases.ts'
import { conformance } from './store-conformance.ts'

const suites: Record<string, Cases> = {
  conformance: Object.fromEntries(
    Object.entries(conformance).map(([name, run]) => {
      const database = fresh(name)
      return [name, () => run({ open: () => openIdb(database) })]
    }),
  ),
  idb: idbCases,
  locks: locksCases,
  channel: channelCases,
  lifecycle: lifecycleCases,
}

/** A case's name as Rust would write it: `without IndexedDB, ...` is `without_indexeddb_...`. */
const identifier = (name: string) => name.toLowerCase().replaceAll(/\W+/g, '_')

/** The cases of a suite, by the names that Rust knows them by. */
export const names = (suite: string): string[] => Object.keys(suites[suite] ?? {}).map(identifier)

/** Runs one case; rejects when it fails, also when it never ends: the runner would not say which one that was. */
export async function run(suite: string, name: string): Promise<void> {
  const found = Object.entries(suites[suite] ?? {}).find(([other]) => identifier(other) === name)
  if (!found) throw new Error(`js/test has no such case: ${suite}, ${name}`)
  const endless = pause(15_000).then(() => Promise.reject(new Error('it never ended')))
  await Promise.race([found[1](), endless])
}

/** A pseudonym of derivation `p1`, worked out with the browser's own HKDF and HMAC. */
export async function pseudonym(
  salt: Uint8Array<ArrayBuffer>,
  deployment: string,
  namespace: string,
  epoch: bigint,
  kind: string,
  canonical: string,
): Promise<string> {
  const { subtle } = crypto
  const bytes = (text: string) => new TextEncoder().encode(text)
  const prefixed = (text: string) => {
    const length = new DataView(new ArrayBuffer(4))
    length.setUint32(0, bytes(text).length)
    return [new Uint8Array(length.buffer), bytes(text)]
  }
  const number = new DataView(new ArrayBuffer(8))
  number.setBigUint64(0, epoch)
  const joined = async (parts: Uint8Array<ArrayBuffer>[]) => new Uint8Array(await new Blob(parts).arrayBuffer())
  const info = await joined([...prefixed(deployment), ...prefixed(namespace), new Uint8Array(number.buffer)])
  const secret = await subtle.importKey('raw', salt, 'HKDF', false, ['deriveKey'])
  const key = await subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: bytes('nymtrail/p1'), info },
    secret,
    { name: 'HMAC', hash: 'SHA-256', length: 256 },
    false,
    ['sign'],
  )
  const message = await joined([new Uint8Array([1]), ...prefixed(kind), ...prefixed(canonical)])
  const tag = new Uint8Array(await subtle.sign('HMAC', key, message)).slice(0, 16)
  const text = btoa(String.fromCharCode(...tag))
  return `p1.${text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`
}

/** Of each vector in tests/vectors/pseudonyms.json: type and one spelling, as this browser finds them, and the pseudonym. */
export function canonicals(text: string): string[] {
  const { vectors } = JSON.parse(text) as {
    vectors: { id: string; times?: number; type: 'email' | 'phone' | 'opaque' | null; pseudonym: string | null }[]
  }
  return vectors.flatMap(({ id, times = 1, type, pseudonym }) => {
    const found = readIdentifier(id.repeat(times), type ?? undefined)
    return [found?.type ?? '', found?.canonical ?? '', pseudonym ?? '']
  })
}

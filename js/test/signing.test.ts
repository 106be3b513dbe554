/** Chains signed by the real client, wasm and all, checked with what Node has. It needs what `npm run build` has built. */
import { createPublicKey, verify } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { collector } from '../endpoints/collector.ts'
import { derOf, deviceSigner } from '../endpoints/lib/signer.ts'
import { createTrail } from '../index.ts'
import { fakeClock, fakeNetwork, fakePage, fakeStore } from '../testing.ts'
import type { ChainKey, Row, Trail } from '../types.ts'
import { shadowing } from './check.ts'
import { locks, rootOf, sha256 } from './logs.ts'

// Real time goes by in WebCrypto, and a machine may be busy.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

/** What a note says, if the key of that genesis signed it; throws otherwise. */
function read(note: string, { alg, pk }: { alg: string; pk: string }) {
  const [text, line] = note.split('\n\n') as [string, string]
  const [origin, size, root] = text.split('\n') as [string, string, string]
  const [dash, name, base64] = line.trimEnd().split(' ') as [string, string, string]
  const [bytes, key] = [Buffer.from(base64, 'base64'), Buffer.from(pk, 'hex')]
  const coordinates = { x: key.subarray(1, 33).toString('base64url'), y: key.subarray(33).toString('base64url') }
  const jwk =
    alg === 'Ed25519'
      ? { kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') }
      : { kty: 'EC', crv: 'P-256', ...coordinates }
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const id = alg === 'Ed25519' ? sha256(`${name}\n\x01`, key) : sha256(spki)
  expect([dash, name, bytes.subarray(0, 4)]).toEqual(['\u2014', origin, id.subarray(0, 4)])
  const hash = alg === 'Ed25519' ? null : 'sha256'
  expect(verify(hash, Buffer.from(`${text}\n`), publicKey, bytes.subarray(4)), 'the signature').toBe(true)
  return { origin, size: Number(size), root }
}

describe('a signed note', () => {
  const checkpoint = { origin: `shop/${'ab'.repeat(32)}`, size: 7, root: 'cd'.repeat(32) }

  test('of the algorithm that is there', async () => {
    const key = (await deviceSigner().make()) as ChainKey
    expect([key.alg, key.pk.length, key.key.extractable]).toEqual(['Ed25519', 64, false])
    const { origin, size, root } = read(await deviceSigner().sign(key, checkpoint), key)
    expect({ origin, size, root: Buffer.from(root, 'base64').toString('hex') }).toEqual(checkpoint)
  })

  test('of P-256 without Ed25519, in DER whatever the numbers begin with', async () => {
    const original = crypto.subtle.generateKey.bind(crypto.subtle) as (...given: unknown[]) => Promise<CryptoKeyPair>
    const make = vi.spyOn(crypto.subtle, 'generateKey').mockImplementation((async (...given: unknown[]) => {
      if ((given[0] as { name: string }).name === 'Ed25519') throw new DOMException('', 'NotSupportedError')
      return original(...given)
    }) as never)
    const key = (await deviceSigner().make()) as ChainKey
    make.mockRestore()
    expect([key.alg, key.pk.length, key.pk.slice(0, 2)]).toEqual(['ES256', 130, '04'])
    // Each number begins with a byte over 127 in half of them, and with a zero in one of 256.
    for (let size = 1; size < 300; size++) {
      expect(read(await deviceSigner().sign(key, { ...checkpoint, size }), key).size).toBe(size)
    }
  })

  test('numbers in DER are as short as they can be', () => {
    const bytes = (r: string, s: string) =>
      Uint8Array.from(Buffer.from(r.padStart(64, '0') + s.padStart(64, '0'), 'hex'))
    const hex = (r: string, s: string) => Buffer.from(derOf(bytes(r, s))).toString('hex')
    expect([hex('01', '80'), hex('00', 'ff01')]).toEqual([
      '300702010102020080',
      '30080201000203 00ff01'.replace(' ', ''),
    ])
    expect(hex('80'.repeat(32), '7f'.repeat(32))).toBe(`3045022100${'80'.repeat(32)}0220${'7f'.repeat(32)}`)
  })
})

describe('a client', () => {
  let page: ReturnType<typeof fakePage>
  let network: ReturnType<typeof fakeNetwork>
  let store: ReturnType<typeof fakeStore>
  let clock: ReturnType<typeof fakeClock>
  let trail: Trail
  /** Rows that the collector has, by chain. */
  let taken: Map<string, Row[]>
  /** Rows of the next request that it does not take. */
  let refused: number[]

  interface Sent {
    rows: Row[]
    checkpoints?: string[]
  }
  const requests = () => network.requests.map(({ json }) => json as Sent)
  const genesis = (chain: string) => JSON.parse(taken.get(chain)?.[0]?.body ?? '{}')
  const names = () => [...taken.values()].flat().map(({ body = '{}' }) => JSON.parse(body).n)

  async function open(endpoint = collector('/trail')) {
    trail = createTrail({ deployment: 'shop', endpoint, consent: 'granted' })
    const ready = trail.ready()
    // Opening waits for WebCrypto, which no fake clock drives.
    for (let turn = 0; turn < 50; turn++) await clock.advance(5)
    expect(await ready).toEqual({ state: 'ready', storage: 'indexeddb' })
  }
  /** Lets time go by, and WebCrypto have its own. */
  async function pass(ms: number) {
    for (let turn = 0; turn < 20; turn++) {
      await clock.advance(ms / 20)
      await new Promise((done) => setImmediate(done))
    }
  }
  async function end() {
    const closed = trail.close()
    await pass(100)
    await closed
  }
  /** What the checkpoint of a request says, after it was compared with the rows that the collector has. */
  function check({ rows, checkpoints }: Sent) {
    expect(checkpoints).toHaveLength(1)
    const { chain, seq } = rows.at(-1) as Row
    const { origin, size, root } = read(checkpoints?.[0] ?? '', genesis(chain))
    const links = (taken.get(chain) ?? []).slice(0, size).map(({ link }) => Buffer.from(link, 'hex'))
    expect([origin, size, root]).toEqual([`shop/${chain}`, seq + 1, rootOf(links).toString('base64')])
    return size
  }

  beforeEach(() => {
    page = fakePage({ navigator: { locks } })
    network = fakeNetwork()
    store = fakeStore()
    clock = fakeClock(Date.UTC(2026, 10, 24, 12))
    taken = new Map()
    refused = []
    network.always(({ json }) => {
      const { rows } = json as Sent
      const left = refused.splice(0)
      for (const row of rows.filter((_, at) => !left.includes(at))) {
        const chain = taken.get(row.chain) ?? []
        taken.set(row.chain, chain)
        chain[row.seq] = row
      }
      return { body: { results: rows.map((_, at) => ({ status: left.includes(at) ? 'refused' : 'stored' })) } }
    })
    for (const level of ['warn', 'info'] as const) vi.spyOn(console, level).mockImplementation(() => {})
  })
  afterEach(async () => {
    await end()
    for (const fake of [clock, store, network, page]) fake.remove()
    vi.restoreAllMocks()
  })

  test('signs each batch, and the next page goes on with the key', async () => {
    await open()
    for (const count of [1, 60]) {
      for (let at = 0; at < count; at++) trail.track(`event-${at}`)
      await pass(6000)
    }
    await end()
    page.remove()
    page = fakePage({ navigator: { locks } })
    await open()
    trail.track('later')
    await pass(6000)
    expect(taken.size, 'one chain').toBe(1)
    expect(requests().map(check)).toEqual([2, 52, 62, 63])
  })

  test('has a key for each chain', async () => {
    await open()
    trail.track('a')
    await pass(6000)
    trail.reset()
    trail.track('b')
    await pass(6000)
    expect(requests().map(check)).toEqual([2, 2])
    const keys = [...taken.keys()].map((chain) => genesis(chain).pk)
    expect(new Set(keys).size).toBe(2)
  })

  test('signs also what was taken out of order', async () => {
    await open()
    for (const name of ['a', 'b', 'c', 'd']) trail.track(name)
    refused = [1]
    await pass(9000)
    trail.track('e')
    await pass(9000)
    expect(requests().slice(1).map(check)).toEqual([2, 6])
    expect(await trail.stats()).toMatchObject({ acknowledged: 5, pending: 0 })
  })

  test('makes no key for an endpoint that takes no signatures', async () => {
    const make = vi.spyOn(crypto.subtle, 'generateKey')
    const { signer: _, ...plain } = collector('/trail')
    await open(plain)
    trail.track('a')
    await pass(6000)
    expect([make.mock.calls.length, names(), requests()[0]?.checkpoints]).toEqual([0, [undefined, 'a'], undefined])
  })

  test('waits for no signature while the page leaves', async () => {
    await open()
    trail.track('a')
    page.leave()
    await pass(10)
    expect([names(), requests()[0]?.checkpoints]).toEqual([[undefined, 'a'], undefined])
  })

  test('forgets its keys with everything else', async () => {
    await open()
    trail.track('a')
    await pass(6000)
    const erased = trail.erase()
    await pass(100)
    await erased
    expect(store.deployments).toEqual([])
    const sign = vi.spyOn(crypto.subtle, 'sign')
    const make = vi.spyOn(crypto.subtle, 'generateKey')
    trail.consent('granted')
    await pass(1000)
    trail.track('b')
    await pass(6000)
    const [before, after] = [...taken.keys()].map((chain) => genesis(chain).pk)
    expect([make.mock.calls.length > 0, sign.mock.calls.length, before !== after]).toEqual([true, 1, true])
  })

  const never = new Promise<never>(() => {})
  const broken: Record<string, [method: 'generateKey' | 'exportKey' | 'sign' | 'digest', how: () => unknown]> = {
    'generateKey() throws': [
      'generateKey',
      () => {
        throw new Error('no')
      },
    ],
    'generateKey() rejects': ['generateKey', () => Promise.reject(new DOMException('', 'OperationError'))],
    'generateKey() hangs': ['generateKey', () => never],
    'generateKey() gives null': ['generateKey', async () => null],
    'exportKey() rejects': ['exportKey', () => Promise.reject(new DOMException('', 'OperationError'))],
    'sign() throws': [
      'sign',
      () => {
        throw new Error('no')
      },
    ],
    'sign() rejects': ['sign', () => Promise.reject(new DOMException('', 'OperationError'))],
    'sign() hangs': ['sign', () => never],
    'digest() hangs': ['digest', () => never],
  }
  for (const [name, [method, how]] of Object.entries(broken))
    test(`delivers, unsigned, when ${name}`, async () => {
      const spy = vi.spyOn(crypto.subtle, method).mockImplementation(how as never)
      await open()
      trail.track('a')
      await pass(9000)
      trail.track('b')
      await pass(9000)
      expect(spy).toHaveBeenCalled()
      expect(names()).toEqual([undefined, 'a', 'b'])
      expect(requests().map(({ checkpoints = [] }) => checkpoints)).toEqual([[], []])
      expect('pk' in genesis([...taken.keys()][0] as string)).toBe(method === 'sign' || method === 'digest')
      expect(await trail.stats()).toMatchObject({ captured: 2, acknowledged: 2, storage: 'indexeddb' })
    })

  test('delivers, unsigned, without crypto.subtle', async () => {
    await shadowing(crypto, 'subtle', { value: undefined }, async () => {
      await open()
      trail.track('a')
      await pass(6000)
      expect([names(), requests()[0]?.checkpoints]).toEqual([[undefined, 'a'], undefined])
      expect('pk' in genesis([...taken.keys()][0] as string)).toBe(false)
    })
  })

  test('delivers, unsigned, when a key cannot be stored', async () => {
    const { transaction } = await refusingKeys()
    await open()
    trail.track('a')
    await pass(6000)
    transaction.mockRestore()
    expect([names(), requests()[0]?.checkpoints]).toEqual([[undefined, 'a'], undefined])
    expect('pk' in genesis([...taken.keys()][0] as string)).toBe(false)
    expect(await trail.stats()).toMatchObject({ acknowledged: 1, storage: 'indexeddb' })
  })

  test('signs from memory where nothing can be stored', async () => {
    store.disabled = true
    trail = createTrail({ deployment: 'shop', endpoint: collector('/trail'), consent: 'granted' })
    await pass(1000)
    trail.track('a')
    await pass(6000)
    expect((await trail.stats()).storage).toBe('memory')
    expect(requests().map(check)).toEqual([2])
  })

  /** A storage that throws for keys, as Firefox did in private windows. */
  async function refusingKeys() {
    const refuse =
      (work: () => unknown) =>
      (value: unknown, ...rest: unknown[]) => {
        if (typeof value === 'object') throw new DOMException('', 'DataCloneError')
        return (work as (...given: unknown[]) => unknown)(value, ...rest)
      }
    const opened = indexedDB.open.bind(indexedDB)
    const transaction = vi.spyOn(indexedDB, 'open').mockImplementation((...given) => {
      const request = opened(...given)
      queueMicrotask(() => {
        const database = request.result as unknown as { transaction(...given: unknown[]): IDBTransaction }
        if (!database) return
        const begin = database.transaction.bind(database)
        database.transaction = (...given) => {
          const tx = begin(...given)
          const objectStore = tx.objectStore.bind(tx) as unknown as (name: string) => { put: () => unknown }
          tx.objectStore = ((name: string) => {
            const store = objectStore(name)
            return { ...store, put: refuse(store.put) }
          }) as never
          return tx
        }
      })
      return request
    })
    return { transaction }
  }
})

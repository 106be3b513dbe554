/** Receipts as the real client takes them, wasm and all, from a collector that may lie. It needs what `npm run build` has built. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { collector } from '../endpoints/collector.ts'
import { createTrail } from '../index.ts'
import { fakeClock, fakeNetwork, fakePage, fakeStore } from '../testing.ts'
import type { Row, Trail } from '../types.ts'
import { locks, rootOf, sha256 } from './logs.ts'

// Real time goes by in WebCrypto, and a machine may be busy.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

/** A collector's key, and notes signed with it. */
function signerOf(name = 'shop/collector') {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const raw = Buffer.from((publicKey.export({ format: 'jwk' }) as { x: string }).x, 'base64url')
  const typed = Buffer.concat([Buffer.of(4), raw])
  const id = sha256(`${name}\n`, typed).subarray(0, 4)
  const note = (origin: string, size: number, root: Buffer, time: number, key: KeyObject = privateKey) => {
    const text = `${origin}\n${size}\n${root.toString('base64')}\n`
    const stamp = Buffer.alloc(8)
    stamp.writeBigUInt64BE(BigInt(time))
    const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${time}\n${text}`), key)
    return `${text}\n\u2014 ${name} ${Buffer.concat([id, stamp, signature]).toString('base64')}\n`
  }
  return { vkey: `${name}+${id.toString('hex')}+${typed.toString('base64')}`, note }
}

let page: ReturnType<typeof fakePage>
let network: ReturnType<typeof fakeNetwork>
let store: ReturnType<typeof fakeStore>
let clock: ReturnType<typeof fakeClock>
let trail: Trail
let warned: string[]
const key = signerOf()
/** Links that the collector has, by chain. */
let taken: Map<string, Buffer[]>
/** What it says instead of the truth. */
let lie: (chain: string, links: Buffer[], time: number) => object

const honest: typeof lie = (chain, links, time) => ({
  receipt: { [chain]: key.note(`shop/${chain}`, links.length, rootOf(links), time) },
})

async function pass(ms: number) {
  for (let turn = 0; turn < 20; turn++) {
    await clock.advance(ms / 20)
    await new Promise((done) => setImmediate(done))
  }
}
async function open(options: Parameters<typeof collector>[1] = { key: key.vkey }, limits = {}) {
  trail = createTrail({ deployment: 'shop', endpoint: collector('/trail', options), consent: 'granted', limits })
  await pass(300)
  expect((await trail.ready()).state).toBe('ready')
}
/** Tracks events and lets the answer come. */
async function say(...names: string[]) {
  for (const name of names) trail.track(name)
  await pass(6000)
}
const counts = async () => (await trail.stats()).receipts
const chains = () => [...taken.keys()]

beforeEach(() => {
  page = fakePage({ navigator: { locks } })
  network = fakeNetwork()
  store = fakeStore()
  clock = fakeClock(Date.UTC(2026, 10, 24, 12))
  taken = new Map()
  warned = []
  lie = honest
  network.always(({ json }) => {
    const { rows } = json as { rows: Row[] }
    const [{ chain }] = rows as [Row]
    const links = taken.get(chain) ?? []
    taken.set(chain, links)
    for (const { seq, link } of rows) links[seq] = Buffer.from(link, 'hex')
    const results = rows.map(() => ({ status: 'stored' }))
    return { body: { results, ...lie(chain, links, Math.floor(Date.now() / 1000)) } }
  })
  vi.spyOn(console, 'warn').mockImplementation((line: string) => void warned.push(line))
  vi.spyOn(console, 'info').mockImplementation(() => {})
})
afterEach(async () => {
  const closed = trail.close()
  await pass(100)
  await closed
  for (const fake of [clock, store, network, page]) fake.remove()
  vi.restoreAllMocks()
})

test('the newest of each chain is kept, checked and given out', async () => {
  await open()
  await say('a')
  await say('b', 'c')
  const [chain] = chains() as [string]
  const { note, ...receipt } = (await trail.receipts())[0] as { note: string }
  expect(receipt).toEqual({ chain, size: 4, signed: true, evidence: [] })
  expect(note.startsWith(`shop/${chain}\n4\n`)).toBe(true)
  expect([await counts(), warned]).toEqual([{ kept: 1, signed: 1, contradicted: 0 }, []])
  trail.reset()
  await say('d')
  expect(await counts()).toEqual({ kept: 2, signed: 2, contradicted: 0 })
})

test('without the key nothing counts as signed, and the rows are compared all the same', async () => {
  await open({})
  await say('a')
  expect(await counts()).toEqual({ kept: 1, signed: 0, contradicted: 0 })
  lie = (chain, links, time) =>
    honest(
      chain,
      links.map((link) => sha256(link)),
      time,
    )
  await say('b')
  expect(await counts()).toEqual({ kept: 1, signed: 0, contradicted: 1 })
})

describe('a collector that contradicts itself', () => {
  /** What it says from the second answer on, and the code of that. */
  const LIES: Record<string, [code: string, lie: typeof lie]> = {
    'has other rows': [
      'receipt_contradicted',
      (chain, links, time) => honest(chain, [sha256(), ...links.slice(1)], time),
    ],
    'has lost rows': ['receipt_contradicted', (chain, links, time) => honest(chain, links.slice(0, 2), time)],
    'has lost and changed rows': [
      'receipt_contradicted',
      (chain, links, time) => honest(chain, [sha256(), ...links.slice(1, 3)], time),
    ],
    'signs with another key': [
      'receipt_forged',
      (chain, links, time) => ({
        receipt: { [chain]: signerOf().note(`shop/${chain}`, links.length, rootOf(links), time) },
      }),
    ],
    'signs falsely under its own key': [
      'receipt_forged',
      (chain, links, time) => ({
        receipt: {
          [chain]: key.note(
            `shop/${chain}`,
            links.length,
            rootOf(links),
            time,
            generateKeyPairSync('ed25519').privateKey,
          ),
        },
      }),
    ],
    'signs for another chain': [
      'receipt_forged',
      (chain, links, time) => ({
        receipt: { [chain]: key.note(`shop/${'0'.repeat(64)}`, links.length, rootOf(links), time) },
      }),
    ],
    'sends something else': ['receipt_forged', (chain) => ({ receipt: { [chain]: 'shop\n1\n' } })],
  }
  for (const [name, [code, told]] of Object.entries(LIES))
    test(name, async () => {
      await open()
      await say('a', 'b')
      const [{ note }] = (await trail.receipts()) as unknown as [{ note: string }]
      lie = told
      await say('c')
      await say('d')
      const [receipt] = await trail.receipts()
      expect([receipt?.code, receipt?.note], 'what was good is kept').toEqual([code, note])
      expect(receipt?.evidence.length).toBeGreaterThan(0)
      if (name === 'has lost rows') expect(receipt?.evidence[0]).toBe(note)
      expect(await counts()).toEqual({ kept: 1, signed: 1, contradicted: 1 })
      expect(warned.filter((line) => line.includes(code))).toHaveLength(1)
      expect(await trail.stats()).toMatchObject({ acknowledged: 4, pending: 0 })
    })
})

test('a receipt for fewer rows than were sent is compared too, also where the first ones were pruned', async () => {
  await open(undefined, { rows: 6 })
  for (let at = 0; at < 12; at++) await say(`event-${at}`)
  expect((await trail.export()).rows[0]?.seq, 'pruned').toBeGreaterThan(0)
  lie = (chain, links, time) => honest(chain, links.slice(0, -1), time)
  await say('x', 'y')
  expect([(await trail.receipts())[0]?.size, await counts()]).toEqual([14, { kept: 1, signed: 1, contradicted: 0 }])
  lie = (chain, links, time) => honest(chain, [...links.slice(0, -2), sha256()], time)
  await say('x', 'y')
  expect([(await trail.receipts())[0]?.size, await counts()]).toEqual([14, { kept: 1, signed: 1, contradicted: 1 }])
})

test('a collector that has more than this device: a new chain, and no event is sent twice', async () => {
  await open()
  await say('a')
  lie = (chain, links, time) => honest(chain, [...links, sha256('lost here')], time)
  await say('b')
  lie = honest
  await say('c')
  await say('d')
  expect(chains()).toHaveLength(2)
  const sent = network.requests.flatMap(({ json }) => (json as { rows: Row[] }).rows)
  const names = sent.map(({ body = '{}' }) => JSON.parse(body).n).filter(Boolean)
  expect(names).toEqual(['a', 'b', 'c', 'd'])
  expect([await counts(), warned]).toEqual([{ kept: 2, signed: 2, contradicted: 0 }, []])
})

test('of a fork both notes are kept, and nothing is held against the collector', async () => {
  await open()
  await say('a')
  const [chain] = chains() as [string]
  const conflict = { [chain]: ['the one note', 'the other note'] }
  network.next({ status: 409, body: { results: [{ status: 'refused', code: 'fork' }], conflict } })
  await say('b')
  await say('c')
  const receipt = (await trail.receipts()).find((receipt) => receipt.chain === chain)
  expect([receipt?.evidence, receipt?.code, receipt?.size]).toEqual([['the one note', 'the other note'], undefined, 2])
  expect(await trail.stats()).toMatchObject({ captured: 3, acknowledged: 3, pending: 0 })
  expect(chains()).toHaveLength(2)
})

test('a check that hangs or fails holds up nothing', async () => {
  const verify = vi.spyOn(crypto.subtle, 'verify').mockImplementation(() => new Promise(() => {}))
  await open()
  await say('a')
  verify.mockRejectedValue(new DOMException('', 'OperationError'))
  await say('b')
  expect(await trail.stats()).toMatchObject({ acknowledged: 2, pending: 0 })
  const throwing = { ...collector('/trail').signer, take: () => expect.fail('no') } as never
  await trail.close()
  trail = createTrail({ deployment: 'b', endpoint: { ...collector('/trail'), signer: throwing }, consent: 'granted' })
  await pass(300)
  await say('c')
  expect(await trail.stats()).toMatchObject({ acknowledged: 1, pending: 0 })
})

test('a browser without Ed25519 says that it did not check', async () => {
  const original = crypto.subtle.importKey
  vi.spyOn(crypto.subtle, 'importKey').mockImplementation((async (...given: unknown[]) => {
    if (given[2] === 'Ed25519') throw new DOMException('', 'NotSupportedError')
    return (original as (...given: unknown[]) => unknown).apply(crypto.subtle, given)
  }) as never)
  await open()
  await say('a')
  expect([await counts(), warned]).toEqual([{ kept: 1, signed: 0, contradicted: 0 }, []])
})

test('receipts go with everything else', async () => {
  await open()
  await say('a')
  const erased = trail.erase()
  await pass(100)
  await erased
  expect([await trail.receipts(), store.deployments]).toEqual([[], []])
})

/** Identifiers out of calls, and pseudonyms into them; the server is of another implementation. */

import { readFileSync } from 'node:fs'
import { ristretto255_oprf } from '@noble/curves/ed25519.js'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Call } from '../core.js'
import { oprf } from '../oprf.js'
import type { EpochKeeper } from '../salt.js'

const { voprf } = ristretto255_oprf
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64url'))

const vectors = JSON.parse(readFileSync(new URL('../../tests/vectors/oprf.json', import.meta.url), 'utf8'))
const secret = new Uint8Array(Buffer.from(vectors.secret, 'hex'))
const key = new Uint8Array(Buffer.from(vectors.key, 'hex'))

type Answer = (request: { epoch: number; elements: string[]; ticket?: string }) => Response | Promise<Response>

const honest: Answer = ({ elements }) => {
  const { evaluated, proof } = voprf.blindEvaluateBatch(secret, key, elements.map(bytes))
  return Response.json({ elements: evaluated.map(text), proof: text(proof) })
}

let answer: Answer
let requests: Parameters<Answer>[0][]
let keeper: EpochKeeper
let queue: Call[]
let handed: Call[]
let warnings: string[]
let epoch: number

/** As the client does. */
function drain() {
  while (queue.length && keeper.ready?.(queue)) handed.push(queue.shift() as Call)
}

function submit(...calls: Call[]) {
  queue.push(...calls)
  drain()
}

const identify = (canonical: string, raw = canonical, json = ''): Call => [
  'identify',
  'user',
  'email',
  canonical,
  raw,
  json,
]
const track = (name: string, props: object = {}): Call => ['capture', 'track', name, JSON.stringify(props), '']

async function begin(ticket?: () => string) {
  keeper = oprf('https://keys.example/', { ticket }).keep(
    'https://keys.example/v1/keys',
    () => {},
    () => {},
    {
      deployment: 'shop',
      identifiers: ['account', 'order'],
      expect: (canonical, raw) => {
        expect(canonical && raw).toBeTruthy()
        return epoch ? `${epoch} ${vectors.key}` : ''
      },
      drain,
      warn: (code) => warnings.push(code),
    },
  )
  await keeper.first
}

beforeEach(async () => {
  answer = honest
  requests = []
  queue = []
  handed = []
  warnings = []
  epoch = 20781
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    if (url.endsWith('/v1/keys')) return Response.json({})
    expect(url).toBe('https://keys.example/v1/evaluate')
    expect(init).toMatchObject({
      method: 'POST',
      credentials: 'omit',
      cache: 'no-store',
      referrerPolicy: 'no-referrer',
    })
    expect(init.headers).toBeUndefined()
    const request = JSON.parse(init.body as string)
    requests.push(request)
    return answer(request)
  })
  await begin()
})

afterEach(() => {
  keeper.stop()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

const settled = () => vi.waitFor(() => expect(queue).toEqual([]))
const pseudonym = vectors.cases[0].pseudonym

describe('a key server', () => {
  it('gives the pseudonyms of the vectors', async () => {
    for (const { deployment, namespace, type, canonical, ...known } of vectors.cases) {
      if (deployment !== 'shop' || namespace.startsWith('prop')) continue
      epoch = known.epoch || 1
      if (epoch !== known.epoch) continue
      submit(['identify', namespace, type, canonical, canonical, ''])
      await settled()
      expect(handed.pop()).toEqual(['identify', namespace, 'opaque', `${epoch} ${known.pseudonym}`, '', ''])
    }
    expect(warnings).toEqual([])
  })

  it('holds no identifier while it waits, and gives calls in order', async () => {
    submit(
      track('before'),
      identify('ann@example.org', 'Ann@example.org', '{"order":7}'),
      track('after', { account: 'a-1', n: 1 }),
    )
    expect(handed.map(([, , name]) => name)).toEqual(['before'])
    expect(JSON.stringify(queue)).not.toMatch(/ann|Ann|a-1|:7/)
    await settled()
    expect(requests.map(({ elements }) => elements.length)).toEqual([3])
    const [, identified, after] = handed
    expect(identified?.[3]).toBe(`20781 ${pseudonym}`)
    expect(JSON.parse(identified?.[5] ?? '').order).toMatch(/^20781 p2\./)
    const props = JSON.parse(after?.[3] ?? '')
    expect(props).toEqual({ account: expect.stringMatching(/^20781 p2\.[\w-]{22}$/), n: 1 })
    expect(props.account).not.toBe(JSON.parse(identified?.[5] ?? '').order)
  })

  it('asks for one identifier once in an epoch, sixteen at a time, and never for two epochs together', async () => {
    submit(
      identify('ann@example.org'),
      identify('ann@example.org'),
      ...Array.from({ length: 20 }, (_, n) => track('t', { account: n })),
    )
    await settled()
    expect(requests.map(({ elements }) => elements.length)).toEqual([16, 5])
    submit(identify('ann@example.org'), track('t', { account: 3 }))
    expect(queue).toEqual([])
    expect(requests.length).toBe(2)
    expect(handed.slice(-2).every((call) => call[3]?.includes('20781 p2.'))).toBe(true)
    submit(identify('bob@example.org'))
    epoch++
    submit(identify('bob@example.org'))
    await settled()
    expect(requests.slice(2).map((request) => [request.epoch, request.elements.length])).toEqual([
      [20781, 1],
      [20782, 1],
    ])
    expect(handed.at(-1)?.[3]).not.toBe(handed.at(-2)?.[3])
  })

  it('passes a ticket on', async () => {
    keeper.stop()
    await begin(() => 't1.x')
    submit(identify('ann@example.org'))
    await settled()
    expect(requests[0]?.ticket).toBe('t1.x')
  })

  it('without a key of the epoch asks nobody', () => {
    epoch = 0
    submit(identify('ann@example.org'), track('t', { account: 'a-1' }))
    expect(handed).toEqual([
      ['identify', 'user', 'opaque', '', '', ''],
      ['capture', 'track', 't', '{"account":""}', ''],
    ])
    expect(requests).toEqual([])
  })

  it.each<[string, Answer, string]>([
    ['is not there', () => Promise.reject(new TypeError()), 'keys_unreachable'],
    ['fails', () => new Response('', { status: 500 }), 'keys_unreachable'],
    ['gives no more', () => new Response('', { status: 429, headers: { 'retry-after': '7' } }), 'keys_refused'],
    ['wants a ticket', () => new Response('', { status: 403 }), 'keys_refused'],
    ['answers no JSON', () => new Response('<html>'), 'oprf_refused'],
    ['answers something else', () => Response.json({ elements: 'x' }), 'oprf_refused'],
    ['forges', () => Response.json({ elements: [text(key)], proof: text(new Uint8Array(64).fill(1)) }), 'oprf_refused'],
  ])('that %s leaves calls without pseudonyms, and is left alone', async (_, lie, code) => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
    answer = lie
    submit(identify('ann@example.org'), track('after', { account: 'a-1' }))
    if (code === 'oprf_refused') answer = lie
    await settled()
    expect(handed).toEqual([
      ['identify', 'user', 'opaque', '', '', ''],
      ['capture', 'track', 'after', '{"account":""}', ''],
    ])
    expect(warnings).toEqual([code])
    submit(identify('ann@example.org'))
    expect(queue).toEqual([])
    expect(requests.length).toBe(1)
    answer = honest
    vi.advanceTimersByTime(61_000)
    submit(identify('ann@example.org'))
    await settled()
    expect(handed.at(-1)?.[3]).toBe(`20781 ${pseudonym}`)
  })

  it('is not waited for longer than three seconds, nor by a page that is left', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
    answer = () => new Promise(() => {})
    submit(identify('ann@example.org'), track('after'))
    await vi.waitFor(() => expect(requests.length).toBe(1))
    vi.advanceTimersByTime(2999)
    expect(handed).toEqual([])
    vi.advanceTimersByTime(1)
    await settled()
    expect(warnings).toEqual(['keys_unreachable'])
    vi.advanceTimersByTime(61_000)
    submit(identify('bob@example.org'), track('last'))
    expect(queue.length).toBe(2)
    keeper.leave?.()
    submit(identify('eve@example.org'))
    expect(queue).toEqual([])
    expect(handed.at(-1)?.[3]).toBe('')
  })

  it('does not let more than a thousand calls wait', () => {
    submit(identify('ann@example.org'))
    for (let n = 0; n < 1000; n++) submit(track(`t${n}`))
    expect(queue).toEqual([])
    expect(handed.length).toBe(1001)
  })
})

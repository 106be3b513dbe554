import { createPublicKey, verify as verifySignature } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test, vi } from 'vitest'
import { type Report, type Rows, VerifyError, type VerifyOptions, verify, verifyProof } from '../verify.ts'

const vector = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../tests/vectors/${name}.json`, import.meta.url), 'utf8'))

interface Case {
  name: string
  text: string
  says: Report & { error?: { code: string; line: number | null } }
}
interface Signed {
  name: string
  text: string
  keys: string[]
  receipts: string
  openings: string[]
}
const signed: {
  cases: Signed[]
  notes: { alg: string; pk: string; text: string; signature: string }[]
} = vector('signed')
const all: (Case & { of?: string })[] = vector('verify')
const cases = all.filter(({ of }) => of === undefined)
const { text: HOLDS } = cases.find(({ name }) => name === 'holds') ?? expect.fail('no vectors')
const UNSORTED = `${HOLDS.trim().split('\n').reverse().join('\n')}\n`

/** Chunks that end anywhere. */
async function* inChunks(text: string, size: number) {
  const bytes = new TextEncoder().encode(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size)
}

const streamOf = (text: string) => new Response(text).body ?? expect.fail('no stream')

/** The report, or what it failed with. */
const judged = (input: Rows | (() => Rows), options?: VerifyOptions) =>
  verify(input, options).catch((error) => {
    if (!(error instanceof VerifyError)) throw error
    return { error: { code: error.code, line: error.line } }
  })

describe('the words of the command line', () => {
  test.each(cases)('$name', async ({ text, says }) => {
    expect(await judged(text)).toEqual(says)
    expect(await judged(new TextEncoder().encode(text))).toEqual(says)
    expect(await judged(inChunks(text, 7))).toEqual(says)
    expect(await judged(() => inChunks(text, 1000))).toEqual(says)
  })
})

describe('the words of the command line about what was signed, erased and opened', () => {
  test.each(all.filter(({ of }) => of !== undefined))('$of', async ({ of, says }) => {
    const { text, keys, receipts, openings } =
      signed.cases.find(({ name }) => name === of) ?? expect.fail('no such case')
    const options = { keys, openings, ...(receipts && { receipts }) }
    expect(await judged(text, options)).toEqual(says)
    expect(await judged(inChunks(text, 7), options)).toEqual(says)
    expect(await judged(() => inChunks(text, 1000), options)).toEqual(says)
  })

  test('are about signatures that Node takes too', () => {
    for (const { alg, pk, text, signature } of signed.notes) {
      const spki = alg === 'ES256' ? '3059301306072a8648ce3d020106082a8648ce3d030107034200' : '302a300506032b6570032100'
      const key = createPublicKey({ key: Buffer.from(spki + pk, 'hex'), format: 'der', type: 'spki' })
      const digest = alg === 'ES256' ? 'sha256' : null
      expect(verifySignature(digest, Buffer.from(text), key, Buffer.from(signature, 'hex'))).toBe(true)
      expect(verifySignature(digest, Buffer.from(`${text} `), key, Buffer.from(signature, 'hex'))).toBe(false)
    }
  })

  test('give no verdict without WebCrypto', async () => {
    const { text, keys, receipts } = signed.cases.find(({ name }) => name === 'ES256: signed') ?? expect.fail('no case')
    vi.stubGlobal('crypto', {})
    try {
      expect(await judged(text, { keys, receipts })).toEqual({ error: { code: 'no_crypto', line: null } })
    } finally {
      vi.unstubAllGlobals()
    }
  })
})

describe('every form of input', () => {
  test.each<[string, () => Rows]>([
    ['an ArrayBuffer', () => new TextEncoder().encode(HOLDS).buffer as ArrayBuffer],
    ['a Blob', () => new Blob([HOLDS])],
    ['a stream', () => streamOf(HOLDS)],
    [
      'a stream without an iterator',
      () => {
        const stream = streamOf(HOLDS)
        return new Proxy(stream, {
          has: (target, key) => key !== Symbol.asyncIterator && key in target,
          get: (target, key) => (key === 'getReader' ? () => target.getReader() : undefined),
        })
      },
    ],
    [
      'texts',
      async function* () {
        yield HOLDS.slice(0, 500)
        yield HOLDS.slice(500)
      },
    ],
  ])('%s', async (_, input) => {
    expect((await verify(input())).verdict).toBe('holds')
    expect((await verify(input)).verdict).toBe('holds')
  })

  test('a chunk that is used again', async () => {
    async function* reused() {
      const buffer = new Uint8Array(64)
      for await (const chunk of inChunks(UNSORTED, 64)) {
        buffer.set(chunk)
        yield buffer.subarray(0, chunk.length)
      }
    }
    expect((await verify(reused())).verdict).toBe('holds')
  })

  test('text beyond ASCII, cut between the halves of a character', async () => {
    const text = '😀'.repeat(300_000)
    for (const padding of ['', ' '])
      expect(await judged(padding + text)).toEqual(await judged(new Blob([padding, text])))
  })
})

describe('rows that are not sorted', () => {
  test('hold too, also in a stream, which goes on where it was left', async () => {
    let read = 0
    async function* counted() {
      for await (const chunk of inChunks(UNSORTED, 50)) {
        read++
        yield chunk
      }
    }
    expect((await verify(counted())).verdict).toBe('holds')
    expect(read).toBe(Math.ceil(UNSORTED.length / 50))
  })

  test('in a stream longer than what is kept give no verdict', async () => {
    await expect(verify(inChunks(UNSORTED, 2000), { keep: 100 })).rejects.toMatchObject({ code: 'unsorted' })
    expect((await verify(() => inChunks(UNSORTED, 2000), { keep: 100 })).verdict).toBe('holds')
    expect((await verify(inChunks(HOLDS, 2000), { keep: 100 })).verdict).toBe('holds')
  })
})

describe('expected sizes', () => {
  test('find a tail that was cut off', async () => {
    expect((await verify(HOLDS, { expectSize: 6 })).verdict).toBe('holds')
    const report = await verify(HOLDS, { expectSize: 8 })
    expect(report).toMatchObject({ verdict: 'truncated', chains: [{ verdict: 'truncated', missing_tail: 2 }] })
  })

  test('find a chain that is gone', async () => {
    const id = '0'.repeat(64)
    const report = await verify(HOLDS, { expectSize: { [id]: 3 } })
    expect(report).toMatchObject({
      verdict: 'dropped',
      chains: [{ verdict: 'holds' }, { chain: id, verdict: 'dropped' }],
    })
  })

  test('leave no damage unsaid', async () => {
    const { text } = cases.find(({ name }) => name === 'gap') ?? expect.fail('no vectors')
    expect(await verify(text, { expectSize: 9 })).toMatchObject({
      verdict: 'tampered',
      chains: [{ verdict: 'tampered' }],
    })
  })

  test('need to know the chain', async () => {
    const { text } = cases.find(({ name }) => name === 'two chains') ?? expect.fail('no vectors')
    await expect(verify(text, { expectSize: 9 })).rejects.toMatchObject({ code: 'which_chain' })
  })
})

test('a signal stops it', async () => {
  await expect(verify(HOLDS, { signal: AbortSignal.abort('enough') })).rejects.toBe('enough')
})

describe('proofs', () => {
  const { vkey, proofs } = vector('receipts') as { vkey: string; proofs: { file: string; seq: number }[] }
  const [proof] = proofs
  if (!proof) throw new Error('no vectors')

  test('made by an independent program hold', async () => {
    for (const { file } of proofs)
      expect(await verifyProof(file, vkey)).toMatchObject({ verdict: 'holds', level: 'receipted' })
  })

  test('are not held without the key', async () => {
    expect(await verifyProof(proof.file, [])).toMatchObject({ verdict: 'unchecked', level: 'chained', signed_at: null })
  })

  test('with a byte changed never hold', async () => {
    const bytes = new TextEncoder().encode(proof.file)
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = bytes.slice()
      changed[at] = (changed[at] ?? 0) ^ 1
      const verdict = await verifyProof(changed, vkey).then(
        (report) => report.verdict,
        (error) => error.code,
      )
      expect(verdict).toMatch(/^(not_included|forged|unchecked|malformed_proof|invalid_utf8)$/)
    }
  })

  test('that are none have a line', async () => {
    const damaged = proof.file.replace('index ', 'indexx ')
    await expect(verifyProof(damaged, vkey)).rejects.toMatchObject({ code: 'malformed_proof', line: 3 })
    await expect(verifyProof(proof.file, 'nothing')).rejects.toMatchObject({ code: 'malformed_key' })
  })
})

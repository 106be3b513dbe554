import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { INPUTS, type Wasm } from '../driver.ts'
import { instantiate } from '../wasm.ts'

const module = new WebAssembly.Module(readFileSync(new URL('../../build/wasm/nymtrail.wasm', import.meta.url)))
const NOW = 1_790_000_000_000
let wasm: Wasm

beforeEach(() => {
  wasm = instantiate(module)
})

const client = () => wasm.Core.create('shop random') ?? expect.fail('no client')

/** The events of a client that has captured something, as rows. */
function rows(engine: ReturnType<typeof client>) {
  engine.feed(INPUTS.indexOf('Opened'), 0, '', '', NOW)
  const frames = engine.feed(INPUTS.indexOf('Commit'), 0, '', '', NOW)
  return frames.split('\x1e').filter((item) => item.startsWith('{"body"'))
}

describe('what crosses', () => {
  test('text of all widths, and none', () => {
    const engine = client()
    for (const name of ['Straße', '😀', 'a'.repeat(128), '\u{feff}x']) {
      expect(engine.capture('track', name, '', '', NOW)).toBe('')
    }
    const bodies = rows(engine).map((row) => JSON.parse(JSON.parse(row).body).n)
    expect(bodies).toEqual([undefined, 'Straße', '😀', 'a'.repeat(128), '\u{feff}x'])
  })

  test('a lone surrogate as its replacement', () => {
    const engine = client()
    engine.capture('track', 'a\ud800', '', '', NOW)
    expect(JSON.parse(JSON.parse(rows(engine)[1] ?? '').body).n).toBe('a\ufffd')
  })

  test('more than the memory had', () => {
    const engine = client()
    const long = JSON.stringify({ a: 'x'.repeat(3_000_000) })
    expect(engine.capture('track', 'view', long, '', NOW)).toBe('')
    expect(rows(engine)).toHaveLength(2)
  })

  test('codes', () => {
    expect(wasm.Core.create('not/allowed')).toBeUndefined()
    expect(client().capture('track', '', '', '', NOW)).toBe('invalid_name')
    expect(client().identify('user', 'opaque', 'ada', 'ada', '', NOW)).toBe('no_salt')
    expect(client().identify('user', 'shoe size', 'ada', 'ada', '', NOW)).toBe('invalid_identifier')
    expect(client().epochs('{}', NOW)).toBe('wrong_deployment')
  })

  test('counts', () => {
    const engine = client()
    engine.capture('page', '', '', '{"url":"https://shop.example/"}', NOW)
    engine.reset()
    expect(JSON.parse(engine.stats(''))).toMatchObject({ captured: 1, waiting: 1 })
  })
})

test('sessions do not share anything', () => {
  const [one, other] = [client(), client()]
  one.capture('track', 'view', '', '', NOW)
  expect([rows(one).length, rows(other).length]).toEqual([2, 0])
})

test('random values come from the page, and are not used twice', () => {
  const spy = vi.spyOn(crypto, 'getRandomValues')
  const engine = client()
  for (let at = 0; at < 200; at++) engine.capture('track', 'view', '', '', NOW)
  const salts = rows(engine).map((row) => JSON.parse(row).salt)
  expect(new Set(salts).size).toBe(201)
  expect(spy).toHaveBeenCalled()
  spy.mockRestore()
})

test('the verifier checks what the engine links', () => {
  const engine = client()
  for (let at = 0; at < 3; at++) engine.capture('track', 'view', '', '', NOW)
  const lines = rows(engine)
  const { chain } = JSON.parse(lines[0] ?? '')
  const verdict = (lines: string[]) => {
    const checker = new wasm.Checker()
    checker.chain(chain, '')
    checker.rows(lines.map((line) => `${line}\x1e`).join(''))
    return JSON.parse(checker.verdict()).verdict
  }
  expect([verdict(lines), verdict([lines[0] ?? '', ...lines.slice(2)])]).toEqual(['holds', 'tampered'])
})

/** The wasm and its memory, which nothing outside {@link instantiate} gets to see. */
function opened() {
  let memory: WebAssembly.Memory | undefined
  class Instance extends WebAssembly.Instance {
    constructor(...args: ConstructorParameters<typeof WebAssembly.Instance>) {
      super(...args)
      memory = this.exports.memory as WebAssembly.Memory
    }
  }
  vi.stubGlobal('WebAssembly', { Instance })
  const wasm = instantiate(module)
  vi.unstubAllGlobals()
  return { wasm, memory: memory ?? expect.fail('no memory') }
}

test('identifiers do not stay in the memory', () => {
  const { wasm, memory } = opened()
  const engine = wasm.Core.create(`shop secret ${'11'.repeat(32)}`) ?? expect.fail('no client')
  expect(engine.identify('user', 'email', 'ada@lovelace.example', 'Ada@Lovelace.example', '', NOW)).toBe('')
  const bytes = Buffer.from(memory.buffer).toString('latin1').toLowerCase()
  expect(bytes).toContain('shop')
  expect(bytes).not.toContain('lovelace')
})

test('memory is given back and used again, whatever the sizes', () => {
  const { wasm, memory } = opened()
  const engine = wasm.Core.create('shop random') ?? expect.fail('no client')
  engine.feed(INPUTS.indexOf('Opened'), 1, '', '', NOW)
  const lines: string[] = []
  const sizes: number[] = []
  for (let round = 0; round < 1000; round++) {
    const props = JSON.stringify({ text: 'x'.repeat((round * 7919) % 250), list: Array(round % 200).fill(round) })
    expect(engine.capture('track', `event ${round}`, props, '', NOW)).toBe('')
    const items = engine.feed(INPUTS.indexOf('Commit'), 0, '', '', NOW).split('\x1e')
    lines.push(...items.filter((item) => item.startsWith('{"body"')))
    const write = items[items.findIndex((item) => item.endsWith('5')) + 1]
    engine.feed(INPUTS.indexOf('Written'), Number(write), '', '', NOW)
    sizes.push(memory.buffer.byteLength)
  }
  const checker = new wasm.Checker()
  checker.chain(JSON.parse(lines[0] ?? '').chain, '')
  checker.rows(lines.map((line) => `${line}\x1e`).join(''))
  expect(JSON.parse(checker.verdict())).toMatchObject({ verdict: 'holds', chains: [{ rows: 1001 }] })
  expect(sizes.at(-1)).toBe(sizes[300])
})

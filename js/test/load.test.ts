import { deflateSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Wasm } from '../driver.ts'
import { inflate, makeLoader, readWasm } from '../load.ts'

/** The smallest wasm there is. */
const BYTES = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)
const TEXT = deflateSync(BYTES).toString('base64')
const wasm = { Core: { create: () => undefined }, Checker: class {} } as unknown as Wasm
const driver = expect.any(Function)
let instantiate = vi.fn()
let load: ReturnType<typeof makeLoader>

beforeEach(() => {
  instantiate = vi.fn(() => wasm)
  load = makeLoader(instantiate)
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

test('the inlined bytes come out as they went in', async () => {
  expect(new Uint8Array(await inflate(TEXT))).toEqual(BYTES)
})

test('loads once', async () => {
  const bring = vi.fn(() => inflate(TEXT))
  expect(await load(bring)).toEqual(driver)
  expect(await load(bring)).toEqual(driver)
  expect([bring.mock.calls.length, instantiate.mock.calls.length]).toEqual([1, 1])
  expect(instantiate.mock.calls[0]?.[0]).toBeInstanceOf(WebAssembly.Module)
})

describe('what can go wrong', () => {
  test('a CSP without wasm-unsafe-eval', async () => {
    // As Chromium does it: every way to compile throws a CompileError.
    const refuse = () => {
      throw new WebAssembly.CompileError('Refused to compile or instantiate WebAssembly module')
    }
    vi.stubGlobal('WebAssembly', {
      ...WebAssembly,
      Module: function Module() {
        refuse()
      },
      compile: async () => refuse(),
    })
    const bring = vi.fn(() => inflate(TEXT))
    expect(await load(bring)).toBe('wasm_blocked')
    expect(bring).not.toHaveBeenCalled()
  })

  test('no WebAssembly at all', async () => {
    vi.stubGlobal('WebAssembly', undefined)
    expect(await load(() => inflate(TEXT))).toBe('wasm_blocked')
  })

  test('no DecompressionStream, and a second try once there is one', async () => {
    vi.stubGlobal('DecompressionStream', undefined)
    expect(await load(() => inflate(TEXT))).toBe('wasm_failed')
    vi.unstubAllGlobals()
    expect(await load(() => inflate(TEXT))).toEqual(driver)
  })

  test('bytes that are no wasm', async () => {
    expect(await load(async () => new TextEncoder().encode('<!doctype html>'))).toBe('wasm_failed')
    expect(instantiate).not.toHaveBeenCalled()
  })

  test('wasm of another version', async () => {
    instantiate.mockImplementation(() => {
      throw new WebAssembly.LinkError('import')
    })
    expect(await load(() => inflate(TEXT))).toBe('wasm_failed')
  })
})

describe('bytes from the caller', () => {
  const module = new WebAssembly.Module(BYTES)
  const response = () => new Response(BYTES, { headers: { 'content-type': 'text/plain' } })

  test.each<[string, () => Parameters<typeof readWasm>[0]]>([
    ['a module', () => module],
    ['a buffer', () => BYTES.buffer],
    ['bytes', () => BYTES],
    ['a response', response],
    ['a promise of a response', async () => response()],
    ['an address', () => 'https://shop.example/n.wasm'],
    ['a URL', () => new URL('https://shop.example/n.wasm')],
    ['a function', () => () => BYTES],
    ['a function that takes time', () => async () => response()],
  ])('%s', async (_, source) => {
    vi.stubGlobal('fetch', async () => response())
    expect(await load(() => readWasm(source()))).toEqual(driver)
  })

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['an answer of 404', new Response(BYTES, { status: 404 })],
    [
      'a function that rejects',
      async () => {
        throw new Error('offline')
      },
    ],
  ])('%s', async (_, source) => {
    expect(await load(() => readWasm(source as never))).toBe('wasm_failed')
  })
})

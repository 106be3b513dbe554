import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { guessable, readIdentifier } from '../normalise.ts'

const read = (id: unknown, type?: 'opaque' | 'email' | 'phone') => {
  const found = readIdentifier(id, type)
  return found && [found.type, found.canonical]
}

describe('e-mail', () => {
  test.each([
    ['  Ann@Example.ORG ', 'ann@example.org'],
    ['\uFEFFann@example.org', 'ann@example.org'],
    ['ann＠example.org', 'ann@example.org'],
    ['ann@ＥＸＡＭＰＬＥ.org', 'ann@example.org'],
    ['ann@Bücher.example', 'ann@xn--bcher-kva.example'],
    ['ann@xn--bcher-kva.example', 'ann@xn--bcher-kva.example'],
    ['ann@example。org', 'ann@example.org'],
    // Without locale: Turkish lower-casing would give a dotless i, and another pseudonym on another machine.
    ['INFO@EXAMPLE.ORG', 'info@example.org'],
    ['İ@example.org', 'i\u0307@example.org'],
    // Composed and decomposed are one.
    ['Zoe\u0308@example.org', 'zo\u00eb@example.org'],
    ['a@b@example.org', 'a@b@example.org'],
    ['ann+tag@example.org', 'ann+tag@example.org'],
    // What is copied brings along what nobody sees.
    ['\u202a ann\u200b@exam\u00adple.org\u202c', 'ann@example.org'],
  ])('%s', (id, canonical) => {
    expect(read(id)).toEqual(['email', canonical])
    expect(read(id, 'email')).toEqual(['email', canonical])
  })

  test.each([
    'ann',
    'ann@',
    '@example.org',
    'ann@example',
    'ann@exa mple.org',
    'ann@example.org/x',
    'ann@example.org:80',
    'ann@[1.2.3.4]',
    'a b@example.org',
    'ann@exa%6dple.org',
    'ann@1.2.3.4',
    'ann@7',
  ])('not %s', (id) => expect([read(id, 'email'), read(id)?.[0]]).toEqual([undefined, 'opaque']))
})

describe('phone', () => {
  test.each([
    ['+49 711 123-456', '+49711123456'],
    ['+1 (555) 010.9999', '+15550109999'],
    ['＋４９７１１１２３４５６', '+49711123456'],
    ['+49\u2011711\u00a0123456', '+49711123456'],
    ['\u202a+49\u200b 711 123456\u202c', '+49711123456'],
  ])('%s', (id, canonical) => expect([read(id), read(id, 'phone')]).toEqual(Array(2).fill(['phone', canonical])))

  test.each(['0711 123456', '+4971', '+4971112345678901', '+49 711 ext 5', '49711123456'])('not %s', (id) =>
    expect([read(id, 'phone'), read(id)?.[0]]).toEqual([undefined, 'opaque']),
  )
})

describe('opaque', () => {
  test.each<[unknown, string]>([
    ['u-1', 'u-1'],
    ['Zoe\u0308', 'Zo\u00eb'],
    // NFC only: what differs in width or case may be two accounts.
    ['Ａ', 'Ａ'],
    [42, '42'],
    [12345678901234567890n, '12345678901234567890'],
  ])('%s', (id, canonical) => expect(read(id)).toEqual(['opaque', canonical]))

  test('an e-mail by name only', () => expect(read('Ann@Example.org', 'opaque')).toEqual(['opaque', 'Ann@Example.org']))

  test('the identifier as it was passed comes along', () =>
    expect(readIdentifier(' Ann@Example.org ')).toEqual({
      type: 'email',
      canonical: 'ann@example.org',
      raw: ' Ann@Example.org ',
    }))
})

test.each<[string, boolean]>([
  ['ann@example.org', true],
  ['+49711123456', true],
  ['192.168.0.1', true],
  ['2001:db8::8a2e:370:7334', true],
  ['::1', true],
  ['customer-7', false],
  ['1.2.3', false],
  ['12:30', false],
  ['8a2e0370-7334-4c11-9f0a-1234567890ab', false],
])('%s can be guessed: %s', (id, expected) => {
  const found = readIdentifier(id)
  expect(found && guessable(found)).toBe(expected)
})

test('500 vectors of another implementation, which browsers and Rust read, too', () => {
  const text = readFileSync(new URL('../../tests/vectors/pseudonyms.json', import.meta.url), 'utf8')
  const { vectors } = JSON.parse(text)
  expect(vectors).toHaveLength(500)
  for (const { id, times = 1, type, kind, canonical } of vectors) {
    const expected = kind ? [kind, canonical.repeat(times)] : undefined
    expect(read(id.repeat(times), type ?? undefined), `${id.slice(0, 50)} as ${type}`).toEqual(expected)
  }
})

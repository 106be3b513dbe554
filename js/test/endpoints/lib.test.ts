import { expect, test } from 'vitest'
import { readJson, receipt, settleUnread } from '../../endpoints/lib/answer.ts'
import { inPieces, placeOf } from '../../endpoints/lib/event.ts'
import { holdsSecret, isRelative, withPath, withQuery } from '../../endpoints/lib/request.ts'
import { cut, hexOf, pieces } from '../../endpoints/lib/text.ts'

test('an address is of the page’s own origin for certain, or may be of another', () => {
  const originOf = (url: string) => new URL(url, 'https://shop.example/order/').origin
  for (const url of ['/in', 'in', '', '?to=1', './in', '../in:8080/x'])
    expect([url, isRelative(url), originOf(url)]).toEqual([url, true, 'https://shop.example'])
  // A browser takes a backslash for a slash, and leaves out spaces before the address.
  for (const url of ['https://in', 'HTTP://in', '//in', '/\\in', '\\\\in', ' https://in', ' //in', 'data:x'])
    expect([url, isRelative(url), originOf(url) === 'https://shop.example']).toEqual([url, false, false])
})

test('paths and parameters are added once, and after what is there', () => {
  for (const url of ['/in', '/in/', '/in//', '/in/v1/logs', '/in/v1/logs/'])
    expect(withPath(url, '/v1/logs')).toBe('/in/v1/logs')
  expect(withQuery('/in', { a: 'b c', d: 1 })).toBe('/in?a=b%20c&d=1')
  expect(withQuery('/in?x=1', { a: '&' })).toBe('/in?x=1&a=%26')
})

test('headers that hold a credential are told by their names', () => {
  for (const name of ['Authorization', 'DD-API-KEY', 'x-auth-token', 'Cookie'])
    expect(holdsSecret({ 'x-site': 'shop', [name]: '' })).toBe(true)
  expect(holdsSecret({ 'x-scope-orgid': 'shop' })).toBe(false)
  expect(holdsSecret()).toBe(false)
})

test('an answer that is not read acknowledges nothing', () => {
  const by = (settle: typeof receipt, text = '') => {
    const found: Record<string, number[]> = {}
    for (let status = 200; status < 600; status++) {
      const outcome = settle({ status, headers: new Headers(), text }) as string
      found[outcome] = [...(found[outcome] ?? []), status]
    }
    return found
  }
  const all = by(settleUnread)
  expect(Object.keys(all).sort()).toEqual(['retry', 'split'])
  expect(all.retry?.filter((status) => status >= 400 && status < 500)).toEqual([
    ...[401, 402, 403, 404, 405, 406, 408, 410, 415, 425, 429],
  ])
  expect(by(receipt).ack).toHaveLength(100)
  expect(by(receipt, ' \n<!doctype html>').ack).toBeUndefined()
  expect([readJson('{"a":1}'), readJson('null'), readJson('{"a'), readJson('')]).toEqual([
    { a: 1 },
    null,
    undefined,
    undefined,
  ])
})

test('texts are cut between characters, and bodies between any', () => {
  expect([cut('abc', 3), cut('abcd', 3), cut('ab🎉', 3), cut('ab🎉', 4)]).toEqual(['abc', 'abc', 'ab', 'ab🎉'])
  const body = `{"a":"${'x'.repeat(700)}"}`
  expect(pieces(body, 255).map(({ length }) => length)).toEqual([255, 255, 198])
  expect(pieces('', 9)).toEqual([])
  const columns = { nt_chain: 'c', nt_seq: 0, nt_t: 1, nt_link: 'l' }
  expect(inPieces(columns, 255)).toEqual(columns)
  expect(inPieces({ ...columns, nt_body: 'short' }, 255)).toEqual({ ...columns, nt_body: 'short' })
  expect((inPieces({ ...columns, nt_body: body }, 255).nt_body as string[]).join('')).toBe(body)
  expect(hexOf('_YLjt52v6HF-5F2H0kvWxg')).toBe('fd82e3b79dafe8717ee45d87d24bd6c6')
})

test('host and path of an address', () => {
  expect(placeOf('https://shop.example/order/:id?utm_source=mail')).toEqual({
    host: 'shop.example',
    path: '/order/:id',
  })
  expect(placeOf('https://shop.example')).toEqual({ host: 'shop.example' })
  expect([placeOf(), placeOf('/order'), placeOf('nothing')]).toEqual([{}, {}, {}])
})

import { describe, expect, test } from 'vitest'
import { reduceReferrer, reduceUrl } from '../context.ts'

const path = (path: string) => reduceUrl(`https://shop.example${path}`)?.replace('https://shop.example', '')

describe('the URL', () => {
  test('a name of a megabyte is an id, and is found to be one at once', () => {
    for (const text of ['a', 'a1', '%25']) expect(path(`/t/${text.repeat(1 << 19)}/x`)).toBe('/t/:id/x')
  })

  test.each([
    '/',
    '/shoes/red-running-shoes',
    '/blog/2024/05/12/how-we-built-it',
    '/en-US/faq',
    '/v1.2.3/index.html',
    '/p/42',
    '/ueber-uns/%C3%BCbersicht',
    '/2024-spring-collection-overview',
  ])('keeps %s', (address) => expect(path(address)).toBe(address))

  test.each([
    ['/orders/1234567', '/orders/:id'],
    ['/orders/A-12345-B/items', '/orders/:id/items'],
    ['/u/8a2e0370-7334-4c11-9f0a-1234567890ab', '/u/:id'],
    ['/u/8A2E037073344C119F0A1234567890AB', '/u/:id'],
    ['/share/V1StGXR8_Z5jdHi6B-myT', '/share/:id'],
    ['/t/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', '/t/:id'],
    ['/t/cjld2cjxh0000qzrmn831i7rn', '/t/:id'],
    ['/t/01ARZ3NDEKTSV4RRFFQ69G5FAV', '/t/:id'],
    ['/confirm/ann@example.org', '/confirm/:id'],
    ['/confirm/ann%40example.org', '/confirm/:id'],
    ['/confirm/ann%252540example.org', '/confirm/:id'],
    ['/confirm/YW5uQGV4YW1wbGUub3Jn', '/confirm/:id'],
    ['/tel/+49711123456', '/tel/:id'],
    ['/cart;jsessionid=7F3A', '/cart'],
    ['/a?utm_source=news&email=ann@example.org&code=x#token', '/a?utm_source=news'],
    ['/a?utm_campaign=spring&utm_content=ann@example.org', '/a?utm_campaign=spring&utm_content=:id'],
    ['/a?utm_source=%3Cscript%3E', '/a?utm_source=%3Cscript%3E'],
    ['/%E0%A4%A', '/%E0%A4%A'],
  ])('%s becomes %s', (address, reduced) => expect(path(address)).toBe(reduced))

  test('user, password and port: the origin alone', () =>
    expect(reduceUrl('https://ann:secret@shop.example:8443/a')).toBe('https://shop.example:8443/a'))

  test('is short enough for the core', () =>
    expect(path(`/${'long-words/'.repeat(100)}`)?.length).toBeLessThanOrEqual(256))

  test.each([
    '',
    'about:blank',
    'file:///home/ann/page.html',
    'data:text/html,x',
    'blob:https://shop.example/1',
    'not a url',
  ])('nothing of %s', (address) =>
    expect([reduceUrl(address), reduceReferrer(address)]).toEqual([undefined, undefined]),
  )
})

test('the referrer is an origin', () => {
  expect(reduceReferrer('https://search.example/results?q=my+illness#x')).toBe('https://search.example')
})

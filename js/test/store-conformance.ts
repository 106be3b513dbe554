/** The cases that every store has to pass. */
import type { Store, StoredRow } from '../browser/store.ts'
import type { ChainKey } from '../types.ts'
import { type Cases, equal, fails } from './check.ts'

/** A content to be examined, at first empty; `open` gives another handle on it. */
export interface Bench {
  open(): Promise<Store>
}

/** The numbers from `first` up to, but not including, `end`. */
export const range = (first: number, end: number): number[] =>
  Array.from({ length: end - first }, (_, at) => first + at)
export const row = (chain: string, seq: number, line = `line ${seq} of ${chain}`): StoredRow => ({ chain, seq, line })
export const rows = (chain: string, seqs: readonly number[]): StoredRow[] => seqs.map((seq) => row(chain, seq))
export const lines = (chain: string, seqs: readonly number[]): string[] => rows(chain, seqs).map(({ line }) => line)
/** Every line of `chain`. */
export const all = (store: Store, chain: string): Promise<string[]> => store.read(chain, 0, Infinity, Infinity)

/** A key that nobody can take out of the browser. P-256 is the one that all of them have. */
export async function someKey(): Promise<ChainKey> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
  return { alg: 'ES256', pk: '04', key: pair.privateKey }
}

export const conformance: Cases<[Bench]> = {
  async 'a key comes back with its first row, and signs'(bench) {
    const store = await bench.open()
    await store.write({ add: rows('a', [0]), keys: [['a', await someKey()]] })
    const found = await (await bench.open()).key('a')
    equal([found?.alg, found?.pk, found?.key.extractable, await store.key('b')], ['ES256', '04', false, undefined])
    const algorithm = { name: 'ECDSA', hash: 'SHA-256' }
    const signature = await crypto.subtle.sign(algorithm, found?.key as CryptoKey, new Uint8Array(1))
    equal(signature.byteLength, 64)
  },

  async 'a key is deleted, and none is kept of a write that fails'(bench) {
    const store = await bench.open()
    const key = await someKey()
    await store.write({
      add: rows('a', [0]),
      keys: [
        ['a', key],
        ['', key],
      ],
    })
    await store.write({ keys: [['a', undefined]] })
    await fails(store.write({ add: rows('a', [0]), keys: [['b', key]] }), 'collision')
    await store.write({
      keys: [
        ['', undefined],
        ['c', key],
        ['c', undefined],
      ],
    })
    equal([await store.key('a'), await store.key(''), await store.key('c')], [undefined, undefined, undefined])
    equal(await store.key('b'), undefined)
    await store.write({ keys: [['a', key]] })
    await store.wipe()
    await fails(store.key('a'), 'closed')
  },

  async 'rows come back as they were added'(bench) {
    const store = await bench.open()
    await store.write({ add: rows('a', [0, 1]) })
    await store.write({ add: rows('ab', [0, 1]) })
    await store.write({ add: rows('a', [2]), put: [['head', '2']] })
    equal(await all(store, 'a'), lines('a', [0, 1, 2]))
    equal(await all(store, 'ab'), lines('ab', [0, 1]))
    equal(await store.metas(), [['head', '2']])
  },

  async 'an empty store has nothing'(bench) {
    const store = await bench.open()
    equal(await all(store, 'a'), [])
    equal(await store.last('a'), undefined)
    equal(await store.metas(), [])
  },

  async 'an empty write succeeds'(bench) {
    const store = await bench.open()
    await store.write({})
    await store.write({ add: [], put: [], remove: [] })
    equal(await store.metas(), [])
  },

  async 'a read stops at its limit of rows'(bench) {
    const store = await bench.open()
    await store.write({ add: rows('a', range(0, 5)) })
    for (const [from, limit, expected] of [
      [0, 0, []],
      [0, 1, [0]],
      [0, 2, [0, 1]],
      [3, 2, [3, 4]],
      [3, 9, [3, 4]],
      [5, 9, []],
    ] as const)
      equal(await store.read('a', from, limit, Infinity), lines('a', expected), `from ${from}, ${limit} rows:`)
  },

  async 'a read stops at its limit of bytes'(bench) {
    const store = await bench.open()
    const line = '0123456789'
    const stored = [line, line, line.repeat(9), line]
    await store.write({ add: stored.map((line, seq) => row('a', seq, line)) })
    for (const [bytes, count] of [
      [10, 1],
      [19, 1],
      [20, 2],
      [109, 2],
      [110, 3],
      [119, 3],
      [120, 4],
    ] as const)
      equal(await store.read('a', 0, 9, bytes), stored.slice(0, count), `${bytes} bytes:`)
  },

  async 'a read brings one row whatever its size'(bench) {
    const store = await bench.open()
    await store.write({ add: rows('a', range(0, 3)) })
    equal(await store.read('a', 1, 9, 0), lines('a', [1]))
    equal(await store.read('a', 0, 0, 0), [], 'but not if no row is wanted:')
  },

  async 'a long read has no seams'(bench) {
    const store = await bench.open()
    const stored = [...range(0, 120), ...range(140, 600)]
    await store.write({ add: rows('a', stored) })
    equal(await all(store, 'a'), lines('a', stored))
    for (const limit of [127, 128, 129, 579, 580, 581])
      equal(await store.read('a', 0, limit, Infinity), lines('a', stored.slice(0, limit)))
    for (const count of [128, 129, 400])
      equal((await store.read('a', 0, 999, lines('a', stored.slice(0, count)).join('').length)).length, count)
  },

  async 'rows are read by seq whatever the order they were added in'(bench) {
    const store = await bench.open()
    await store.write({ add: rows('a', [9, 10, 2]) })
    await store.write({ add: rows('a', [5]) })
    equal(await all(store, 'a'), lines('a', [2, 5, 9, 10]))
    equal(await store.read('a', 3, 2, Infinity), lines('a', [5, 9]))
  },

  async 'the last row is the one with the highest seq'(bench) {
    const store = await bench.open()
    await store.write({ add: [...rows('b', [9, 10, 2]), ...rows('c', [99])] })
    equal(await store.last('b'), 'line 10 of b')
    equal(await store.last('a'), undefined)
    equal(await store.last('bb'), undefined)
    const far = 2 ** 32 + 7
    await store.write({ add: rows('b', [far]) })
    equal(await store.last('b'), `line ${far} of b`)
    equal(await store.read('b', far, 1, 0), lines('b', [far]))
  },

  async 'rows are counted by chain'(bench) {
    const store = await bench.open()
    await store.write({ add: rows('a', [0, 1, 5]) })
    await store.write({ add: rows('ab', [0]) })
    equal([await store.count('a'), await store.count('ab'), await store.count('b')], [3, 1, 0])
    await store.write({ remove: [['a', 0, 1]] })
    equal(await store.count('a'), 1)
  },

  async 'a collision leaves nothing of its write'(bench) {
    const store = await bench.open()
    await store.write({ add: rows('a', [0, 1]), put: [['head', '1']] })
    for (const seqs of [[1], range(0, 4), range(1, 4)])
      await fails(
        store.write({
          add: seqs.map((seq) => row('a', seq, 'new')),
          put: [
            ['head', '3'],
            ['other', 'x'],
          ],
          remove: [['a', 0, 0]].filter(() => seqs[0] === 1) as [[string, number, number]],
        }),
        'collision',
      )
    equal(await all(store, 'a'), lines('a', [0, 1]))
    equal(await store.metas(), [['head', '1']])
    await store.write({ add: rows('a', [2]) })
  },

  async 'a collision further on leaves no row'(bench) {
    const store = await bench.open()
    const stored = [0, 1, 5, 9]
    await store.write({ add: rows('a', stored) })
    for (const seqs of [range(2, 6), range(3, 12), range(6, 10)]) {
      await fails(store.write({ add: seqs.map((seq) => row('a', seq, 'new')), put: [['n', '1']] }), 'collision')
      equal(await all(store, 'a'), lines('a', stored))
    }
    await store.write({ add: rows('a', [2, 3, 4]) })
    equal(await all(store, 'a'), lines('a', [0, 1, 2, 3, 4, 5, 9]))
  },

  async 'a write that collides with itself leaves nothing'(bench) {
    const store = await bench.open()
    await fails(store.write({ add: rows('a', [0, 1, 0]), put: [['head', '1']] }), 'collision')
    equal(await all(store, 'a'), [])
    equal(await store.metas(), [])
  },

  async 'operations take effect in the order they were called'(bench) {
    const store = await bench.open()
    const answers = await Promise.all([
      all(store, 'a'),
      store.write({ add: rows('a', [0]), put: [['n', '0']] }),
      all(store, 'a'),
      store.metas(),
      store.write({ add: rows('a', [1]), put: [['n', '1']] }),
      store.last('a'),
      store.write({ remove: [['a', 0, 0]] }),
      all(store, 'a'),
      store.write({ add: rows('a', [0]) }),
      all(store, 'a'),
      store.metas(),
    ])
    const found = answers.filter((answer) => answer !== undefined)
    const [zero, one] = lines('a', [0, 1])
    equal(found, [[], [zero], [['n', '0']], one, [one], [zero, one], [['n', '1']]])
  },

  async 'promises settle in the order of the writes'(bench) {
    const store = await bench.open()
    const order: string[] = []
    const note = (name: string, write: Promise<void>) =>
      write.then(
        () => order.push(name),
        () => order.push(`${name} failed`),
      )
    await Promise.all([
      note('add', store.write({ add: rows('a', [0]) })),
      note('add again', store.write({ add: rows('a', [0]) })),
      note('put', store.write({ put: [['n', '1']] })),
      note('remove', store.write({ remove: [['a', 0, 0]] })),
      note('add anew', store.write({ add: rows('a', [0]) })),
    ])
    equal(order, ['add', 'add again failed', 'put', 'remove', 'add anew'])
  },

  async 'metas come by ascending key'(bench) {
    const store = await bench.open()
    const keys = ['lane', 'lane/b', 'lanes', 'lane/a', 'Z', 'é', 'kane/', '10', '9']
    await store.write({ put: keys.map((key, at) => [key, `${at}`]) })
    const found = await store.metas()
    equal(
      found.map(([key]) => key),
      ['10', '9', 'Z', 'kane/', 'lane', 'lane/a', 'lane/b', 'lanes', 'é'],
    )
    for (const [key, value] of found) equal(value, `${keys.indexOf(key)}`)
  },

  async 'a meta is overwritten'(bench) {
    const store = await bench.open()
    await store.write({
      put: [
        ['n', '1'],
        ['empty', 'x'],
      ],
    })
    await store.write({
      put: [
        ['n', '2'],
        ['empty', ''],
        ['n', '3'],
      ],
    })
    equal(await store.metas(), [
      ['empty', ''],
      ['n', '3'],
    ])
  },

  async 'metas hold any text'(bench) {
    const store = await bench.open()
    const texts = ['', '\0', '"\\\n\x7f', 'Grüße', 'e\u0301', '日本語', '😀\u{10ffff}', '\ufeffx\ufffd']
    await store.write({ put: texts.map((text) => [`name of ${text}`, text]) })
    const found = new Map(await store.metas())
    equal(found.size, texts.length)
    for (const text of texts) equal(found.get(`name of ${text}`), text)
  },

  async 'a removal includes both ends'(bench) {
    const store = await bench.open()
    await store.write({ add: [...rows('a', range(0, 9)), ...rows('b', range(0, 9))], put: [['a', 'stays']] })
    await store.write({
      remove: [
        ['a', 1, 3],
        ['a', 5, 5],
        ['b', 7, Infinity],
      ],
    })
    equal(await all(store, 'a'), lines('a', [0, 4, 6, 7, 8]))
    equal(await all(store, 'b'), lines('b', range(0, 7)))
    equal(await store.metas(), [['a', 'stays']])
  },

  async 'a removal of nothing succeeds'(bench) {
    const store = await bench.open()
    await store.write({ add: rows('a', [0, 1, 2]) })
    await store.write({
      remove: [
        ['a', 9, 99],
        ['c', 0, 9],
        ['a', 2, 1],
      ],
    })
    equal(await all(store, 'a'), lines('a', [0, 1, 2]))
  },

  async 'a row is replaced by removing and adding it'(bench) {
    const store = await bench.open()
    await store.write({ add: rows('a', range(0, 5)) })
    await store.write({
      add: [row('a', 1, 'erased'), row('a', 7)],
      put: [['n', 'done']],
      remove: [
        ['a', 1, 1],
        ['a', 3, 9],
      ],
    })
    equal(await all(store, 'a'), ['line 0 of a', 'erased', 'line 2 of a', 'line 7 of a'])
    equal(await store.metas(), [['n', 'done']])
  },

  async 'two handles share one content'(bench) {
    const [one, two] = [await bench.open(), await bench.open()]
    await one.write({ add: rows('a', [0]), put: [['n', '1']] })
    equal(await all(two, 'a'), lines('a', [0]))
    await fails(two.write({ add: rows('a', [0]) }), 'collision')
    // Called without waiting: of the two that want the same place, one gets it, and the store is whole.
    const both = [one.write({ add: rows('a', [1]) }), two.write({ add: [row('a', 1, 'late')] })] as const
    await fails(both[1], 'collision')
    await both[0]
    equal(await all(two, 'a'), lines('a', [0, 1]))
  },

  async 'big values come back whole'(bench) {
    const store = await bench.open()
    const big = range(0, 150_000)
      .map((i) => `${i}`.padStart(7, '0'))
      .join('')
    await store.write({ add: [row('a', 0, big), row('a', 1)], put: [['big', big]] })
    const [first, second] = await all(store, 'a')
    equal([first === big, second], [true, 'line 1 of a'])
    equal(
      (await store.metas()).map(([key, value]) => [key, value === big]),
      [['big', true]],
    )
  },

  async 'what the caller does with its arrays afterwards changes nothing'(bench) {
    const store = await bench.open()
    const add = rows('a', [0, 1])
    const put: [string, string][] = [['n', '1']]
    const written = store.write({ add, put })
    add.length = 0
    put.length = 0
    await written
    equal(await all(store, 'a'), lines('a', [0, 1]))
    equal(await store.metas(), [['n', '1']])
  },

  async 'a store works on after it was closed'(bench) {
    const store = await bench.open()
    const written = store.write({ add: rows('a', [0]) })
    store.close()
    await written
    await store.write({ add: rows('a', [1]) })
    store.close()
    store.close()
    equal(await all(store, 'a'), lines('a', [0, 1]))
  },

  async 'a wipe comes after what was called before it'(bench) {
    const store = await bench.open()
    let taken: unknown
    const [, read] = await Promise.all([
      store.write({ add: rows('a', [0, 1, 2]), put: [['n', '1']] }),
      all(store, 'a'),
      store.wipe((metas) => {
        taken = metas
      }),
    ])
    equal([read, taken], [lines('a', [0, 1, 2]), [['n', '1']]])
  },

  async 'a wiped store is closed for good'(bench) {
    const store = await bench.open()
    const wiped = store.wipe()
    await fails(store.write({ add: rows('a', [0]) }), 'closed')
    await wiped
    await fails(store.write({ add: rows('a', [0]) }), 'closed')
    await fails(store.write({}), 'closed')
    await fails(all(store, 'a'), 'closed')
    await fails(store.last('a'), 'closed')
    await fails(store.count('a'), 'closed')
    await fails(store.metas(), 'closed')
    await fails(store.wipe(), 'closed')
    store.close()
  },
}

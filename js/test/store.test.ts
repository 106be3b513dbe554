import 'fake-indexeddb/auto'
import { describe, test } from 'vitest'
import { openIdb } from '../browser/idb.ts'
import { memoryStore } from '../browser/memory.ts'
import { overlay } from '../browser/overlay.ts'
import { StoreError } from '../browser/store.ts'
import { channelCases } from './channel-cases.ts'
import { equal, fails, fresh } from './check.ts'
import { idbCases } from './idb-cases.ts'
import { all, conformance, lines, rows } from './store-conformance.ts'

// The same cases run in real browsers, from tests/web: a fake cannot know what they do.
describe('a store in memory', () => {
  for (const [name, run] of Object.entries(conformance))
    test(name, () => {
      const store = memoryStore()
      return run({ open: async () => store })
    })
})

describe('a store in memory over one that takes nothing more', () => {
  for (const [name, run] of Object.entries(conformance))
    test(name, () => {
      const store = overlay(memoryStore())
      return run({ open: async () => store })
    })

  test('what was stored before stays in view and as it is', async () => {
    const under = memoryStore()
    await under.write({ add: rows('a', [0, 1]), put: [['x', 'old']] })
    const store = overlay(under)
    await store.write({ add: rows('b', [0]), put: [['x', 'new']] })
    equal(await all(store, 'a'), lines('a', [0, 1]))
    equal([await store.count('a'), await store.last('b')], [2, lines('b', [0])[0]])
    equal(await store.metas(), [['x', 'new']])
    equal([await under.metas(), await under.count('b')], [[['x', 'old']], 0])
  })

  test('what is in memory goes below when that takes it again, also what is written meanwhile', async () => {
    const under = memoryStore()
    await under.write({ add: rows('a', [0]), put: [['visit', 'of another page']] })
    const store = overlay(under)
    await store.write({
      add: rows('b', [0, 1]),
      put: [
        ['lane/b', 'mine'],
        ['visit', 'mine'],
      ],
    })
    const restored = store.restore()
    const written = store.write({ add: rows('b', [2]), put: [['lane/b', 'newer']] })
    equal((await restored) === under, true)
    await written
    equal(await all(under, 'b'), lines('b', [0, 1, 2]))
    equal(await under.metas(), [
      ['lane/b', 'newer'],
      ['visit', 'of another page'],
    ])
  })

  test('what cannot go below stays in memory, also what is written meanwhile', async () => {
    const under = memoryStore()
    const store = overlay({ ...under, write: () => Promise.reject(new StoreError('quota')) })
    await store.write({ add: rows('b', [0]) })
    const restored = store.restore()
    const written = store.write({ add: rows('b', [1]) })
    await fails(restored, 'quota')
    await written
    await store.write({ add: rows('b', [2]) })
    equal([await all(store, 'b'), await under.metas()], [lines('b', [0, 1, 2]), []])
  })

  test('a wipe deletes both, and one that can no longer be read counts as empty', async () => {
    const under = memoryStore()
    await under.write({ add: rows('a', [0]), put: [['n', '1']] })
    const store = overlay(under)
    await store.write({ put: [['n', '2']] })
    let taken: unknown
    await store.wipe((metas) => {
      taken = metas
    })
    equal(new Map(taken as [string, string][]).get('n'), '2', 'the newer one counts')
    await fails(under.metas(), 'closed')
    equal([await all(overlay(under), 'a'), await overlay(under).metas()], [[], []])
  })
})

describe('a store in IndexedDB', () => {
  for (const [name, run] of Object.entries(conformance))
    test(name, () => {
      const database = fresh(name)
      return run({ open: () => openIdb(database) })
    })
  for (const [name, run] of Object.entries(idbCases)) test(name, run)
})

describe('a channel', () => {
  for (const [name, run] of Object.entries(channelCases)) test(name, run)
})

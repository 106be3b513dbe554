import 'fake-indexeddb/auto'
import { describe, test } from 'vitest'
import { openIdb } from '../browser/idb.ts'
import { memoryStore } from '../browser/memory.ts'
import { channelCases } from './channel-cases.ts'
import { fresh } from './check.ts'
import { idbCases } from './idb-cases.ts'
import { conformance } from './store-conformance.ts'

// The same cases run in real browsers, from tests/web: a fake cannot know what they do.
describe('a store in memory', () => {
  for (const [name, run] of Object.entries(conformance))
    test(name, () => {
      const store = memoryStore()
      return run({ open: async () => store })
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

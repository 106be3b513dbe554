/** Keys of chains: made ahead, stored with a chain's first row, and found again to sign for it. Nothing here rejects. */
import type { Answered, ChainKey, Signer, TakenReceipt } from '../types.js'
import { within } from '../within.js'
import type { Store, Write } from './store.js'

/** How long a batch waits for its signature, and its answer for the check of a receipt, in ms: both take a few at most. */
const LIMIT = 1000

/** The keys of one client. */
export interface Keys {
  /** Begins to make the key for the next chain. What it gives is to be called once the store is open. */
  make(): () => Promise<void>
  /** The keys that a write brings into use, by chain. */
  of(write: Write): [chain: string, key: ChainKey][]
  /** The signed checkpoints that go with the batch of this meta, if it can be signed in time. */
  sign(meta: string): Promise<string[] | undefined>
  /** What came of the receipt in the answer to the batch of this meta. */
  take(meta: string, answer: Answered): Promise<TakenReceipt | undefined>
}

/** Keys of `signer`, in what `store` gives. `ready` hears of a key that the next chain may have. */
export function chainKeys(
  signer: Signer,
  store: () => Store | undefined,
  ready: (alg: string, pk: string) => void,
): Keys {
  /** The key for the next chain. */
  let spare: ChainKey | undefined
  /** Keys of chains, as far as they were needed. */
  const known = new Map<string, ChainKey | undefined>()

  function make() {
    // A signer of the page's own may throw. Caught here, as nobody listens before the store is open.
    const made = Promise.resolve()
      .then(() => signer.make())
      .catch(() => undefined)
    return () =>
      made
        .then(async (key) => {
          if (!key) return
          // Stored by itself, to see whether that works: with a chain's first row it must not fail. And not kept: a key
          // that no chain has is nobody's.
          await store()?.write({
            keys: [
              ['', key],
              ['', undefined],
            ],
          })
          spare = key
          ready(key.alg, key.pk)
        })
        .catch(() => {
          // Then the next chain goes unsigned: no later page could go on signing it.
        })
  }

  const read = (meta: string) => {
    const { deployment, chain, size, root = '' } = JSON.parse(meta)
    return { chain, checkpoint: { origin: `${deployment}/${chain}`, size, root } }
  }

  async function note(meta: string): Promise<string[]> {
    const { chain, checkpoint } = read(meta)
    if (!checkpoint.root) return []
    if (!known.has(chain)) known.set(chain, await store()?.key(chain))
    const key = known.get(chain)
    return key ? [await signer.sign(key, checkpoint)] : []
  }

  return {
    make,
    of({ add = [] }) {
      const key = spare
      const first = key && add.find(({ seq, line }) => !seq && line.includes(key.pk))
      if (!first) return []
      known.set(first.chain, key)
      spare = undefined
      void make()()
      return [[first.chain, key]]
    },
    sign: (meta) => within(note(meta), LIMIT).catch(() => undefined),
    take(meta, answer) {
      const taking = async () => {
        const to = store()
        return to && signer.take?.({ ...answer, ...read(meta) }, to)
      }
      return within(taking(), LIMIT).catch(() => undefined)
    },
  }
}

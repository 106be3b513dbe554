/** Receipts of chains: the newest of each is kept as a meta, with what contradicts it. */
import { META_RECEIPT } from '../../browser/receipts.js'
import type { Store } from '../../browser/store.js'
import type { Answered, Receipt, TakenReceipt } from '../../types.js'
import { type CheckedReceipt, checkReceipt } from './receipt.js'

/** Notes kept as evidence for one chain: the first two show what was wrong, the others that it stayed so. */
const EVIDENCE = 4
/** Rows read at once. */
const PAGE_ROWS = 500

/** Compares the receipt of an answer with what the store has, and keeps it there. `vkey`: the key that signs it. */
export async function takeReceipt(
  { chain, checkpoint, events, receipt: note, conflict }: Answered,
  store: Store,
  vkey?: string,
): Promise<TakenReceipt | undefined> {
  if (!note && !conflict) return
  const metas = new Map(await store.metas())
  const saved = metas.get(META_RECEIPT + chain)
  const before: Receipt | undefined = saved && JSON.parse(saved)
  const local = {
    checkpoint,
    before,
    size: async () => JSON.parse((await store.last(chain)) ?? '{"seq":-1}').seq + 1,
    async links(from: number, end: number) {
      const links: string[] = []
      for (let lines: string[]; links.length < end - from; ) {
        lines = await store.read(chain, from + links.length, Math.min(end - from - links.length, PAGE_ROWS), Infinity)
        const before = links.length
        for (const line of lines) {
          const { seq, link } = JSON.parse(line)
          if (seq === from + links.length) links.push(link)
        }
        if (links.length === before) break
      }
      return links
    },
    // The end of the lane's record, as src/core/settled.rs writes it.
    async tree() {
      const [, size = 0, peaks = ''] = / - (\d+) ([\da-f]*)$/.exec(metas.get(`settled/${chain}`) ?? '') ?? []
      return { size: +size, peaks: peaks.match(/.{64}/g) ?? [] }
    },
  }
  // Of a chain that forks there is another history, so it would contradict this one in any case.
  const { receipt, ahead }: CheckedReceipt =
    note && !events.includes('f')
      ? await checkReceipt(note, local, vkey)
      : { receipt: before ?? { chain, note: '', size: 0, signed: false, evidence: [] } }
  receipt.evidence = [...receipt.evidence, ...(conflict ?? [])].slice(0, EVIDENCE)
  await store.write({ put: [[META_RECEIPT + chain, JSON.stringify(receipt)]] })
  return { ahead, ...(receipt.code !== before?.code && { code: receipt.code }) }
}

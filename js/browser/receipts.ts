/** Receipts of chains, as the metas have them. What takes and checks them comes with the endpoint. */
import type { Receipt, Stats } from '../types.js'

/** What the key of every receipt's meta begins with; the chain's id follows. */
export const META_RECEIPT = 'receipt/'

/** All receipts in these metas. */
export const receiptsIn = (metas: [key: string, value: string][]): Receipt[] =>
  metas.filter(([key]) => key.startsWith(META_RECEIPT)).map(([, value]) => JSON.parse(value) as Receipt)

/** How many there are of each kind. */
export const countReceipts = (receipts: Receipt[]): Stats['receipts'] => ({
  kept: receipts.filter(({ note }) => note).length,
  signed: receipts.filter(({ signed }) => signed).length,
  contradicted: receipts.filter(({ code }) => code).length,
})

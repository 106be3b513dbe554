/** Proofs made from what a client keeps, checked with what Node has and none of our code. */
import { expect, test } from 'vitest'
import { prove } from '../prove.ts'
import type { Receipt, Row } from '../types.ts'
import { rootOf, sha256 } from './logs.ts'

const CHAIN = 'c'.repeat(64)
const SALT = '5a'.repeat(16)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** So many rows; the one at seq 2, if there is one, is erased. */
function rowsOf(count: number): Row[] {
  const rows: Row[] = []
  let prev = 'a0'.repeat(32)
  for (let seq = 0; seq < count; seq++) {
    const [t, body] = [1_790_000_000_000 + seq, `{"k":"track","n":"event-${seq}","p":{"text":"|\\u00e9|"}}`]
    const bc = hex(sha256(`b1|${SALT}|${body}`))
    const link = hex(sha256(`\0e1|${seq}|${t}|${prev}|${bc}`))
    const row = { chain: CHAIN, seq, t, link, ...(seq === 0 && { gprev: prev }) }
    rows.push(seq === 2 ? { ...row, bc } : { ...row, body, salt: SALT })
    prev = link
  }
  return rows
}

const linksOf = (rows: Row[]) => rows.map(({ link }) => Buffer.from(link, 'hex'))
const receiptOf = (rows: Row[], size = rows.length): Receipt => ({
  chain: CHAIN,
  note: `shop/${CHAIN}\n${size}\n${rootOf(linksOf(rows.slice(0, size))).toString('base64')}\n\n\u2014 shop/collector AA==\n`,
  size,
  signed: true,
  evidence: [],
})
const trailOf = (rows: Row[], receipts: Receipt[]) => ({
  export: async () => ({ rows, ndjson: '' }),
  receipts: async () => receipts,
})

/** The seq that a proof proves; throws unless the path leads from the row's link to the note's root. */
function check(file: string) {
  const [head, text] = file.split('\n\n') as [string, string]
  const [format, extraLine, indexLine, ...path] = head.split('\n') as [string, string, string, ...string[]]
  expect(format).toBe('c2sp.org/tlog-proof@v1')
  const extra = Buffer.from(extraLine.slice('extra '.length), 'base64')
  const seq = Number(indexLine.slice('index '.length))
  const [prev, rest] = [hex(extra.subarray(1, 33)), extra.subarray(49)]
  const bar = rest.indexOf('|')
  const whole = extra[0] === 'b'.charCodeAt(0)
  const t = whole ? rest.subarray(0, bar) : extra.subarray(65)
  const bc = whole ? sha256('b1|', hex(extra.subarray(33, 49)), '|', rest.subarray(bar + 1)) : extra.subarray(33, 65)
  let hash = sha256(`\0e1|${seq}|${t}|${prev}|${hex(bc)}`)
  const [, size, root] = text.split('\n') as [string, string, string]
  // RFC 9162, section 2.1.3.2.
  let [at, last] = [seq, Number(size) - 1]
  for (const step of path.map((line) => Buffer.from(line, 'base64'))) {
    if (at % 2 || at === last) {
      hash = sha256('\x01', step, hash)
      while (!(at % 2) && at) [at, last] = [at >> 1, last >> 1]
    } else hash = sha256('\x01', hash, step)
    ;[at, last] = [at >> 1, last >> 1]
  }
  expect([last, hash.toString('base64')]).toEqual([0, root])
  return seq
}

test('each row of trees of every shape', async () => {
  for (let count = 1; count < 20; count++) {
    const rows = rowsOf(count)
    for (let seq = 0; seq < count; seq++) {
      const { proof, code } = await prove(trailOf(rows, [receiptOf(rows)]), `${CHAIN}:${seq}`)
      expect([code, check(proof ?? '')]).toEqual([undefined, seq])
    }
  }
})

test('the receipt may be for fewer rows than are here', async () => {
  const rows = rowsOf(9)
  const { proof = '' } = await prove(trailOf(rows, [receiptOf(rows, 6)]), `${CHAIN}:5`)
  expect(check(proof)).toBe(5)
})

test('a body may be long', async () => {
  const rows = rowsOf(1)
  const [row] = rows as [Row]
  row.body = `{"x":"${'y'.repeat(300_000)}"}`
  row.link = hex(sha256(`\0e1|0|${row.t}|${row.gprev}|${hex(sha256(`b1|${SALT}|${row.body}`))}`))
  expect(check((await prove(trailOf(rows, [receiptOf(rows)]), `${CHAIN}:0`)).proof ?? '')).toBe(0)
})

test('says why there is none', async () => {
  const rows = rowsOf(8)
  const receipt = receiptOf(rows)
  const codes = await Promise.all(
    [
      prove(trailOf(rows, [receipt]), '7'),
      prove(trailOf(rows, [receipt]), `${CHAIN}:-1`),
      prove(trailOf(rows, [receipt]), `${CHAIN}:8`),
      prove(trailOf([], [receipt]), `${CHAIN}:1`),
      prove(trailOf(rows, []), `${CHAIN}:1`),
      prove(trailOf(rows, [{ ...receipt, note: '', size: 0 }]), `${CHAIN}:1`),
      prove(trailOf(rows, [receiptOf(rows, 7)]), `${CHAIN}:7`),
      prove(trailOf(rows.slice(3), [receipt]), `${CHAIN}:5`),
      prove(trailOf(rows.slice(0, 6), [receipt]), `${CHAIN}:5`),
      prove(
        trailOf(
          rowsOf(8).map((row) => ({ ...row, link: 'ab'.repeat(32) })),
          [receipt],
        ),
        `${CHAIN}:5`,
      ),
    ].map(async (proved) => (await proved).code),
  )
  expect(codes).toEqual([
    'invalid_id',
    'invalid_id',
    'no_such_row',
    'no_such_row',
    'no_receipt',
    'no_receipt',
    'no_receipt',
    'pruned',
    'contradicted',
    'contradicted',
  ])
})

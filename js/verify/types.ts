/** A kind of damage; docs/VERIFY.md says what each means. */
export type DamageClass = 'no_genesis' | 'gap' | 'fork' | 'bad_link' | 'time_back'

/** A level of assurance, in ascending order; docs/THREATS.md says what each shows. */
export type Level = 'chained' | 'signed' | 'receipted'

/** What is found of a chain, or of all; docs/VERIFY.md says what each means. */
export type Verdict =
  | 'holds'
  | 'tampered'
  | 'rewritten'
  | 'dropped'
  | 'truncated'
  | 'forked'
  | 'forged'
  | 'foreign'
  | 'unproven'
  | 'not_erased'

/** What the checkpoints of a chain say of it. */
export interface CheckpointReport {
  /** How many receipts there are. */
  count: number
  /** How many of them are signed by none of the keys. */
  unchecked: number
  /** Up to how many rows the collector signed what is here, or null. */
  receipted: number | null
  /** When it did, in seconds since 1970, or null. */
  signed_at: number | null
  /** Up to how many rows the device signed what is here, or null. */
  signed: number | null
  /** How many of the device's could not be checked. */
  keyless: number
  /** Always null: the collector's log is read by the command line alone. */
  logged: null
  /** What is wrong, or null. */
  class: 'rewritten' | 'dropped' | 'truncated' | 'forked' | 'forged' | 'foreign' | null
  /** The size of the smallest checkpoint with which something is wrong, or null. */
  at: number | null
  /** Two notes of one key that contradict each other. */
  evidence?: [string, string]
}

/** What the operator's log says of the erased rows of a chain. */
export interface ErasureReport {
  /** Erased and logged. */
  logged: number
  /** Erased without a record. */
  unproven: number
  /** Erased, and no signed log is here that could say why. */
  unchecked: number
  /** Logged as erased, but still here. */
  not_erased: number
  /** The first row that is `unproven`, or null. */
  first_unproven: number | null
  /** The first row that is `not_erased`, or null. */
  first_not_erased: number | null
  /** The reasons in the log. */
  why: string[]
}

/** Whether one chain goes on with the device of another. */
export interface ContinuityReport {
  /** The chain that ended. */
  old: string
  /** The chain that goes on. */
  new: string
  /** Whether the new chain names the end of the old one. */
  back: 'holds' | 'broken' | 'unchecked'
  /** Whether the old chain names the key of the new one. */
  forth: 'holds' | 'broken' | 'unchecked'
  /** Both together. */
  verdict: 'holds' | 'broken' | 'unchecked'
}

/** What was found out about one chain. */
export interface ChainReport {
  /** The chain's id. */
  chain: string
  /** `holds`, or what is wrong with it. */
  verdict: Verdict
  /** The level that was reached, if there are checkpoints of it. */
  level?: Level
  /** What its checkpoints say, if there are any. */
  checkpoints?: CheckpointReport
  /** What is known of its erased rows, if there are any. */
  erasures?: ErasureReport
  /** Rows, exact duplicates counted once. */
  rows: number
  /** The highest seq and one more; 0 without rows. */
  top: number
  /** Rows whose event was erased. */
  erased: number
  /** Erased rows that still have their salt: the erasure is to be finished. */
  half_erased: number
  /** Rows whose link does not follow. */
  bad_link: number
  /** 1 if the chain does not begin with its first row. */
  no_genesis: number
  /** Places where rows are missing. */
  gaps: number
  /** Rows beyond the first in one place. */
  forks: number
  /** Rows earlier than the one before. */
  time_back: number
  /** The seq where the damage begins, or null. */
  first_bad: number | null
  /** The kind of damage found there, or null. */
  class: DamageClass | null
  /** Rows missing at the end, if a size was expected or signed that was not reached. */
  missing_tail?: number
}

/** The verdict on an input, in the words of `nymtrail verify --format json`. */
export interface Report {
  /**
   * `holds` only if every chain does; else the worst that was found. `discontinuous`: an opening is wrong. `half_erased`: an
   * erased row still has its salt. `unchecked`: a receipt or an opening could not be checked.
   */
  verdict: Verdict | 'discontinuous' | 'half_erased' | 'unchecked'
  /** The level of assurance that all chains reached. Rows alone are `chained`: docs/VERIFY.md says what that cannot show. */
  level: Level
  /** One verdict a chain, by id. */
  chains: ChainReport[]
  /** What the openings show, if there are any. */
  continuity?: ContinuityReport[]
  /** Whether each chain is, to its last row, what its device signed. Rows alone cannot show that. */
  signed: boolean
  /** Receipts that could not be checked. */
  unchecked: number
  /** How many rows were read, in which form. */
  found: { plain: number; named: number; attributes: number; without: number }
}

/** What a proof shows. */
export interface ProofReport {
  /**
   * - `holds`: the row is in a chain that one of the keys signed
   * - `not_included`: it is not in the tree that the checkpoint is of
   * - `forged`: the checkpoint is not signed by the key that it names
   * - `unchecked`: whether anybody signed was not checked, for none of the keys is one that it names
   */
  verdict: 'holds' | 'not_included' | 'forged' | 'unchecked'
  /** The level of assurance that was reached. */
  level: 'chained' | 'receipted'
  /** The chain's id. */
  chain: string
  /** The row's place in it. */
  seq: number
  /** How many rows the chain had when the checkpoint was signed. */
  size: number
  /** Whose checkpoint it is: deployment and chain. */
  origin: string
  /** The row, with the columns of format `e1`. */
  row: Record<string, string | number>
  /** When it was signed, in seconds since 1970; null unless it holds. */
  signed_at: number | null
  /** The keys that the checkpoint says it is signed by, as name and id. */
  claimed: string[]
}

/** Why no verdict was reached. None of these is a pass. */
export type VerifyCode =
  | 'malformed_row'
  | 'invalid_utf8'
  | 'no_rows'
  | 'unsorted'
  | 'malformed_proof'
  | 'malformed_key'
  | 'malformed_receipt'
  | 'malformed_opening'
  | 'which_chain'
  | 'no_crypto'
  | 'wasm_failed'

/** What each code means, and what to do. */
export const MESSAGES: Record<VerifyCode, string> = {
  malformed_row: 'this line is not a JSON object with exactly the columns of format e1',
  invalid_utf8: 'the text is not UTF-8; a row is written in ASCII, so it was changed on its way',
  no_rows: 'there is no row in the input, so there is nothing that could hold',
  unsorted:
    'the rows are not sorted by chain and seq, and the input cannot be read again: sort it, or pass a function that opens it',
  malformed_proof: 'this is not a tlog-proof of a row',
  malformed_key: 'a key is not a vkey, as `nymtrail keys show` prints it',
  malformed_receipt:
    'this is not a checkpoint of a chain, signed as a note, in one of the forms that receipts are kept in',
  malformed_opening: 'this is not an opening: JSON with v, old, new, blind, r and pk',
  no_crypto: 'a device signed with P-256, and this page has no crypto.subtle to check that: serve it over https',
  which_chain: 'an expected size without a chain needs an input with one chain',
  wasm_failed: "the wasm could not be loaded; allow script-src 'wasm-unsafe-eval'",
}

/** No verdict was reached. */
export class VerifyError extends Error {
  /** What went wrong, as a stable word. */
  readonly code: VerifyCode
  /** In which line of the input, from 1, where that is known. */
  readonly line: number | null

  /** @internal */
  constructor(code: VerifyCode, line: number | null = null) {
    super(`${line === null ? '' : `line ${line}: `}${MESSAGES[code]} [${code}]`)
    this.name = 'VerifyError'
    this.code = code
    this.line = line
  }
}

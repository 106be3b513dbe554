/**
 * Every code the client can report, in one table, with a text that says what to do. The core's codes are among them;
 * a test compares both tables. A text never holds a value from outside, so it may be printed and logged.
 */
export const MESSAGES = {
  // How the page uses the client.
  invalid_options: 'an option is missing or wrong; nothing is recorded',
  endpoint_needs_proxy: 'this endpoint needs a secret: send through your own proxy with proxied: true',
  guessable_identifier: 'e-mails, phones and IPs can be guessed with the salt; set acknowledgeGuessable if you know',
  invalid_name: 'a name must be a string of 1 to 128 characters; event dropped',
  invalid_properties: 'properties must be a plain object of JSON values; event dropped',
  invalid_identifier: 'an identifier must be a string of 1 to 4096 characters, and of its type; nothing is recorded',
  unserialisable: 'properties hold a cycle, a BigInt or a getter that throws; event dropped',
  too_large: 'an event may have 16 KiB; event dropped',
  closed: 'this client is closed; create a new one',
  // What a schema and the strict mode keep out.
  unknown_schema: 'an event is not in the schema; event dropped; declare it there',
  undeclared_property: 'a property is not in the schema and was left out; declare it there',
  wrong_property: 'a property is not of its declared type, or missing; it was left out',
  scrubbed: 'strict mode: a name or property looks like personal data; event dropped',
  // Consent.
  consent_pending: "events wait in memory; call consent('granted') or consent('denied')",
  consent_denied: 'nothing is recorded without consent; Global Privacy Control and Do Not Track deny it',
  audience_profile: "the audience profile has no identify() and group(); use profile 'product', after consent",
  erase_failed: 'not everything could be deleted; call erase() again',
  erasure_unconfirmed: 'the service did not confirm that it erased what it has; ask its operator',
  // Pseudonyms.
  no_salt: 'identify() and group() need the option salt; nothing is recorded',
  no_epoch_key: 'no salt or key of this epoch is at hand; events go without a pseudonym',
  salt_unreachable: 'the epochs document could not be fetched; events go without a pseudonym',
  epochs_malformed: 'the epochs document could not be read; see docs/EPOCHS.md',
  epochs_commitment: 'the salt or key does not match its commitment; events go without a pseudonym',
  epochs_expired: 'the epochs document has no epoch for now; check rotation and clocks',
  keys_unreachable: 'the key server does not answer; events go without a pseudonym',
  keys_refused: 'the key server gives no more for now, or wants a ticket; events go without a pseudonym',
  oprf_refused: 'an answer of the key server fails its check; events go without a pseudonym',
  wrong_deployment: 'this belongs to another deployment; compare the names',
  // Storage and delivery.
  quota: 'the storage is full; events stay in memory',
  overflow: 'too many events wait to be sent; event dropped; check the endpoint',
  storage_disabled: 'IndexedDB cannot be used; events stay in memory',
  storage_lost: 'the browser has lost its database, and the events in it that were not sent',
  collision: 'another page wrote to this lane; events were linked again in a new one',
  malformed_row: 'a stored row is not of format e1',
  retrying: 'the endpoint has not taken everything yet; events stay stored',
  epochs_apart: 'events of another epoch wait, as requests of two are kept a minute apart; they go by themselves',
  offline: 'the browser is offline; events stay stored',
  timeout: 'no answer in time; events stay stored',
  endpoint_refused: 'the endpoint refuses requests; check its address and rights; events stay stored',
  receipt_contradicted: 'the collector has signed other rows than it took, or fewer than before; see trail.receipts()',
  receipt_forged: 'a receipt is not signed by the key that was given; compare with: nymtrail keys show',
  endpoint_failed: 'encode() or settle() of the endpoint failed; events stay stored',
  // What the browser lacks.
  no_dom: 'no page or worker is here; nothing is recorded',
  no_crypto: 'crypto is missing; nothing is recorded',
  wasm_blocked: "WebAssembly is blocked; allow script-src 'wasm-unsafe-eval'; nothing is recorded",
  wasm_failed: 'the wasm could not be loaded or unpacked; nothing is recorded',
  invalid_config: 'the core refused its configuration; nothing is recorded',
  internal: 'a defect of nymtrail, please report it; nothing more is recorded',
} as const satisfies Record<string, string>

/**
 * A stable word for what went wrong: programs may match on it.
 *
 * @example
 * ```ts
 * const result = await trail.flush()
 * if (result.code === 'offline') showOfflineBadge()
 * ```
 */
export type Code = keyof typeof MESSAGES

/** The text of a code; a code this version does not know yet points to the documentation. */
export const message = (code: string): string => (MESSAGES as Record<string, string>)[code] ?? 'see the documentation'

/** One line in the console, in the only form this package uses: the code, and what to do. */
export function say(level: 'warn' | 'info', code: string, detail = ''): void {
  try {
    console[level](`[nymtrail] ${code}: ${detail}${message(code)}`)
  } catch {
    // A page may have put anything in the console's place.
  }
}

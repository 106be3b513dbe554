import type { Store } from './browser/store.js'
import type { Code } from './errors.js'
import type { Keep } from './salt.js'

/** What a property may hold. Strings that look like personal data are scrubbed before they are stored. */
export type Value = string | number | boolean | null | undefined | readonly Value[] | { readonly [name: string]: Value }

/** Properties of an event, or traits of a user or group: a plain object that JSON can express, up to 16 KiB as JSON. */
export type Props = { readonly [name: string]: Value }

/** Constraint for the map from event names to their properties; type aliases and interfaces both fit. */
export type EventMap<Events> = { readonly [Name in keyof Events]: object }

/** Arguments after the name: properties may be left out when none is required. */
export type PropsOf<P> = Record<never, never> extends P ? [props?: P] : [props: P]

/**
 * Whether events may be recorded.
 * - `pending`: not asked yet; up to 100 calls wait in memory, nothing is stored, fetched or sent.
 * - `granted`: events are recorded; what waited is replayed in order.
 * - `denied`: nothing is recorded; what waited is dropped and counted.
 */
export type ConsentState = 'pending' | 'granted' | 'denied'

/** How an identifier is brought into one spelling before it becomes a pseudonym. */
export type IdentifierType = 'opaque' | 'email' | 'phone'

/** Options of {@link Trail.identify} and {@link Trail.group}. */
export interface IdentifyOptions {
  /**
   * How to read the identifier. Default: `email` if it looks like one, `phone` if it is `+` and 8 to 15 digits, else
   * `opaque`. An identifier that is not of the type named here is refused (`invalid_identifier`).
   */
  type?: IdentifierType
}

/** What is to be sent in one request: rows of one chain, hence of one epoch. */
export interface Batch {
  /** The deployment's name. */
  readonly deployment: string
  /** The epoch's number, `null` when the deployment has no epochs. */
  readonly epoch: number | null
  /** The chain's id, 64 hex digits. */
  readonly chain: string
  /** The rows: each one JSON object in ASCII, in the order of the chain. Send them as they are: they are hashed. */
  readonly rows: readonly string[]
  /** When this attempt is made, in ms since 1970. */
  readonly sentAt: number
  /** Age of the newest row when it was sent, in ms, measured by a clock that does not jump. */
  readonly ageMs: number
  /** Signed notes that say how many rows the chain has with this batch and what their root is; see docs/PROOFS.md. */
  readonly checkpoints?: readonly string[]
}

/** What a chain's checkpoint says. */
export interface Checkpoint {
  /** Whose rows: the deployment, `/`, the chain. */
  readonly origin: string
  /** How many rows. */
  readonly size: number
  /** The root of the RFC 9162 tree over their links, in hex. */
  readonly root: string
}

/** A key that signs one chain, and never another: it would join them. */
export interface ChainKey {
  /** The algorithm, as the chain's first row names it. */
  readonly alg: 'Ed25519' | 'ES256'
  /** The public key in hex, as there. */
  readonly pk: string
  /** The private key, which cannot be taken out of the browser. */
  readonly key: CryptoKey
}

/** How chains are signed: {@link deviceSigner} of `nymtrail/endpoints/collector`. */
export interface Signer {
  /** A new key; rejects, or gives nothing, where none can be made: then the chain goes unsigned. */
  make(): Promise<ChainKey | undefined>
  /** The checkpoint as a signed note. */
  sign(key: ChainKey, checkpoint: Checkpoint): Promise<string>
  /** Compares a service's receipt with what this device has in its store, and keeps it there. Default: it is ignored. */
  take?(answered: Answered, store: Store): Promise<TakenReceipt | undefined>
}

/** The answer to a batch, as far as a receipt is concerned. */
export interface Answered {
  /** The batch's chain, and what it was said to be with the batch's rows. */
  readonly chain: string
  readonly checkpoint: Checkpoint
  /** What became of the rows: a letter for each, or one for all; `f` for a fork. */
  readonly events: string
  /** The receipt. */
  readonly receipt?: string
  /** What was signed on both sides of a fork. */
  readonly conflict?: readonly string[]
}

/** What came of a receipt. */
export interface TakenReceipt {
  /** What is wrong, if it is new. */
  code?: Receipt['code']
  /** The service has more of this chain than this device, or other rows than it has yet to send: new events need a new one. */
  ahead?: boolean | undefined
}

/** What a service has signed of a chain, as far as this device knows. */
export interface Receipt {
  /** The chain's id. */
  chain: string
  /** The newest receipt, a signed note; empty if none was good. `nymtrail verify --receipts` reads it. */
  note: string
  /** How many rows it is for. */
  size: number
  /** Whether its signature was checked, with the key that `collector()` was given. */
  signed: boolean
  /**
   * What is wrong: `receipt_contradicted`, other rows than those that are here, or fewer than once signed;
   * `receipt_forged`, not signed by that key, or no receipt for this chain. Absent: nothing is.
   */
  code?: 'receipt_contradicted' | 'receipt_forged'
  /** Notes that show what is wrong, or that the chain forked. */
  evidence: string[]
}

/** The request an endpoint makes of a batch. */
export interface EncodedRequest {
  /** Where to send it; relative to the page if it is not absolute. */
  url: string
  /** Default `POST`. */
  method?: string
  /** Default none: a string body then goes as `text/plain`, which needs no CORS preflight. */
  headers?: Record<string, string>
  /** The body. */
  body: string | Uint8Array
}

/** A chain that the service is to erase, and what shows that it is this device's: row 0 has the token's hash (`et`). */
export interface ErasureRequest {
  /** The chain's id, 64 hex digits. */
  readonly chain: string
  /** 32 hex digits. */
  readonly token: string
}

/** The answer to a request, its body read. */
export interface EndpointResponse {
  /** The HTTP status. */
  status: number
  /** The headers that CORS lets the page see. */
  headers: Headers
  /** The body; empty if it could not be read. */
  text: string
}

/**
 * What became of one event.
 * - `ack`: taken; it is never sent again.
 * - `retry`: to be sent again later.
 * - `drop`: it can never be taken; it is counted as `poison`.
 * - `fork`: another event holds its place; it and what comes after go into a new chain.
 */
export type Outcome = 'ack' | 'retry' | 'drop' | 'fork'

/**
 * What became of a batch: one outcome for all its events, one for each of them in order, or `split`: the batch was
 * refused as a whole, so its halves are tried, and an event refused alone is dropped. A `Retry-After` header is obeyed
 * without the endpoint's help; `afterMs` is for services that say it otherwise.
 */
export type Settlement =
  | Outcome
  | 'split'
  | {
      events: Outcome | readonly Outcome[]
      afterMs?: number
      /** The service's receipt for the batch's chain: a signed note, for {@link Signer.take}. */
      receipt?: string
      /** What was signed on both sides of a fork: notes, kept as evidence. */
      conflict?: readonly string[]
    }

/**
 * How events look on the wire of one service, and what its answers mean. Which events go when is none of its concern.
 *
 * @example
 * ```ts
 * const mine: Endpoint = {
 *   name: 'mine',
 *   limits: { events: 100 },
 *   keepalive: true,
 *   browserSafe: true,
 *   encode: (batch) => ({ url: 'https://in.example/v1', body: `[${batch.rows.join()}]` }),
 *   settle: ({ status }) => (status < 300 ? 'ack' : status === 413 ? 'split' : 'retry'),
 * }
 * ```
 */
export interface Endpoint {
  /** A short name for messages and the debug hook. */
  readonly name: string
  /**
   * What the service takes: events per request, bytes per request, bytes per event row. A batch over them is halved,
   * a single event over them dropped as `too_large`. `perRequest: 'event'` sends each event by itself.
   */
  readonly limits: {
    readonly events?: number
    readonly bytes?: number
    readonly eventBytes?: number
    readonly perRequest?: 'batch' | 'event'
  }
  /**
   * Makes the request for a batch; `null` when none of its rows is anything for this service (the row that opens a
   * chain, for one that knows no chains): they are settled without a request. One that throws counts as `retry` and
   * warns `endpoint_failed`.
   */
  encode(batch: Batch): EncodedRequest | null
  /** Reads the answer. One that throws counts as `retry` and warns `endpoint_failed`. */
  settle(response: EndpointResponse, batch: Batch): Settlement
  /** Whether it may be sent while the page is leaving: it is CORS-simple or same-origin. */
  readonly keepalive: boolean
  /**
   * The service takes `Content-Encoding: gzip`: bodies over 1 KB are compressed, except while the page is leaving.
   * Default `false`; on another origin the header costs a preflight.
   */
  readonly gzip?: boolean
  /** Signs the chains that go to this service, as it takes {@link Batch.checkpoints}. Default: they are not signed. */
  readonly signer?: Signer
  /**
   * The service keeps pseudonyms of a second level alone: events hold aliases, and what lifts them goes beside each row as
   * `veil`, which the service must never keep. With a `salt` that is a URL; see docs/PEPPER.md. Default `false`.
   */
  readonly pepper?: boolean
  /**
   * Makes the request that has the service erase one chain, when everything on the device is deleted: sent once, and any 2xx
   * counts as done. Default: the service is not asked, and erasing there is up to the site; see docs/RIGHTS.md.
   */
  erase?(asked: ErasureRequest): EncodedRequest
  /** `false`: it needs a secret, so it must go through the site's own proxy; refused without `proxied: true`. */
  readonly browserSafe: boolean
}

/** What is found in strings by its form and replaced by the word in brackets: `[email]`. docs/PRIVACY.md says how well. */
export type Detector = 'email' | 'phone' | 'card' | 'iban' | 'ip' | 'token' | 'ssn' | 'gps'

/** Where the key for pseudonyms comes from, see {@link Options.salt}. */
export type Salt = string | URL | { secret: string } | KeyServer

/** A key server that makes pseudonyms, as `oprf()` of `nymtrail/oprf` describes it. */
export interface KeyServer {
  /** Address of the document with its public keys. */
  readonly keys: string
  /** SHA-256 commitment to the first epoch's key, 64 hex digits. */
  readonly pin?: string | undefined
  /** Keeps the document at hand, and has identifiers evaluated. */
  readonly keep: Keep
}

/** What a browser says for its visitor: Global Privacy Control, or Do Not Track. */
export type PrivacySignal = 'gpc' | 'dnt'

/** Whose properties: an event's, a page view's, or the traits of a user or a group. */
export type Described = 'track' | 'page' | 'user' | 'group'

/** What may be recorded, as `schema()` of `nymtrail/schema` returns it. */
export interface Schema<Events = unknown> {
  /** Properties that become pseudonyms. */
  readonly identifiers: readonly string[]
  /**
   * What is declared of these properties as JSON, `''` for none, or why nothing is.
   * @param left - Is told of each property that is left out, and why: once for each.
   */
  write(props: unknown, of: Described, name: string | undefined, left: (code: Code) => void): string
  /** The types of the events; there is no such member. */
  readonly events?: Events
}

/** Options of `createTrail()`. They are read once; later calls with the same deployment return the first client. */
export interface Options {
  /** The deployment's name, 1 to 64 of `a-z 0-9 . _ -`; pseudonyms of two deployments never match. */
  deployment: string
  /** Where events go: an {@link Endpoint}, or a URL for the `json` endpoint. */
  endpoint: string | Endpoint
  /**
   * Where the key for pseudonyms comes from.
   * - absent: `identify()` and `group()` record nothing (`no_salt`); all other ids are random.
   * - a URL: the deployment's rotating epochs document. Whoever archives it can look up guessable identifiers.
   * - `oprf()` of `nymtrail/oprf`: a key server, which nobody can do without who wants to look identifiers up.
   * - `{ secret }`, 64 hex digits: epochs are derived from a fixed secret. The weakest form: the secret is public.
   */
  salt?: Salt | undefined
  /**
   * Consent to begin with, default `pending`. Global Privacy Control and Do Not Track turn anything but `granted` into
   * `denied`, and that too in the profile `audience`, where it is not the visitor who has said so.
   */
  consent?: ConsentState | undefined
  /**
   * What may be recorded of a person; docs/PRIVACY.md says what each rests on.
   * - `product` (default): everything, for use after consent.
   * - `audience`: counting visits. `identify()` and `group()` are refused (`audience_profile`), declared identifiers left
   *   out, no salt is fetched, and no id, not even a chain's, is longer than a visit.
   */
  profile?: 'product' | 'audience' | undefined
  /** Called once, later, if a signal of the browser has denied consent: some laws want that to be shown. */
  onPrivacySignal?: ((signal: PrivacySignal) => unknown) | undefined
  /**
   * The only events and properties that are recorded: what `schema()` of `nymtrail/schema` returns. Another event is
   * dropped (`unknown_schema`), another property left out and counted in {@link Stats.properties}.
   */
  schema?: Schema | undefined
  /**
   * For development: a call that is refused, or of which something would be taken out, throws an Error that says the code
   * and never a value; one that had to wait for consent or core throws it later, uncaught. Default `false`: nothing throws.
   */
  strict?: boolean | undefined
  /**
   * Closes the chain of an ended epoch so that its owner can show that the next one is of the same device: what shows it
   * stays on the device, for {@link Trail.continuity}, and whoever seizes the device can show it too. Without effect in the
   * profile `audience`. Default `false`: nothing connects two epochs, for anybody.
   */
  continuity?: boolean | undefined
  /** Names of properties whose values become pseudonyms of their own. Default none. */
  identifiers?: readonly string[] | undefined
  /**
   * Detectors to switch off, with `false`; all are on. For a site whose own data look like what one finds, such as
   * versions of four numbers (`{ ip: false }`). What was passed to `identify()` is found all the same.
   */
  scrub?: Partial<Record<Detector, boolean>> | undefined
  /** Parameters that are kept of the query in a page's address, beside `utm_*`. Default none. */
  query?: readonly string[] | undefined
  /** Says that you know that pseudonyms of e-mails, phones and IPs can be guessed. Default `false`: warns once. */
  acknowledgeGuessable?: boolean | undefined
  /** SHA-256 commitment to the first epoch's salt or key, 64 hex digits, so that not even the first fetch is taken on trust. */
  pin?: string | undefined
  /** How long an epoch lasts, in UTC. Default `day`. A longer one lets events of one person be joined for longer. */
  period?: 'day' | 'week' | 'month' | 'never' | undefined
  /**
   * When to send: at so many events (default 50), bytes (49152), or at this age in ms (5000), whatever comes first.
   * `pauseMs`: the least time between two requests (50), so that what has piled up does not arrive in one burst.
   */
  flush?:
    | {
        count?: number | undefined
        bytes?: number | undefined
        ageMs?: number | undefined
        pauseMs?: number | undefined
      }
    | undefined
  /**
   * How much may wait in storage: rows (default 10000) and bytes (10485760, taken as rows of the average size). Beyond
   * it the oldest events are dropped (`overflow`); their places in the chain are kept and sent, as declared gaps.
   */
  limits?: { rows?: number | undefined; bytes?: number | undefined } | undefined
  /** The endpoint's URL is your own proxy that adds the secret. Default `false`. */
  proxied?: boolean | undefined
  /** Sees what happens, for demos and debugging. It is called later, in order; what it throws is ignored. */
  debug?: ((activity: Activity) => unknown) | undefined
}

/** Why an event was dropped. `inert`: the client could not work (see {@link ReadyState}); `consent`: it was not given. */
export type DropReason =
  | 'scrubbed'
  | 'overflow'
  | 'quota'
  | 'poison'
  | 'too_large'
  | 'consent'
  | 'unknown_schema'
  | 'inert'

/** What the `debug` hook sees. */
export type Activity =
  /** Rows that were stored, each as its exact line. */
  | { type: 'stored'; rows: string[] }
  /** What became of rows of a chain, by their seqs. */
  | { type: 'settled'; chain: string; acknowledged: number[]; dropped: number[] }
  /** Events that were dropped. */
  | { type: 'dropped'; reason: DropReason; count: number }
  /** A lane was opened: its chain, and its epoch. */
  | { type: 'lane'; chain: string; epoch: number }
  /** A request is on its way: size in bytes, `exit`: sent while the page is leaving. */
  | { type: 'request'; url: string; bytes: number; body: string | Uint8Array; exit: boolean }
  /** An answer; status 0: none came. */
  | { type: 'response'; status: number; text: string }
  /** A warning, each time; the console has it once. */
  | { type: 'warning'; code: string }

/** Where the client stands. */
export type ReadyState =
  /** Events are recorded, in IndexedDB or, where that is not possible, in memory for as long as the page lives. */
  | { state: 'ready'; storage: 'indexeddb' | 'memory' }
  /** Consent is pending: events wait in memory. */
  | { state: 'waiting'; code: Code }
  /** Nothing is recorded; the code says why. */
  | { state: 'inert'; code: Code }

/** Whether everything was sent and acknowledged; if not, why. */
export interface FlushResult {
  /** Nothing is pending any more. */
  done: boolean
  /** Why something is: `retrying`, `epochs_apart`, `offline`, `timeout`, or why the client is not at work. */
  code?: Code
}

/** The verdict on one chain. */
export interface ChainVerdict {
  /** The chain's id. */
  chain: string
  /** Rows found. */
  rows: number
  /** The highest seq and one more; 0 without rows. */
  top: number
  /** Rows whose body was erased. */
  erased: number
  /** Whether it holds. */
  verdict: 'holds' | 'tampered'
  /** The first row that does not fit, by seq. */
  first_bad: number | null
  /** The class of damage there. */
  class: 'no_genesis' | 'gap' | 'fork' | 'bad_link' | 'time_back' | null
  /** Rows whose link does not follow from the row and the one before. */
  bad_link: number
  /** Chains without a beginning. */
  no_genesis: number
  /** Places where rows are missing. */
  gaps: number
  /** Places claimed by two rows. */
  forks: number
  /** Rows older than the one before. */
  time_back: number
  /** Rows erased by half: a warning. */
  half_erased: number
}

/** The verdict on everything stored on this device. */
export interface Verdict {
  /** `unchecked`: the check could not run, see `code`; that is never the same as `holds`. */
  verdict: 'holds' | 'tampered' | 'unchecked'
  /** How much the verdict rests on: links alone. It cannot see rows missing at the end of a chain. */
  level: 'chained'
  /** Every chain by itself. */
  chains: ChainVerdict[]
  /** Why the check could not run. */
  code?: Code
}

/**
 * Counts that add up: `captured = stored + waiting + what was dropped before storage`, and
 * `stored = acknowledged + pending + what was dropped after`. Those of the core are kept per device and deployment,
 * those of calls that never reached it per page.
 */
export interface Stats {
  /** Calls that named an event: track, page, identify, group. */
  captured: number
  /** Events that reached storage. */
  stored: number
  /** Events in memory that are not known to be stored. */
  waiting: number
  /** Events sent, each counted once however often it was tried. */
  sent: number
  /** Events the endpoint took. */
  acknowledged: number
  /** Events stored and not settled yet. */
  pending: number
  /** Events lost, by reason. */
  dropped: Record<DropReason, number>
  /** Calls refused for wrong use, by code; not counted as captured. */
  rejected: Record<string, number>
  /** Properties that the schema kept out in this page: `undeclared_property`, `wrong_property`. */
  properties: Record<string, number>
  /** Where events are kept now. */
  storage: 'indexeddb' | 'memory' | 'none'
  /** Chains begun. */
  lanes: number
  /** Events that went without the pseudonym they should have had. */
  pseudonym_failures: number
  /** Chains with a receipt; of these, those whose signature was checked; and those with something wrong about them. */
  receipts: { kept: number; signed: number; contradicted: number }
}

/** One stored event; see docs/BODY.md for what `body` holds. */
export interface Row {
  /** The chain's id: the link of its first row. */
  chain: string
  /** Position in the chain, from 0. */
  seq: number
  /** Time in ms since 1970, never falling within a chain. */
  t: number
  /** SHA-256 over this row and the one before it. */
  link: string
  /** 16 random bytes, hex; gone once erased. */
  salt?: string
  /** The event as one exact JSON string; gone once erased. */
  body?: string
  /** Only in row 0: what it follows, blinded. */
  gprev?: string
  /** Only in an erased row: the commitment to the body that was there. */
  bc?: string
}

/** What {@link Trail.erase} asked of the service, in chains. */
export interface Erasure {
  /** What it was asked to erase; 0 if the endpoint has no {@link Endpoint.erase}. */
  asked: number
  /** Of these, what it says is erased. If that is fewer, only its operator can help: what it took to ask is deleted. */
  erased: number
  /** What it was not asked to erase: chains of earlier epochs, visits or people, see {@link EraseOptions.earlier}. */
  left: number
}

/** Options of {@link Trail.erase}. */
export interface EraseOptions {
  /**
   * Have the service erase also the chains of earlier epochs and visits. Default `false`: their requests would tell it that
   * all of them are this browser's, which nothing else does.
   */
  earlier?: boolean
}

/**
 * Everything stored on this device for the deployment. `readable()` of `nymtrail/rights` makes it one document for people.
 * It holds the tokens by which the chains can be erased.
 */
export interface ExportedData {
  /** The rows, by chain and position. */
  rows: Row[]
  /** The same as newline-delimited JSON, which `nymtrail verify -` reads. */
  ndjson: string
  /** What is kept beside the rows, by key, exactly as it is stored: docs/RIGHTS.md has each record's words. */
  records: Record<string, string>
  /** What the client was set to; `host`: where events go, if the endpoint tells without an event. */
  client: {
    deployment: string
    mode: 'random' | 'salt' | 'secret' | 'audience'
    endpoint: string
    host: string | undefined
  }
  /** Why nothing could be read. */
  code?: Code
}

/**
 * The client. No call throws and no promise rejects, whatever the browser lacks or the network does: the client
 * degrades, counts what it lost in {@link Trail.stats} and warns once per {@link Code} in the console.
 *
 * @typeParam Events - Map from event names to their properties; default: any name, any {@link Props}.
 */
export interface Trail<Events extends EventMap<Events> = Record<string, Props>> {
  /**
   * Records an event.
   * @param name - 1 to 128 characters, else `invalid_name`.
   * @param props - Properties; read at once, so later changes do not matter. Else `invalid_properties`,
   * `unserialisable` or `too_large`.
   * @example `trail.track('checkout', { items: 3 })`
   */
  track<Name extends keyof Events & string>(name: Name, ...props: PropsOf<Events[Name]>): void
  /**
   * Records a page view with the page's URL and referrer, both reduced: path segments that look like an id become
   * `:id`, query and fragment go but for `utm_*` and the option `query`, the referrer keeps its origin.
   * @param name - A name for the kind of page, 1 to 128 characters; default none.
   * @example `trail.page()`
   */
  page(name?: string, props?: Props): void
  /**
   * From here on, events carry the pseudonym of this user. The identifier itself is used within the call, or waits in
   * memory until the client is ready, and is stored and sent nowhere.
   * @param id - A string, or a number; else `invalid_identifier`.
   * @param traits - Properties of the user.
   * @example `trail.identify('ada@example.com', { plan: 'pro' })`
   */
  identify(id: string | number | bigint, traits?: Props, options?: IdentifyOptions): void
  /** Like {@link Trail.identify}, for the organisation the user acts for. */
  group(id: string | number | bigint, traits?: Props, options?: IdentifyOptions): void
  /** Forgets user, group, device and visit, as at a sign-out; nothing after it can be joined to what came before. */
  reset(): void
  /** The present consent. */
  consent(): ConsentState
  /**
   * Sets the consent. `granted` starts the client and replays what waits; `denied` drops what waits and, after
   * `granted`, deletes everything stored and has it erased by the service, as {@link Trail.erase} does; `pending` after `granted` keeps what is stored and lets new events wait.
   * @example `banner.onAccept = () => trail.consent('granted')`
   */
  consent(state: ConsentState): void
  /** Sends what is stored now and resolves when it is settled; at the latest after 30 s (`timeout`). */
  flush(): Promise<FlushResult>
  /** Checks the links of everything stored on this device. */
  verify(): Promise<Verdict>
  /** Counts that add up exactly. */
  stats(): Promise<Stats>
  /**
   * Everything stored on this device; calls that wait for consent are not.
   * @example `download('my-data.json', JSON.stringify(await trail.export(), null, 2))`
   */
  export(): Promise<ExportedData>
  /** What the service has signed of the chains on this device; kept by endpoints that check receipts (`collector`). */
  receipts(): Promise<Receipt[]>
  /**
   * What connects the chains of two epochs, with the option `continuity`: for each pair of chains the text of a file that
   * `nymtrail verify --opening` reads. {@link Trail.erase} and a withdrawn consent delete it too.
   * @param options - `forget`: it is deleted from the device. Once the texts are gone, nobody can show it any more.
   * @example `const [opening] = await trail.continuity({ forget: true })`
   */
  continuity(options?: { forget?: boolean }): Promise<string[]>
  /**
   * Deletes everything stored on this device, also of earlier visits, and sets the consent to `denied`, in the other
   * tabs of the site too; `consent('granted')` begins anew. Warns `erase_failed` if something is left.
   *
   * An endpoint that can (`collector`) then asks the service, once, to erase the chains of the current visitor and epoch:
   * each in a request of its own, and nothing is sent any more. Warns `erasure_unconfirmed` if it did not say that it has.
   * @example
   * ```ts
   * const { asked, erased } = await trail.erase()
   * show(erased < asked ? 'Deleted here. Please write to us about the rest.' : 'Deleted here and on our server.')
   * ```
   */
  erase(options?: EraseOptions): Promise<Erasure>
  /** Resolves when events are recorded, or at once when they are not and why; with `pending`, that is at once. */
  ready(): Promise<ReadyState>
  /** Stores what waits and ends this client; the next `createTrail()` makes a new one. */
  close(): Promise<void>
}

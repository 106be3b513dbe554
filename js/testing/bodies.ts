/** What the sample rows say. Their hashes are in links.ts, which scripts/sample-links.mjs works out from this. */

export const DEPLOYMENT = 'shop'
export const EPOCH = 20781
/** When the first row of each chain was made, in ms since 1970; each further one 10 ms later. */
export const T0 = 1_790_000_000_000

const device = { d: 'vQ5DTnbm0Qmmb5anLHChkw', s: '_YLjt52v6HF-5F2H0kvWxg' }
const user = { ...device, u: 'p1.0kjgA_5tMJc05lhIFTSs9Q' }
const group = { ...user, g: 'p1.q2xEd6Jfhk1bK8mQ0Zc0Ug' }
const open = { x: 'open', v: 1, dep: DEPLOYMENT, ep: EPOCH }

/** So many things. */
const times = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at))

/** The most properties an event may have: 16 KiB of JSON, in strings short enough not to be taken for prose. */
const large = Object.fromEntries(
  times(100, (at) => [`field_${String(at).padStart(2, '0')}`, 'lorem ipsum dolor sit amet, '.repeat(6).slice(0, 149)]),
)

/** Each chain's bodies, in order. */
export const BODIES = {
  /** One of each call. */
  ordinary: [
    open,
    {
      k: 'page',
      ...device,
      c: { url: 'https://shop.example/order/:id?utm_source=mail', ref: 'https://news.example' },
    },
    { k: 'page', n: 'product', ...device, c: { url: 'https://shop.example/shoe' }, p: { colour: 'red' } },
    { k: 'identify', ...user, p: { plan: 'pro' } },
    {
      k: 'track',
      n: 'checkout',
      ...user,
      p: { items: 3, price: 19.5, gift: true, none: null, tags: ['a', 'b'], nested: { deep: { er: 1 } }, text: '' },
    },
    { k: 'group', ...group, p: { seats: 12 } },
  ],
  /** The row that opens a chain, alone. */
  opening: [open],
  /** Nothing but a name. */
  bare: [open, { k: 'track', n: 'sign out', ...device }, { k: 'page', ...device }, { k: 'identify', ...user }],
  /** Characters that need care in JSON, in addresses, in tables, and in UTF-8. */
  unicode: [
    open,
    {
      k: 'track',
      n: 'größe gewählt 👟',
      ...user,
      p: {
        emoji: '👩‍👩‍👧‍👦 🇪🇺',
        right_to_left: 'שלום عالم',
        ключ: 'значение',
        combining: 'e\u0301',
        separators: 'a\u2028b\u2029c',
        markup: '<b>&amp;</b>',
        quoting: `"\\/'\`\t\r\n`,
        address: '?a=1&b=%41+c#d;e',
        table: 'a,b\tc|d',
      },
    },
  ],
  /** Properties named like fields of other services, and like our columns. */
  names: [
    open,
    {
      k: 'track',
      n: 'toString',
      ...user,
      p: {
        ...Object.fromEntries(
          ['chain', 'seq', 't', 'link', 'salt', 'body', 'gprev'].flatMap((column) => [
            [column, 'mine'],
            [`nt_${column}`, 'mine'],
          ]),
        ),
        ...Object.fromEntries(
          ['id', 'uuid', 'name', 'type', 'event', 'user_id', 'distinct_id', 'time', 'timestamp', 'token'].map((key) => [
            key,
            'mine',
          ]),
        ),
        $set: { plan: 'mine' },
        constructor: 'mine',
      },
    },
  ],
  /** One row's body is gone, see {@link ERASED}. */
  erased: [open, ...times(3, (at) => ({ k: 'track', n: 'view', ...user, p: { at } }))],
  /** An event as large as they get. */
  large: [open, { k: 'track', n: 'survey', ...user, p: large }],
  /** A hundred events. */
  many: [open, ...times(100, (at) => ({ k: 'track', n: 'view', ...user, p: { at } }))],
} as const satisfies Record<string, readonly object[]>

/** The name of a chain of samples. */
export type SampleName = keyof typeof BODIES

/** The row of the chain `erased` whose body is gone, by its seq. */
export const ERASED = 2

/** A body, or a row: keys sorted, no white space, in ASCII. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, part) =>
    part && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  ).replace(/[^ -~]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** A row's salt: not random here, so that the samples are the same every time. */
export const saltOf = (seq: number): string => `5a17${seq.toString(16).padStart(28, '0')}`

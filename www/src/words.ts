/** Words for codes, numbers and hashes. One place, so that the same thing has the same name everywhere. */

const CLASSES: Record<string, string> = {
  bad_link: 'its text no longer gives its link, so something in it was changed after it was linked',
  no_genesis: 'the first event of the chain is missing',
  gap: 'an event is missing from the middle of the chain',
  fork: 'two different events claim the same place',
  time_back: 'its time lies before that of the event it follows',
  half_erased: 'its text or its salt is gone, but not both',
  malformed: 'it can’t be read as an event',
}

/** A class of damage in words. */
export const explain = (code: string | null): string =>
  CLASSES[code ?? ''] ?? `the check failed (${code ?? 'no class given'})`

/** The first characters of a hash, enough to tell two apart by eye. */
export const short = (hash: string | undefined, length = 6): string => (hash ?? '').slice(0, length)

/** `1 event`, `2 events`. */
export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${number(count)} ${count === 1 ? one : many}`

/** A number with thousands separated. */
export const number = (value: number): string => value.toLocaleString('en-GB')

/** Wall-clock time of day, to the second. */
export const clock = (ms: number): string => new Date(ms).toLocaleTimeString('en-GB')

/** A hue for a hash, so that equal hashes share a colour. */
export const hueOf = (hash: string): number => Math.round((Number.parseInt(hash.slice(0, 4), 16) / 0xffff) * 360)

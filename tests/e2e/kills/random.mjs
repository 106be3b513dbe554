/**
 * Numbers in [0, 1) that follow from a seed and what they are for (mulberry32 over an FNV-1a hash). Pages run it too, so
 * it stands by itself.
 */
export function randomFrom(...parts) {
  let state = 0x811c9dc5
  for (const char of parts.join('/')) state = Math.imul(state ^ char.charCodeAt(0), 0x01000193)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A whole number from `low` to `high`. */
export const between = (random, low, high) => low + Math.floor(random() * (high - low + 1))

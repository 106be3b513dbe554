/** Something that takes the place of a global until it is removed. */
export interface Installed {
  /** Puts everything back as it was; once is enough, and twice does no harm. */
  remove(): void
}

/** Puts values in the place of properties, also of those that can only be read, and returns what undoes it. */
export function replace(target: object, values: Record<string | symbol, unknown>): () => void {
  const before = Reflect.ownKeys(values).map((key) => {
    const own = Object.getOwnPropertyDescriptor(target, key)
    Object.defineProperty(target, key, { value: values[key], configurable: true, writable: true, enumerable: true })
    return [key, own] as const
  })
  return () => {
    for (const [key, own] of before.splice(0))
      if (own) Object.defineProperty(target, key, own)
      else Reflect.deleteProperty(target, key)
  }
}

/** Tells the page of an event, if there is one. */
export const dispatch = (event: Event): unknown => (globalThis as Partial<typeof globalThis>).dispatchEvent?.(event)

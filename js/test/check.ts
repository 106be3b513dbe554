/** What the adapters' cases need, in any runner: they run in Node and, from Rust, in browsers. */

/** A case succeeds when it resolves. */
export type Cases<Given extends unknown[] = []> = Record<string, (...given: Given) => Promise<void>>

const show = (value: unknown) => (value === undefined ? 'undefined' : JSON.stringify(value))

/** Fails unless both look the same as JSON. */
export function equal(actual: unknown, expected: unknown, about = ''): void {
  const [one, other] = [show(actual), show(expected)].map((text) =>
    text.length > 300 ? `${text.slice(0, 300)}…` : text,
  )
  if (show(actual) !== show(expected)) throw new Error(`${about} expected ${other}, got ${one}`.trimStart())
}

/** Fails unless `promise` rejects with an error of that kind. */
export async function fails(promise: Promise<unknown>, kind: string, about?: string): Promise<void> {
  const settled = await promise.then(
    (value) => ({ value }),
    (error) => ({ name: error?.constructor?.name, kind: error?.kind, isError: error instanceof Error }),
  )
  const name = 'name' in settled ? settled.name : undefined
  equal(settled, { name, kind, isError: true }, about)
}

/** A name of its own for every case, so that none can disturb another, nor a run the next one. */
export const fresh = (what: string): string => `${what} ${Date.now()} ${Math.random()}`

/** Lets what is under way come to an end. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until `done`, which may take long on a busy machine, and fails after five seconds. */
export async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await done()); waited += 10) {
    if (waited > 5000) throw new Error(`this never came true: ${done}`)
    await pause(10)
  }
}

/** Runs `work` while `object[name]` is another property, made from the one it replaces. */
export async function shadowing(
  object: object,
  name: string,
  descriptor: PropertyDescriptor | ((original: (...given: unknown[]) => unknown) => PropertyDescriptor),
  work: () => Promise<void>,
): Promise<void> {
  const own = Object.getOwnPropertyDescriptor(object, name)
  const made = typeof descriptor === 'function' ? descriptor(own?.value) : descriptor
  Object.defineProperty(object, name, { configurable: true, ...made })
  try {
    await work()
  } finally {
    Reflect.deleteProperty(object, name)
    if (own) Object.defineProperty(object, name, own)
  }
}

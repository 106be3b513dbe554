/** The promise, or undefined after `limit` ms. */
export function within<T>(promise: Promise<T> | undefined, limit: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout>
  const late = new Promise<undefined>((done) => {
    timer = setTimeout(() => done(undefined), limit)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

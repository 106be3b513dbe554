/**
 * Web Locks: who writes a lane, who sends. The browser gives a lock back when its page dies, however it dies.
 * There are none in an insecure context, nor in a sandbox, where asking may throw or reject.
 */

/** Whether this browser has Web Locks here. */
export function hasLocks(): boolean {
  try {
    return !!navigator.locks
  } catch {
    return false
  }
}

/** Rejects where there is no lock to be had, else resolves when the lock is given back, or was taken. */
async function request(name: string, options: LockOptions, granted: (release: () => void) => void): Promise<void> {
  // The lock is held until the promise of its callback settles.
  await navigator.locks.request(name, options, (lock) => lock && new Promise<void>(granted))
}

/**
 * Takes the lock `name` if it is free right now.
 * Resolves to what gives it back, or to nothing if it is taken or there are no locks. Never rejects.
 */
export function tryLock(name: string): Promise<(() => void) | undefined> {
  return new Promise((resolve) => {
    const none = () => resolve(undefined)
    request(name, { ifAvailable: true }, resolve).then(none, none)
  })
}

/**
 * Queues for the lock `name`. `granted` is called later, once, with what gives the lock back; where there are no locks
 * it never is. Returns what leaves the queue or, when the lock was granted, gives it back. Never throws.
 */
export function waitLock(name: string, granted: (release: () => void) => void): () => void {
  const controller = new AbortController()
  const { signal } = controller
  let leave = () => controller.abort()
  request(name, { signal }, (release) => {
    // A lock may be granted while the request for it is being withdrawn.
    if (signal.aborted) return release()
    leave = release
    granted(release)
  }).catch(() => {})
  return () => leave()
}

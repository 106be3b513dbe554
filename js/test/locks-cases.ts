/** What locks do, over the Web Locks of a browser. */
import { hasLocks, tryLock, waitLock } from '../browser/locks.ts'
import { type Cases, equal, fresh, pause, shadowing, until } from './check.ts'

type Release = (() => void) | undefined

/** How many hold the lock and how many wait for it, as the browser sees it. */
async function seen(name: string): Promise<string> {
  const { held, pending } = await navigator.locks.query()
  return [held, pending].map((locks) => locks?.filter((lock) => lock.name === name).length).join()
}

/** Queues for `name`; `log` says when it was granted. */
function queue(name: string, log: string[], me: string): { leave: () => void; release: () => void } {
  let release: Release
  const leave = waitLock(name, (given) => {
    log.push(me)
    release = given
  })
  return { leave, release: () => release?.() }
}

export const locksCases: Cases = {
  async 'a lock has one holder'() {
    const name = fresh('exclusive')
    equal(hasLocks(), true)
    const release = await tryLock(name)
    equal(typeof release, 'function')
    equal(await tryLock(name), undefined)
    const other = await tryLock(fresh('another'))
    equal(typeof other, 'function')
    equal(await seen(name), '1,0')
    release?.()
    other?.()
    await until(async () => (await seen(name)) === '0,0')
    const again = await tryLock(name)
    equal(typeof again, 'function')
    again?.()
    again?.()
  },

  async 'a released lock goes to who waits longest'() {
    const name = fresh('queue')
    const log: string[] = []
    const release = await tryLock(name)
    const [first, second] = [queue(name, log, 'first'), queue(name, log, 'second')]
    await until(async () => (await seen(name)) === '1,2')
    equal(log, [])
    release?.()
    await until(() => log.length > 0)
    await pause(30)
    equal(log, ['first'])
    first.release()
    await until(() => log.length > 1)
    equal(log, ['first', 'second'])
    second.release()
    await until(async () => (await seen(name)) === '0,0')
  },

  async 'a free lock is granted later, not inside the call'() {
    const log: string[] = []
    const { release } = queue(fresh('free'), log, 'granted')
    equal(log, [])
    await until(() => log.length > 0)
    release()
  },

  async 'who leaves the queue is never called'() {
    const name = fresh('cancelled')
    const log: string[] = []
    const release = await tryLock(name)
    const [first, second] = [queue(name, log, 'first'), queue(name, log, 'second')]
    first.leave()
    first.leave()
    await until(async () => (await seen(name)) === '1,1')
    release?.()
    await until(() => log.length > 0)
    await pause(30)
    equal(log, ['second'])
    second.release()
  },

  async 'who leaves the queue at once holds nothing'() {
    const name = fresh('left at once')
    const log: string[] = []
    queue(name, log, 'me').leave()
    await pause(50)
    equal([log, await seen(name)], [[], '0,0'])
  },

  async 'a lock granted while its request is withdrawn is given back'() {
    // A moment too rare to wait for, so it is made by hand.
    let held: Promise<unknown> | undefined
    const late = async (_name: string, _options: LockOptions, granted: (lock: object) => Promise<unknown>) => {
      await pause(5)
      held = granted({})
      await held
    }
    const log: string[] = []
    await shadowing(Object.getPrototypeOf(navigator), 'locks', { value: { request: late } }, async () => {
      queue('late', log, 'me').leave()
      await until(() => held !== undefined)
    })
    const given = await Promise.race([held?.then(() => 'given back'), pause(1000).then(() => 'kept')])
    equal([log, given], [[], 'given back'])
  },

  async 'what waitLock returns gives a granted lock back'() {
    const name = fresh('granted')
    const log: string[] = []
    const { leave } = queue(name, log, 'me')
    await until(() => log.length > 0)
    equal(await seen(name), '1,0')
    leave()
    await until(async () => (await seen(name)) === '0,0')
  },

  async 'a lock is given back when what it was granted to throws'() {
    const name = fresh('throwing')
    waitLock(name, () => {
      throw new Error('a bug of the caller')
    })
    await pause(30)
    await until(async () => (await seen(name)) === '0,0')
  },

  async 'without Web Locks there is no lock to be had'() {
    const refuse = () => {
      throw new DOMException('no', 'SecurityError')
    }
    const reject = () => Promise.reject(new DOMException('no', 'SecurityError'))
    for (const descriptor of [
      { value: undefined },
      { get: refuse },
      { value: { request: refuse } },
      { value: { request: reject } },
    ])
      await shadowing(Object.getPrototypeOf(navigator), 'locks', descriptor, async () => {
        const there = typeof descriptor.value === 'object'
        equal(hasLocks(), there)
        equal(await tryLock('missing'), undefined)
        const log: string[] = []
        const { leave } = queue('missing', log, 'granted')
        await pause(10)
        equal(log, [])
        leave()
      })
  },
}

import { type Installed, replace } from './install.js'

/** Time that passes only when it is told to. */
export interface FakeClock extends Installed {
  /** The time, in ms since 1970. */
  readonly now: number
  /**
   * Lets time pass: timers that are due run in order, each at its time, and what they start may go on for some ten ms
   * of real time before the next one does. What may take longer, wait for by itself.
   */
  advance(ms: number): Promise<void>
  /** Sets what `Date` says, without a timer that runs: as when someone sets the clock of the device. */
  set(now: number): void
}

interface Timer {
  due: number
  run: () => void
  /** For an interval. */
  every: number | undefined
}

/** Turns of the real event loop that what a timer has started may take: as many as a request and a write need. */
const TURNS = 10

/**
 * Puts a clock in the place of `Date`, `performance.now()`, timeouts and intervals, until `remove()`. Fake timers of a
 * test runner do as well; this one is the same in all of them, and gives requests and storage time to go on.
 *
 * @param start - When it is, in ms since 1970. Default: now.
 * @example
 * ```ts
 * const clock = fakeClock(Date.UTC(2026, 10, 24))
 * await clock.advance(5000)
 * clock.remove()
 * ```
 */
export function fakeClock(start: number = Date.now()): FakeClock {
  const { setTimeout: later, Date: RealDate } = globalThis
  const timers = new Map<number, Timer>()
  let last = 0
  /** What `Date` says, and how much time has passed. */
  let now = start
  let passed = 0

  const breathe = async () => {
    for (let turn = 0; turn < TURNS; turn++) await new Promise((done) => later(done, 0))
  }

  const begin = (repeat: boolean) =>
    function startTimer(run: (...values: unknown[]) => void, delay?: number, ...values: unknown[]) {
      const wait = Math.max(repeat ? 1 : 0, Number(delay) || 0)
      timers.set(++last, {
        due: passed + wait,
        run: () => run(...values),
        every: repeat ? wait : undefined,
      })
      return last
    }
  const end = (id: number | undefined) => void timers.delete(id as number)

  class FakeDate extends RealDate {
    constructor(...values: unknown[]) {
      super(...((values.length ? values : [now]) as [number]))
    }
    static override now() {
      return now
    }
  }

  const undo = [
    replace(globalThis, {
      Date: FakeDate,
      setTimeout: begin(false),
      setInterval: begin(true),
      clearTimeout: end,
      clearInterval: end,
    }),
    replace(performance, { now: () => passed }),
  ]

  return {
    get now() {
      return now
    },
    set(to) {
      now = to
    },
    async advance(ms) {
      const until = passed + ms
      await breathe()
      for (;;) {
        const [next] = [...timers].filter(([, { due }]) => due <= until).sort(([, a], [, b]) => a.due - b.due)
        const to = next ? Math.max(passed, next[1].due) : until
        now += to - passed
        passed = to
        if (!next) return
        const [id, timer] = next
        if (timer.every) timer.due += timer.every
        else timers.delete(id)
        timer.run()
        await breathe()
      }
    },
    remove() {
      for (const each of undo.splice(0)) each()
    },
  }
}

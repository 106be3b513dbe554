// A clock of the page that tests can set and let run: for `site.head`.

/** Runs in the page before anything else: `window.clock`. */
function install() {
  const date = Date.now
  const since = performance.now.bind(performance)
  const { setTimeout: later, clearTimeout: notLater } = window
  /** How far the time of day and the time since the start are ahead of the real ones, in ms. */
  let [wall, mono] = [0, 0]
  const timers = new Map()
  let last = 1 << 20
  Date.now = () => Math.floor(date() + wall)
  performance.now = () => since() + mono

  function start(timer) {
    timer.due = performance.now() + timer.ms
    timer.real = later(() => fire(timer), timer.ms)
  }
  function fire(timer) {
    notLater(timer.real)
    if (timer.repeats) start(timer)
    else timers.delete(timer.id)
    timer.work(...timer.args)
  }
  const set =
    (repeats) =>
    (work, ms = 0, ...args) => {
      const timer = { id: ++last, work, ms: Math.max(Number(ms) || 0, repeats ? 1 : 0), args, repeats }
      timers.set(timer.id, timer)
      start(timer)
      return timer.id
    }
  function clear(id) {
    notLater(timers.get(id)?.real ?? id)
    timers.delete(id)
  }
  Object.assign(window, { setTimeout: set(false), setInterval: set(true), clearTimeout: clear, clearInterval: clear })

  /** What a timer has begun, such as a request to this machine, gets some real time. */
  const pause = () => new Promise((done) => later(done, 20))
  window.clock = {
    /** What time of day it is; the time since the start knows nothing of that. */
    set: (now) => {
      wall = now - date()
    },
    /** The device sleeps: both times go on, and no timer runs until it wakes. */
    sleep: async (ms) => {
      wall += ms
      mono += ms
      for (const timer of [...timers.values()].filter(({ due }) => due <= performance.now())) fire(timer)
      await pause()
    },
    /** So many ms go by, and each timer runs when it is due. */
    pass: async (ms) => {
      const end = performance.now() + ms
      for (;;) {
        const [next] = [...timers.values()].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)
        const step = Math.max(0, (next ? next.due : end) - performance.now())
        wall += step
        mono += step
        if (next) fire(next)
        await pause()
        if (!next) return
      }
    },
  }
}

/** The clock, as a script. */
export const CLOCK = `;(${install})();`

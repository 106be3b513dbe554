// What both browsers' pages have in common.
import { spawnSync } from 'node:child_process'

/** Resolves once `check` is true (or gives something true), which is the result; rejects after `timeout` ms. */
export async function until(check, what = String(check), timeout = 10_000) {
  const end = Date.now() + timeout
  for (;;) {
    const found = await check()
    if (found) return found
    if (Date.now() > end) throw new Error(`Waited ${timeout} ms in vain: ${what}`)
    await sleep(25)
  }
}

/** @param {number} ms */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** The browser's program, from the environment or from PATH. */
export function programOf(name, variable) {
  const named = process.env[variable]
  if (named) return named
  const { stdout } = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' })
  if (!stdout.trim()) throw new Error(`${name} is not installed; npm run setup -- --for test installs it.`)
  return stdout.trim()
}

/** One tab. `console` holds what the page printed, `errors` the exceptions that nobody caught. */
export class Page {
  console = []
  errors = []

  /** @param page of Playwright or Puppeteer: what is used of it here is the same in both */
  constructor(page) {
    this.page = page
  }

  goto(url) {
    return this.page.goto(url, { waitUntil: 'load' })
  }

  /** Runs `work` in the page, in one task; `argument` and the result cross as JSON. */
  evaluate(work, argument) {
    return this.page.evaluate(work, argument)
  }

  /** Runs `work`, which makes the page go away, so that its result may never come. */
  async evaluateLast(work, argument) {
    await this.page.evaluate(work, argument).catch(() => {})
  }

  /** Waits until `check`, run in the page, gives something true. */
  until(check, argument, timeout) {
    // A page that is being replaced cannot answer for a moment.
    return until(() => this.page.evaluate(check, argument).catch(() => false), String(check), timeout)
  }

  /** Waits until the page is at an address that ends so, and loaded. */
  at(path) {
    return this.until(
      (wanted) => (location.pathname + location.search).endsWith(wanted) && document.readyState === 'complete',
      path,
    )
  }

  /** Makes it the tab that is looked at. */
  front() {
    return this.page.bringToFront()
  }

  click(selector) {
    return this.page.click(selector)
  }

  type(selector, text) {
    return this.page.type(selector, text)
  }

  reload() {
    return this.page.reload({ waitUntil: 'load' })
  }

  close() {
    return this.page.close()
  }

  /** Warnings of the client, by code, each as often as it was printed. */
  warnings(type = 'warning') {
    const codes = this.console
      .filter((line) => line.type === type)
      .map((line) => /^\[nymtrail\] (\w+):/.exec(line.text)?.[1])
    return codes.filter(Boolean)
  }
}

// Chromium, driven by Playwright. The same interface as firefox.mjs.
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { filesIn } from '../storage.mjs'
import { Page, programOf } from './page.mjs'

const options = {
  executablePath: programOf('chromium', 'CHROMIUM_BIN'),
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
  // Playwright switches the back/forward cache off; visitors have it.
  ignoreDefaultArgs: ['--disable-back-forward-cache'],
}

/** Everything through a proxy, also what is for this machine. */
const proxied = (proxy) => [`--proxy-server=${proxy}`, '--proxy-bypass-list=<-loopback>']

class ChromiumPage extends Page {
  constructor(page) {
    super(page)
    page.on('console', (message) => this.console.push({ type: message.type(), text: message.text() }))
    page.on('pageerror', (error) => this.errors.push(String(error?.message ?? error)))
  }

  /** What the page's scripts still hold once garbage is collected, in V8's format. */
  async heap() {
    const control = await this.page.context().newCDPSession(this.page)
    const chunks = []
    control.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => chunks.push(chunk))
    // What the first round finalises, the next ones collect.
    for (let round = 0; round < 3; round++) await control.send('HeapProfiler.collectGarbage')
    await control.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false })
    await control.detach()
    return JSON.parse(chunks.join(''))
  }

  viewport(width, height) {
    return this.page.setViewportSize({ width, height })
  }

  /** Stops all service workers of this profile, as the browser does with idle ones. */
  async stopServiceWorkers() {
    const control = await this.page.context().newCDPSession(this.page)
    await control.send('ServiceWorker.enable')
    await control.send('ServiceWorker.stopAllWorkers')
    await control.detach()
  }
}

/** One visitor: pages of one profile share storage, locks and channels; those of another profile share nothing. */
class ChromiumProfile {
  constructor(context) {
    this.context = context
    this.pages = []
  }

  async open(url) {
    const page = new ChromiumPage(await this.context.newPage())
    this.pages.push(page)
    if (url) await page.goto(url)
    return page
  }

  /** The page that a click or script in another one opens. */
  async opened(trigger) {
    const [page] = await Promise.all([this.context.waitForEvent('page'), trigger()])
    await page.waitForLoadState()
    const popup = new ChromiumPage(page)
    this.pages.push(popup)
    return popup
  }

  offline(off) {
    return this.context.setOffline(off)
  }

  close() {
    return this.context.close()
  }
}

/**
 * A browser whose profiles are gone with them.
 * @param proxy host and port that everything goes through
 * @param locale such as `tr-TR`, for the scripts of pages
 */
export async function launch({ proxy, locale } = {}) {
  const browser = await chromium.launch({ ...options, args: [...options.args, ...(proxy ? proxied(proxy) : [])] })
  return {
    version: `Chromium ${browser.version()}`,
    profile: async () => new ChromiumProfile(await browser.newContext({ ...(locale && { locale }) })),
    close: () => browser.close(),
  }
}

/** A browser whose only profile is kept in `directory`; `kill` ends it as a crash would. */
export async function launchOn(directory) {
  // What a killed browser leaves behind would keep the next one from starting.
  for (const name of ['SingletonLock', 'SingletonCookie', 'SingletonSocket'])
    rmSync(join(directory, name), { force: true })
  const context = await chromium.launchPersistentContext(directory, options)
  const profile = new ChromiumProfile(context)
  const pid = processOn(directory)
  return {
    version: `Chromium ${context.browser().version()}`,
    profile: async () => profile,
    close: () => context.close(),
    async kill() {
      const gone = new Promise((resolve) => context.on('close', resolve))
      // The whole group: no process that outlives the browser's may write what is left.
      process.kill(-pid, 'SIGKILL')
      await gone
    },
  }
}

/** The browser process itself, not one of its children, that was started on `directory`. */
function processOn(directory) {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    let args = []
    try {
      args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    } catch {
      continue // ended meanwhile
    }
    if (args.includes(`--user-data-dir=${directory}`) && !args.some((arg) => arg.startsWith('--type=')))
      return Number(pid)
  }
  throw new Error('The browser process was not found.')
}

/** What the profile in `directory` has on the disk of IndexedDB, as { path, bytes }. */
export const databasesIn = (directory) => filesIn(join(directory, 'Default', 'IndexedDB'))

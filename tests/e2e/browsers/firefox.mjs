// Firefox, driven by Puppeteer over WebDriver BiDi. The same interface as chromium.mjs.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import puppeteer from 'puppeteer-core'
import { filesIn } from '../storage.mjs'
import { Page, programOf, until } from './page.mjs'

const options = {
  browser: 'firefox',
  executablePath: programOf('firefox-esr', 'FIREFOX_BIN'),
  headless: true,
  defaultViewport: { width: 1280, height: 720 },
}

/** Everything through a proxy, also what is for this machine. */
function proxied(proxy) {
  const [host, port] = proxy.split(':')
  return {
    'network.proxy.type': 1,
    'network.proxy.http': host,
    'network.proxy.http_port': Number(port),
    'network.proxy.ssl': host,
    'network.proxy.ssl_port': Number(port),
    'network.proxy.no_proxies_on': '',
    'network.proxy.allow_hijacking_localhost': true,
  }
}

/** The language that pages speak; no language pack is needed for that. */
const speaking = (locale) => ({
  prefs: { 'intl.regional_prefs.use_os_locales': true, 'intl.accept_languages': locale },
  env: { ...process.env, LANG: `${locale.replace('-', '_')}.UTF-8`, LC_ALL: `${locale.replace('-', '_')}.UTF-8` },
})

class FirefoxPage extends Page {
  constructor(page) {
    super(page)
    page.on('console', (message) => {
      // BiDi says "warning" or "warn", depending on the version.
      const type = message.type()
      this.console.push({ type: type === 'warn' ? 'warning' : type, text: message.text() })
    })
    page.on('pageerror', (error) => {
      const text = String(error?.message ?? error)
      // What the browser itself notes about a policy comes this way, too, though nothing threw.
      if (text.startsWith('Content-Security-Policy:')) this.console.push({ type: 'error', text })
      else this.errors.push(text)
    })
  }

  viewport(width, height) {
    return this.page.setViewport({ width, height })
  }

  /** Nobody can stop a service worker here: it stops when it was idle for as long as {@link launch} was told. */
  async stopServiceWorkers() {}
}

/** One visitor: pages of one profile share storage, locks and channels; those of another profile share nothing. */
class FirefoxProfile {
  constructor(context, close) {
    this.context = context
    this.close = close
    this.pages = []
  }

  async open(url) {
    const page = new FirefoxPage(await this.context.newPage())
    this.pages.push(page)
    if (url) await page.goto(url)
    return page
  }

  /** The page that a click or script in another one opens. */
  async opened(trigger) {
    const known = new Set(await this.context.pages())
    await trigger()
    for (let tries = 0; tries < 100; tries++) {
      const page = (await this.context.pages()).find((one) => !known.has(one))
      if (page) {
        const popup = new FirefoxPage(page)
        this.pages.push(popup)
        return popup
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error('No page was opened.')
  }

  async offline(off) {
    for (const { page } of this.pages) await page.setOfflineMode(off)
  }
}

/**
 * A browser whose profiles are gone with them.
 * @param idle how long a service worker may be idle before it is stopped, in ms; by itself 30 s
 * @param proxy host and port that everything goes through
 * @param locale such as `tr-TR`
 */
export async function launch({ idle, proxy, locale } = {}) {
  const { prefs, env } = locale ? speaking(locale) : {}
  const idles = ['idle_timeout', 'idle_extended_timeout'].map((name) => [`dom.serviceWorkers.${name}`, idle])
  const extraPrefsFirefox = { ...(idle && Object.fromEntries(idles)), ...(proxy && proxied(proxy)), ...prefs }
  const browser = await puppeteer.launch({ ...options, extraPrefsFirefox, ...(env && { env }) })
  return {
    version: (await browser.version()).replace('/', ' '),
    async profile() {
      const context = await browser.createBrowserContext()
      return new FirefoxProfile(context, () => context.close())
    },
    close: () => browser.close(),
  }
}

/** A browser whose only profile is kept in `directory`; `kill` ends it as a crash would. */
export async function launchOn(directory) {
  const browser = await puppeteer.launch({ ...options, userDataDir: directory })
  const profile = new FirefoxProfile(browser.defaultBrowserContext(), async () => {})
  return {
    version: (await browser.version()).replace('/', ' '),
    profile: async () => profile,
    close: () => browser.close(),
    async kill() {
      const child = browser.process()
      const gone = new Promise((resolve) => child.once('exit', resolve))
      // The whole group: no process that outlives the browser's may write what is left.
      process.kill(-child.pid, 'SIGKILL')
      await gone
      // Puppeteer puts the profile's own preferences back now; the next start must not meet that half done.
      const backups = ['prefs.js', 'user.js'].map((name) => join(directory, `${name}.puppeteer`))
      await until(() => !backups.some((path) => existsSync(path)), 'the preferences are back')
    },
  }
}

/** What the profile in `directory` has on the disk of IndexedDB, as { path, bytes }: the files, and the values unpacked. */
export function databasesIn(directory) {
  const folder = join(directory, 'storage', 'default')
  const unpack = fileURLToPath(new URL('../firefox_values.py', import.meta.url))
  const bytes = execFileSync('python3', [unpack, folder])
  return [...filesIn(folder), { path: 'values', bytes }]
}

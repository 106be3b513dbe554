// Counts every way there is in a page to store, to fetch, to send and to speak to other pages: for `site.head`.

/** Runs in the page before anything else. `touched` has counts by name, `trapped` the names that this browser has. */
function install() {
  const touched = {}
  const trapped = []
  const count = (name) => {
    touched[name] = (touched[name] ?? 0) + 1
  }
  /** Where a member is defined: on the object itself, or on what it inherits from. */
  const find = (holder, name) => {
    for (let owner = holder; owner; owner = Object.getPrototypeOf(owner)) {
      const found = Object.getOwnPropertyDescriptor(owner, name)
      if (found) return [owner, found]
    }
    return []
  }
  /** Counts each call of a method. */
  const method = (holder, name, label) => {
    const [owner, found] = find(holder, name)
    if (typeof found?.value !== 'function') return
    trapped.push(label)
    owner[name] = function (...args) {
      count(label)
      return found.value.apply(this, args)
    }
  }
  /** Counts each look at an attribute, and each change of it. */
  const attribute = (holder, name, label) => {
    const [owner, found] = find(holder, name)
    if (!found?.get) return
    trapped.push(label)
    Object.defineProperty(owner, name, {
      ...found,
      get() {
        count(label)
        return found.get.call(this ?? window)
      },
      set(value) {
        count(label)
        found.set?.call(this ?? window, value)
      },
    })
  }
  const made = (name) => {
    if (!window[name]) return
    trapped.push(name)
    window[name] = new Proxy(window[name], {
      construct(target, args) {
        count(name)
        return Reflect.construct(target, args)
      },
    })
  }
  const methods = (type, names, label = type) => {
    for (const name of names) if (window[type]) method(window[type].prototype, name, `${label}.${name}`)
  }
  methods('IDBFactory', ['open', 'deleteDatabase', 'databases', 'cmp'], 'indexedDB')
  methods('Storage', ['getItem', 'setItem', 'removeItem', 'key', 'clear'])
  methods('CacheStorage', ['open', 'match', 'has', 'keys', 'delete'], 'caches')
  methods('CookieStore', ['get', 'getAll', 'set', 'delete'], 'cookieStore')
  methods('LockManager', ['request', 'query'], 'locks')
  methods('StorageManager', ['persist', 'persisted', 'estimate', 'getDirectory'], 'storage')
  methods('ServiceWorkerContainer', ['register', 'getRegistration', 'getRegistrations'], 'serviceWorker')
  methods('XMLHttpRequest', ['open', 'send'])
  methods('Navigator', ['sendBeacon'], 'navigator')
  methods('Document', ['requestStorageAccess', 'hasStorageAccess'], 'document')
  methods('History', ['pushState', 'replaceState'], 'history')
  method(window, 'fetch', 'fetch')
  method(window, 'open', 'window.open')
  for (const name of ['indexedDB', 'localStorage', 'sessionStorage', 'caches', 'cookieStore', 'name'])
    attribute(window, name, `window.${name}`)
  for (const name of ['locks', 'storage', 'serviceWorker', 'credentials'])
    attribute(Navigator.prototype, name, `navigator.${name}`)
  attribute(Document.prototype, 'cookie', 'document.cookie')
  for (const [type, name] of [
    ['HTMLImageElement', 'src'],
    ['HTMLScriptElement', 'src'],
    ['HTMLIFrameElement', 'src'],
    ['HTMLLinkElement', 'href'],
  ])
    attribute(window[type].prototype, name, `${type}.${name}`)
  for (const name of [
    'BroadcastChannel',
    'WebSocket',
    'EventSource',
    'Worker',
    'SharedWorker',
    'Image',
    'RTCPeerConnection',
    'WebTransport',
  ])
    made(name)
  Object.assign(window, { touched, trapped })
}

/** The traps, as a script. */
export const TRAPS = `;(${install})();`

/** What was touched so far: counts by name. */
export const touched = (page) => page.evaluate(() => globalThis.touched)

/** What each browser has at the least: without one of these the traps would prove nothing. */
export const LEAST = [
  'indexedDB.open',
  'indexedDB.deleteDatabase',
  'indexedDB.databases',
  'Storage.getItem',
  'Storage.setItem',
  'window.indexedDB',
  'window.localStorage',
  'window.sessionStorage',
  'window.caches',
  'caches.open',
  'document.cookie',
  'locks.request',
  'storage.persist',
  'storage.estimate',
  'serviceWorker.register',
  'navigator.serviceWorker',
  'navigator.sendBeacon',
  'fetch',
  'XMLHttpRequest.open',
  'BroadcastChannel',
  'WebSocket',
  'EventSource',
  'Worker',
  'Image',
]

/** Runs in a page: touches everything there is once, so that each trap must count. Nothing of it needs to succeed. */
export async function touchAll() {
  const tried = async (work) => {
    try {
      const made = await Promise.race([work(), new Promise((done) => setTimeout(done, 200))])
      made?.close?.()
      made?.terminate?.()
    } catch {
      // What a browser refuses was called all the same.
    }
  }
  const { indexedDB, caches, cookieStore, navigator, document, history } = window
  await tried(() => indexedDB.open('control'))
  await tried(() => indexedDB.databases())
  await tried(() => indexedDB.cmp(1, 2))
  await tried(() => indexedDB.deleteDatabase('control'))
  for (const area of [localStorage, sessionStorage]) {
    area.setItem('control', '1')
    area.getItem('control')
    area.key(0)
    area.removeItem('control')
    area.clear()
  }
  for (const name of ['open', 'match', 'has', 'delete']) await tried(() => caches[name]('control'))
  await tried(() => caches.keys())
  await tried(() => cookieStore?.set('control', '1'))
  for (const name of ['get', 'getAll', 'delete']) await tried(() => cookieStore?.[name]('control'))
  await tried(() => navigator.locks.request('control', () => {}))
  await tried(() => navigator.locks.query())
  for (const name of ['persisted', 'persist', 'estimate', 'getDirectory']) await tried(() => navigator.storage[name]())
  await tried(() => navigator.serviceWorker.register('/none.js'))
  await tried(() => navigator.serviceWorker.getRegistration())
  await tried(() => navigator.serviceWorker.getRegistrations())
  await tried(() => navigator.credentials)
  await tried(() => {
    const request = new XMLHttpRequest()
    request.open('GET', '/control')
    request.send()
  })
  await tried(() => navigator.sendBeacon('/control', '1'))
  await tried(() => document.requestStorageAccess?.())
  await tried(() => document.hasStorageAccess?.())
  await tried(() => history.replaceState(null, ''))
  await tried(() => history.pushState(null, ''))
  await tried(() => fetch('/control'))
  await tried(() => window.open('', '_self'))
  document.cookie = `control=1; max-age=0${document.cookie && ''}`
  window.name = ''
  for (const [tag, name] of [
    ['img', 'src'],
    ['script', 'src'],
    ['iframe', 'src'],
    ['link', 'href'],
  ])
    document.createElement(tag)[name] = '/control'
  for (const [name, ...args] of [
    ['BroadcastChannel', 'control'],
    ['WebSocket', 'ws://127.0.0.1:9/'],
    ['EventSource', '/control'],
    ['Worker', '/none.js'],
    ['SharedWorker', '/none.js'],
    ['Image'],
    ['RTCPeerConnection'],
    ['WebTransport', 'https://127.0.0.1:9/'],
  ])
    await tried(() => window[name] && new window[name](...args))
  return globalThis.trapped.filter((name) => !globalThis.touched[name])
}

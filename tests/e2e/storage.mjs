// Everything the browser keeps for an origin, as the page sees it and as the files on the disk have it.
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** All that scripts of the page can read back, as one text, and the names of the databases. */
export function dump(page) {
  return page.evaluate(async () => {
    const done = (request) =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(request.error)
      })
    const text = (value) => JSON.stringify(value, (_, part) => (ArrayBuffer.isView(part) ? [...part] : part))
    const parts = [document.cookie, text({ ...localStorage }), text({ ...sessionStorage }), text(await caches.keys())]
    const databases = []
    for (const { name } of await indexedDB.databases()) {
      const request = indexedDB.open(name)
      // It was deleted since it was listed: opening it must not bring it back.
      request.onupgradeneeded = () => request.transaction.abort()
      const database = await done(request).catch((error) => {
        if (error.name !== 'AbortError') throw error
      })
      if (!database) continue
      databases.push(name)
      parts.push(name)
      for (const store of database.objectStoreNames) {
        const source = database.transaction(store).objectStore(store)
        parts.push(store, text(await done(source.getAllKeys())), text(await done(source.getAll())))
        // As they are, too, and not only as JSON: escapes must not hide anything.
        for (const value of await done(source.getAll())) parts.push(String(value))
      }
      database.close()
    }
    return { databases, text: parts.join('\n') }
  })
}

/** The bytes of all files below `directory`, by path. */
export function filesIn(directory) {
  return readdirSync(directory, { recursive: true })
    .map((name) => join(directory, name))
    .filter((path) => lstatSync(path).isFile())
    .map((path) => ({ path, bytes: readFileSync(path) }))
}

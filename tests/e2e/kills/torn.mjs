// LevelDB's write-ahead log, behind Chromium's IndexedDB: whether its last record was written to its end.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The format of LevelDB's logs: doc/log_format.md there. */
const BLOCK = 32_768
const HEADER = 7
const FULL = 1
const LAST = 4

/** The newest log of each database below `directory`. */
export function logsIn(directory) {
  const newest = new Map()
  for (const name of readdirSync(directory, { recursive: true }).sort()) {
    const [, folder] = /^(.*)\d{6}\.log$/.exec(name) ?? []
    if (folder) newest.set(folder, join(directory, name))
  }
  return [...newest.values()]
}

/** Whether the log ends in the middle of a record, as when its writer was killed while it wrote. */
export function isTorn(bytes) {
  let type = FULL
  for (let at = 0; at < bytes.length; ) {
    const left = BLOCK - (at % BLOCK)
    if (left < HEADER) {
      at += left
      continue
    }
    if (bytes.length - at < HEADER) return true
    const end = at + HEADER + bytes.readUInt16LE(at + 4)
    if (end > bytes.length) return true
    type = bytes[at + 6]
    at = end
  }
  return type !== FULL && type !== LAST
}

/** How many databases below `directory` have such a log. */
export const tornLogs = (directory) => logsIn(directory).filter((path) => isTorn(readFileSync(path))).length

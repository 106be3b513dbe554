// The endpoints, the client's own transport, and the rows and doubles of their unit tests, bundled from source for Node.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { root } from '../../../scripts/lib/tools.mjs'
import { folder } from './install.mjs'

/** The file that the doubles read others beside; a bundle has another address. */
const here = pathToFileURL(join(root, 'js/test/endpoints/doubles/any.ts')).href

/**
 * `{ endpoints, doubles, makeTransport, deliver, sendAll, chainOf, manyRows, longRows, erased, batchOf, exampleRows, verifyColumns, … }`:
 * every export of js/endpoints/*.ts, js/transport.ts and js/test/endpoints/{harness,rows,doubles/*}.ts.
 */
export async function loadSdk() {
  const all = (name, folder) => {
    const files = readdirSync(join(root, folder)).filter((file) => file.endsWith('.ts'))
    const modules = files.map((file, at) => `import * as ${name}${at} from './${folder}/${file}'`)
    return [...modules, `export const ${name} = { ${files.map((_, at) => `...${name}${at}`).join(', ')} }`]
  }
  const outfile = join(folder, 'sdk.mjs')
  await build({
    stdin: {
      contents: [
        ...all('endpoints', 'js/endpoints'),
        ...all('doubles', 'js/test/endpoints/doubles'),
        "export * from './js/transport.ts'",
        "export * from './js/test/endpoints/harness.ts'",
        "export * from './js/test/endpoints/rows.ts'",
        "export * from './js/endpoints/lib/event.ts'",
      ].join('\n'),
      resolveDir: root,
      loader: 'ts',
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    define: { 'import.meta.url': JSON.stringify(here) },
    logLevel: 'error',
  })
  return import(pathToFileURL(outfile).href)
}

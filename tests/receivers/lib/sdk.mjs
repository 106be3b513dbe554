// The endpoints, the client's own transport and the rows of their unit tests, bundled from source for Node.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { root } from '../../../scripts/lib/tools.mjs'
import { folder } from './install.mjs'

/**
 * `{ endpoints, makeTransport, deliver, sendAll, chainOf, manyRows, longRows, erased, batchOf, exampleRows, verifyColumns, … }`:
 * every export of js/endpoints/*.ts, js/transport.ts and js/test/endpoints/{harness,rows}.ts.
 */
export async function loadSdk() {
  const names = readdirSync(join(root, 'js/endpoints')).filter((file) => file.endsWith('.ts'))
  const outfile = join(folder, 'sdk.mjs')
  await build({
    stdin: {
      contents: [
        ...names.map((file, at) => `import * as module${at} from './js/endpoints/${file}'`),
        `export const endpoints = { ${names.map((_, at) => `...module${at}`).join(', ')} }`,
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
    logLevel: 'error',
  })
  return import(pathToFileURL(outfile).href)
}

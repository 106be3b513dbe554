/** The examples of docs/TESTING.md are the files in examples/, which run as tests. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import * as testing from '../../testing.ts'

const page = readFileSync(new URL('../../../docs/TESTING.md', import.meta.url), 'utf8')
const folder = new URL('examples/', import.meta.url)
const js = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** Code of the page, as a file in examples/ has it. */
const blocks = [...page.matchAll(/```(?:ts|js)\n(.*?)```/gs)].map(([, code]) =>
  code?.replace("'nymtrail/testing'", "'../../../testing.ts'").replace("'nymtrail'", "'../../../index.ts'"),
)

test('every example is a file that runs, and every such file is in the page', () => {
  const files = readdirSync(folder).map((file) => readFileSync(new URL(file, folder), 'utf8'))
  const local = files.map((code) => code.replace("'nymtrail/testing'", "'../../../testing.ts'"))
  expect([...blocks].sort()).toEqual(local.sort())
})

test('the example for another runner runs in it', async () => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('runner.mjs', folder))],
    alias: { 'nymtrail/testing': js('testing.ts'), 'nymtrail/endpoints/json': js('endpoints/json.ts') },
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
  })
  const printed = execFileSync(process.execPath, ['--input-type=module', '-'], {
    input: outputFiles[0]?.text ?? '',
    encoding: 'utf8',
    // Node's runner must not take this one for its parent.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  })
  const cases = testing.endpointConformance(() => ({}) as never).length
  expect(printed).toMatch(new RegExp(`pass ${cases}\\n`))
  expect(printed).toMatch(/fail 0\n/)
})

test('every function of the module is in the page', () => {
  for (const name of Object.keys(testing)) expect(page, name).toContain(`\`${name}(`)
})

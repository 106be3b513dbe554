// The package as its users meet it: packed, installed, type-checked, bundled by each bundler, and run in a browser.
import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { transform } from 'esbuild'
import { chromium } from 'playwright-core'
import { packageEntries } from '../../scripts/lib/package.mjs'
import { needTool } from '../../scripts/lib/tools.mjs'
import { bundlers } from './bundlers.mjs'
import { filesBelow, install, output, repository } from './project.mjs'
import { STRICT, serve, WITHOUT_WASM } from './server.mjs'

const BROWSER_FLAGS = [
  '--no-sandbox', // also as root, as in a container
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const tool = (name) => join(repository, 'node_modules', '.bin', name)
let packed
let browser

before(async () => {
  packed = install()
  browser = await chromium.launch({ executablePath: needTool('chromium'), args: BROWSER_FLAGS })
})
after(async () => {
  await browser?.close()
  if (packed) rmSync(packed.folder, { recursive: true, force: true })
})

describe('the tarball', () => {
  test('holds the built package and nothing else', () => {
    const stray = packed.files.filter(
      (path) => !/^(bin\/nymtrail\.mjs$|dist\/|package\.json$|README\.md$|LICEN[SC]E)/.test(path),
    )
    assert.deepEqual(stray, [])
    assert.deepEqual(
      packed.files
        .filter((path) => /test|\.tsx?$/.test(path.replace(/\.d\.ts$/, '')))
        .filter((path) => !/^dist\/testing(\.js|\.d\.ts|\/\w+\.d\.ts)$/.test(path)),
      [],
    )
  })
  test('has a module and its types for every export', () => {
    for (const { output: name } of packageEntries())
      for (const ending of ['js', 'd.ts'])
        assert.ok(packed.files.includes(`dist/${name}.${ending}`), `dist/${name}.${ending}`)
    assert.ok(packed.files.includes('dist/nymtrail.wasm'))
  })
  test('names no path of the machine it was built on', () => {
    const folder = join(packed.project, 'node_modules/nymtrail')
    const named = filesBelow(folder).filter((file) => {
      const bytes = readFileSync(join(folder, file))
      return bytes.includes(`${homedir()}/`) || bytes.includes(repository)
    })
    assert.deepEqual(named, [])
  })
  test('has nothing for bundlers to discover: no import.meta, no top-level await', async () => {
    const folder = join(packed.project, 'node_modules/nymtrail/dist')
    for (const file of filesBelow(folder).filter((path) => path.endsWith('.js'))) {
      // esbuild drops the comments, and refuses an await outside of a function.
      const options = { format: 'esm', minifyWhitespace: true, supported: { 'top-level-await': false } }
      const { code } = await transform(readFileSync(join(folder, file), 'utf8'), options)
      assert.doesNotMatch(code, /import\.meta/, file)
    }
  })
  test('documents everything that is exported', () => {
    const folder = join(packed.project, 'node_modules/nymtrail/dist')
    const exported = /^export (?:declare )?(?:abstract )?(?:interface|type|const|function|class) \w/
    const bare = []
    // The public modules, and those whose names they pass on.
    const modules = new Set(packageEntries().map(({ output: name }) => `${name}.d.ts`))
    for (const file of modules) {
      const lines = readFileSync(join(folder, file), 'utf8').split('\n')
      for (const [at, line] of lines.entries()) {
        const source = /^export .* from '(.+)\.js'/.exec(line)?.[1]
        if (source) modules.add(join(dirname(file), `${source}.d.ts`))
        if (exported.test(line) && !lines[at - 1]?.endsWith('*/')) bare.push(`${file}: ${line}`)
      }
    }
    assert.ok(modules.has('types.d.ts'), [...modules].join())
    assert.deepEqual(bare, [])
  })
  test('pleases publint', () => output(tool('publint'), ['run', packed.tarball, '--strict']))
  test('pleases arethetypeswrong (ESM only; the wasm is an asset)', () =>
    output(tool('attw'), [
      packed.tarball,
      '--profile',
      'esm-only',
      '--no-definitely-typed',
      '--exclude-entrypoints',
      './nymtrail.wasm',
    ]))
})

describe('types', () => {
  for (const [module, resolution] of [
    ['esnext', 'bundler'],
    ['nodenext', 'nodenext'],
  ])
    test(`a strict application compiles with moduleResolution ${resolution}`, () => {
      const options = [
        '--noEmit',
        '--strict',
        '--exactOptionalPropertyTypes',
        '--skipLibCheck',
        'false',
        '--target',
        'es2022',
        '--types',
        '',
      ]
      output(tool('tsc'), [...options, '--module', module, '--moduleResolution', resolution, 'consumer.ts'], {
        cwd: packed.project,
      })
    })
})

describe('Node without a page', () => {
  const run = (source) => output(process.execPath, ['--input-type=module', '--eval', source], { cwd: packed.project })

  for (const { name } of packageEntries())
    test(`imports ${name} without doing anything`, () => {
      const before = 'const seen = Object.keys(globalThis).length;'
      const after = "if (Object.keys(globalThis).length !== seen) throw new Error('a global was added')"
      run(`${before} await import('nymtrail${name.slice(1)}'); ${after}`)
    })
  test('createTrail() is inert and every call is safe', () => {
    const printed = run(`
      import { createTrail } from 'nymtrail'
      const trail = createTrail({ deployment: 'server', endpoint: '/ingest', consent: 'granted' })
      trail.track('rendered', { page: 1 }); trail.page(); trail.identify('ada'); trail.reset()
      const { verdict } = await trail.verify()
      console.log(JSON.stringify([(await trail.ready()).state, verdict, (await trail.flush()).done, (await trail.stats()).stored]))
      await trail.close()`)
    assert.deepEqual(JSON.parse(printed), ['inert', 'unchecked', false, 0])
  })
})

describe('npx nymtrail dictionary', () => {
  const dictionary = (...args) =>
    output(join(packed.project, 'node_modules/.bin/nymtrail'), ['dictionary', ...args], { cwd: packed.project })
  before(() =>
    writeFileSync(
      join(packed.project, 'schema.mjs'),
      `import { flag, identifier, schema } from 'nymtrail/schema'
       export const unrelated = { declaration: 1 }
       export const shop = schema({ purpose: 'Repairs', events: { order: { properties: { id: identifier('Its number') } } } })
       export const admin = schema({ title: 'Back office', events: { login: { properties: { ok: flag('It worked') } } } })`,
    ),
  )

  test('prints the schemas that a module exports, as Markdown', () => {
    const text = dictionary('schema.mjs')
    assert.match(text, /## track `order`\n\n- Purpose: Repairs\n/)
    assert.match(text, /\| `id` \| a pseudonym of the epoch, .* \| yes \| Its number \|/)
    assert.match(text, /^# Back office$/m)
  })
  test('as JSON, of one of them', () => {
    const { format, entries } = JSON.parse(dictionary('schema.mjs', '--json', '--export', 'admin'))
    assert.deepEqual([format, entries.map(({ name }) => name)], ['nymtrail-dictionary/1', ['login']])
  })
  test('says what is wrong, and fails', () => {
    assert.throws(() => dictionary('schema.mjs', '--export', 'other'), /exports no schema called other/)
    assert.throws(() => dictionary('none.mjs'), /none\.mjs could not be loaded/)
  })
})

/** Opens the page at `url` in a profile of its own; returns what the application reports and what the page threw and warned. */
async function open(url) {
  const context = await browser.newContext()
  const page = await context.newPage()
  const thrown = []
  const warnings = []
  page.on('pageerror', (error) => thrown.push(String(error)))
  page.on('console', (message) => message.type() === 'warning' && warnings.push(message.text()))
  try {
    await page.goto(url)
    const outcome = await page.evaluate(() => globalThis.outcome)
    return { outcome, thrown, warnings: warnings.filter((text) => text.includes('nymtrail')) }
  } finally {
    await context.close()
  }
}

/** Serves a built application under `policy` and opens it. */
async function visit(out, policy) {
  const server = await serve(out, policy)
  try {
    return { ...(await open(server.url)), received: server.received }
  } finally {
    await server.close()
  }
}

/** What an application must achieve under the strict policy. */
function assertRecorded({ outcome, thrown, warnings, received }) {
  assert.deepEqual(thrown, [])
  assert.deepEqual(warnings, [])
  const { flushed, verdict, stats } = outcome
  assert.deepEqual(flushed, { done: true })
  assert.equal(stats.captured, 1)
  assert.equal(stats.stored, 1)
  assert.equal(stats.acknowledged, 1)
  assert.equal(stats.storage, 'indexeddb')
  assert.equal(verdict.verdict, 'holds')
  // The chain's opening row and the event.
  const rows = verdict.chains.map((chain) => chain.rows)
  assert.deepEqual(rows, [2])
  assert.match(received.join('\n'), /package_opened/)
}

for (const [name, bundle] of Object.entries(bundlers))
  describe(`bundled by ${name}`, () => {
    const out = () => join(packed.folder, `out-${name}`)
    before(() => bundle(packed.project, 'app.js', out()))

    test('records, sends and verifies under a strict content security policy', async () =>
      assertRecorded(await visit(out(), STRICT)))
    test('without wasm-unsafe-eval it throws nothing, and warns once what to allow', async () => {
      const { outcome, thrown, warnings, received } = await visit(out(), WITHOUT_WASM)
      assert.deepEqual(thrown, [])
      assert.equal(warnings.length, 1, warnings.join('\n'))
      assert.match(warnings[0], /wasm_blocked/)
      assert.equal(outcome.flushed.done, false)
      assert.equal(outcome.verdict.verdict, 'unchecked')
      assert.equal(outcome.stats.stored, 0)
      assert.deepEqual(received, [])
    })
  })

describe('the slim entry, with the wasm as an asset', () => {
  for (const name of ['vite', 'webpack'])
    test(`bundled by ${name}, records, sends and verifies`, async () => {
      const out = join(packed.folder, `slim-${name}`)
      await bundlers[name](packed.project, `slim-${name}.js`, out)
      assert.equal(filesBelow(out).filter((file) => file.endsWith('.wasm')).length, 1)
      assertRecorded(await visit(out, STRICT))
    })
})

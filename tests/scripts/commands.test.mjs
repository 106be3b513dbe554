// The commands of package.json as a person meets them.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../scripts/lib/tools.mjs'

const scriptFile = (name) => join(root, 'scripts', `${name}.mjs`)
const runScript = (name, ...args) => spawnSync(process.execPath, [scriptFile(name), ...args], { encoding: 'utf8' })

for (const name of ['setup', 'build', 'size', 'wasm-size', 'sample-links', 'demo', 'test'])
  test(`scripts/${name}.mjs --help says what it does and how it is called`, () => {
    const { status, stdout, stderr } = runScript(name, '--help')
    assert.equal(status, 0, stderr)
    assert.match(stdout, new RegExp(`node scripts/${name}\\.mjs|npm (run )?${name}`))
  })

test('wrong use ends with code 1, a reason and a remedy', () => {
  for (const [name, ...args] of [
    ['setup', '--for', 'nothing'],
    ['demo', '--no-build', '--port', 'x'],
    ['test', '--only', 'nothing'],
    ['build', '--unknown'],
  ]) {
    const { status, stderr } = runScript(name, ...args)
    assert.equal(status, 1, name)
    assert.match(stderr, /^failed: /m, name)
    assert.match(stderr, /^remedy: /m, name)
    assert.doesNotMatch(stderr, /^ +at /m, `${name} shows no stack`)
  }
})

test('set-up run again finds everything there', () => {
  const { status, stdout } = runScript('setup', '--for', 'demo', '--check')
  assert.equal(status, 0, stdout)
})

test('set-up that may not install says what is missing and how to get it', () => {
  // A PATH with nothing on it: every program is missing.
  const { status, stderr } = spawnSync(process.execPath, [scriptFile('setup'), '--check'], {
    encoding: 'utf8',
    env: { PATH: '/nowhere', HOME: '/nowhere' },
  })
  assert.equal(status, 1)
  assert.match(stderr, /^failed: .*missing/m)
  assert.match(stderr, /^remedy: /m)
})

test('the demo takes the next free port, prints its address, serves the page, and Ctrl-C ends it', async () => {
  const blocker = createServer()
  await new Promise((resolve) => blocker.listen(0, '127.0.0.1', resolve))
  const taken = blocker.address().port
  const folder = mkdtempSync(join(tmpdir(), 'nymtrail-demo-'))
  const args = ['--no-build', '--port', String(taken), '--db', join(folder, 'demo.db')]
  const demo = spawn(process.execPath, [scriptFile('demo'), ...args], { detached: true })
  const ended = new Promise((resolve) => demo.on('exit', resolve))
  try {
    let output = ''
    const url = await new Promise((resolve, reject) => {
      const read = (text) => {
        output += text
        const found = /demo is running: (\S+)/.exec(output)
        if (found) resolve(found[1])
      }
      demo.stdout.on('data', read)
      demo.stderr.on('data', read)
      ended.then((code) => reject(new Error(`ended with ${code}:\n${output}`)))
    })
    assert.notEqual(new URL(url).port, String(taken))
    const page = await fetch(url)
    assert.equal(page.status, 200)
    assert.match(await page.text(), /<script type="module"/)
    // As a terminal does it: the signal goes to the whole group.
    process.kill(-demo.pid, 'SIGINT')
    assert.equal(await ended, 0, output)
    await assert.rejects(fetch(url), 'nothing listens any more')
  } finally {
    if (demo.exitCode === null) process.kill(-demo.pid, 'SIGKILL')
    blocker.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

// A pseudonym is personal data: whoever has the key can look it up, and events of one epoch can be joined. So no text of
// the project claims more for it.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Fields, headers, settings and values of other services that are called so by these. */
const NAMES = [
  /\banonymousId\b/g,
  /\bsp-anonymous\b/gi,
  /\*Anonymize data\*/g,
  /'anonymous', 'nil', 'none'|^ +'anonymous',$/gm,
]
const CLAIM = /anonym|irreversib/i

/** The lines of a text that claim it. */
const claims = (text) => {
  const own = NAMES.reduce((rest, name) => rest.replace(name, ''), text)
  return own.split('\n').filter((line) => CLAIM.test(line))
}

test('no file calls pseudonyms what they are not', () => {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0')
  const text = files.filter(
    (file) => file && !/^tests\/(vectors|scripts\/words)|\.(png|lock)$|package-lock\.json$/.test(file),
  )
  assert.ok(text.length > 100, 'the files were found')
  const found = text.flatMap((file) => claims(readFileSync(`${root}${file}`, 'utf8')).map((line) => `${file}: ${line}`))
  assert.deepEqual(found, [])
})

test('the check finds a claim, and leaves names of other services alone', () => {
  assert.equal(claims('Data is fully Anonymised.\nanonymousId\nThe hash is irreversible.').length, 2)
  assert.deepEqual(claims("  sp-anonymous: *\n    anonymousId: 'x'"), [])
})

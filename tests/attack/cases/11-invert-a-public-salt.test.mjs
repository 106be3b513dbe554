// A salt that browsers can fetch is public: whoever has it finds an e-mail address by trying. This must succeed, or the
// documentation would be wrong; and the client must have said so.
import assert from 'node:assert/strict'
import { createHmac, hkdfSync } from 'node:crypto'
import { until } from '../../e2e/browsers/page.mjs'
import { document, epochOf, pseudonym } from '../../e2e/epochs.mjs'
import { begin, scenario } from '../../e2e/scenario.mjs'
import { hosts, measured } from '../report.mjs'

const SALT = '5a'.repeat(32)
const VICTIM = 'Zoe.Quentin83@mail.example'
/** Guessing needs no browser: with the second one a part of the list will do. */
const GUESSES = hosts ? 1_000_000 : 50_000

/** As many addresses, as a list for sale has them; the victim's is among them. */
function* addresses(count) {
  const names = ['ann', 'ben', 'carla', 'david', 'eva', 'finn', 'gerda', 'hugo', 'ines', 'jan', 'zoe']
  const families = ['adler', 'brandt', 'conti', 'dubois', 'eklund', 'fischer', 'quentin', 'rossi', 'silva', 'yilmaz']
  const hosts = ['mail.example', 'post.example', 'web.example', 'inbox.example']
  for (let at = 0; at < count; at++) {
    const [name, family] = [names[at % 11], families[Math.floor(at / 11) % 10]]
    yield `${name}.${family}${Math.floor(at / 440)}@${hosts[Math.floor(at / 110) % 4]}`
  }
}

scenario(
  'the published salt and a list of a million addresses give the visitor away, and the client warned of it',
  async ({ t, site, profile }) => {
    site.answer = ({ path }) => (path === '/epochs' ? { body: document(SALT) } : {})
    const page = await profile.open(site.url('/page'))
    await begin(page, { salt: '/epochs' })
    await page.evaluate((victim) => {
      globalThis.trail.identify(victim)
      globalThis.trail.identify(victim)
      globalThis.trail.track('did')
    }, VICTIM)
    await until(() => site.taken().some(({ event }) => event.u), 'a pseudonym is sent')
    const { u } = site.taken().find(({ event }) => event.u).event

    // The attacker has what is public, and the row.
    const { deployment, epochs } = JSON.parse(document(SALT))
    const [{ id, salt }] = epochs
    const length = (text) => {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32BE(Buffer.byteLength(text))
      return bytes
    }
    const epoch = Buffer.alloc(8)
    epoch.writeBigUInt64BE(BigInt(id))
    const info = Buffer.concat([
      length(deployment),
      Buffer.from(deployment),
      length('user'),
      Buffer.from('user'),
      epoch,
    ])
    const key = Buffer.from(hkdfSync('sha256', Buffer.from(salt, 'hex'), 'nymtrail/p1', info, 32))
    const wanted = Buffer.from(u.slice(3), 'base64url').toString('latin1')
    const head = `\x01${length('email').toString('latin1')}email\0\0\0`
    const guess = (address) => {
      const message = head + String.fromCharCode(address.length) + address
      return createHmac('sha256', key).update(message, 'latin1').digest('latin1')
    }
    // The loop is the same derivation as the reference's.
    const reference = pseudonym({ salt, epoch: id, type: 'email', canonical: 'a@b.example' })
    const made = Buffer.from(guess('a@b.example'), 'latin1').subarray(0, 16)
    assert.equal(`p1.${made.toString('base64url')}`, reference)
    const began = process.cpuUsage()
    const found = []
    for (const address of addresses(GUESSES)) if (guess(address).startsWith(wanted)) found.push(address)
    const seconds = process.cpuUsage(began).user / 1e6
    assert.deepEqual(found, [VICTIM.toLowerCase()])
    measured(
      t,
      `found 1 of 1 among ${GUESSES.toLocaleString('en')} addresses in ${seconds.toFixed(1)} s of one core, in Node`,
    )
    assert.equal(page.warnings().filter((code) => code === 'guessable_identifier').length, 1)
  },
)

scenario('the warning comes for what can be guessed, and for nothing else', async ({ t, site, profile }) => {
  site.answer = ({ path }) =>
    path === '/epochs' ? { body: document(SALT, { now: epochOf(Date.now()) * 86_400_000 }) } : {}
  const warned = async (id, options) => {
    const page = await profile.open(site.url('/page'))
    await begin(page, { salt: '/epochs', ...options })
    await page.evaluate((id) => globalThis.trail.identify(id), id)
    await page.evaluate(() => globalThis.trail.flush())
    const codes = page.warnings()
    await page.close()
    profile.pages.splice(profile.pages.indexOf(page), 1)
    return codes.includes('guessable_identifier')
  }
  const GUESSABLE = ['ada@example.org', '+41 79 806 42 17', '198.51.100.7', '2001:db8::7']
  for (const id of GUESSABLE) assert.ok(await warned(id), id)
  assert.equal(await warned(GUESSABLE[0], { acknowledgeGuessable: true }), false)
  assert.equal(await warned('7d3f9a52-6c1e-4b08-9e47-d2a5b8c0f613'), false)
  measured(
    t,
    `warned for ${GUESSABLE.length} of ${GUESSABLE.length} guessable kinds, not for a UUID nor once acknowledged`,
  )
})

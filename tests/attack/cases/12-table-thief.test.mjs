// A thief has the collector's store, every salt, and a list of a million addresses. With a pepper, which lies elsewhere,
// the visitor is not found; without one, which is the control, the same search finds the visitor.
import assert from 'node:assert/strict'
import { hash, hkdfSync } from 'node:crypto'
import { dirname, join } from 'node:path'
import { nymtrail, openCollector } from '../../e2e/collector.mjs'
import { pseudonym } from '../../e2e/epochs.mjs'
import { engine, folder, scenario } from '../../e2e/scenario.mjs'
import { filesIn } from '../../e2e/storage.mjs'

const VICTIM = 'zoe.quentin83@mail.example'
/** The search needs no browser, so with the second one a part of the list will do. */
const GUESSES = engine === 'chromium' ? 1_000_000 : 50_000

/** As many addresses as a list for sale has them, in their one spelling; the victim's is among them. */
function* addresses(count) {
  const names = ['ann', 'ben', 'carla', 'david', 'eva', 'finn', 'gerda', 'hugo', 'ines', 'jan', 'zoe']
  const families = ['adler', 'brandt', 'conti', 'dubois', 'eklund', 'fischer', 'quentin', 'rossi', 'silva', 'yilmaz']
  const hosts = ['mail.example', 'post.example', 'web.example', 'inbox.example']
  for (let at = 0; at < count; at++) {
    const [name, family] = [names[at % 11], families[Math.floor(at / 11) % 10]]
    yield `${name}.${family}${Math.floor(at / 440)}@${hosts[Math.floor(at / 110) % 4]}`
  }
}

const sha256 = (...parts) => hash('sha256', Buffer.concat(parts.map((part) => Buffer.from(part))), 'buffer')
const short = (digest) => digest.subarray(0, 16).toString('base64url')

/** HMAC-SHA256 under one key: three times as fast as Node's for short messages. */
function hmac(key) {
  const padded = Buffer.concat([key, Buffer.alloc(64 - key.length)])
  const [inner, outer] = [0x36, 0x5c].map((pad) => padded.map((byte) => byte ^ pad))
  return (...parts) => sha256(outer, sha256(inner, ...parts))
}

function lp(text) {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(Buffer.byteLength(text))
  return Buffer.concat([length, Buffer.from(text)])
}

/** What the thief can make of an address: its pseudonym, and what follows from that with anything that was found. */
function maker(deployment, { salt, id }, rows) {
  const epoch = Buffer.alloc(8)
  epoch.writeBigUInt64BE(BigInt(id))
  const info = Buffer.concat([lp(deployment), lp('user'), epoch])
  const first = hmac(Buffer.from(hkdfSync('sha256', Buffer.from(salt, 'hex'), 'nymtrail/p1', info, 32)))
  const head = Buffer.concat([Buffer.of(1), lp('email')])
  const second = hmac(Buffer.from(salt, 'hex'))
  const row = rows.find(({ body }) => JSON.parse(body).u)
  return (address) => {
    const p1 = short(first(head, lp(address)))
    // Perhaps the veil is the row's own salt? Perhaps the pepper is the epoch's salt?
    return [p1, short(sha256(`a1|${row.salt}|p1.${p1}`)), short(second(`s1|p1.${p1}`))]
  }
}

/** Every run of as many characters as a pseudonym has, wherever it stands in the files. */
function runsIn(bytes) {
  const runs = new Set()
  for (const [word] of bytes.toString('latin1').matchAll(/[\w-]{22,}/g))
    for (let at = 0; at + 22 <= word.length; at++) runs.add(word.slice(at, at + 22))
  return runs
}

/** Lets the victim visit a site with this collector, and tries the list out on what is stolen: the address found. */
async function steal({ site, profile }, deployment, collector, options) {
  const page = await profile.open(site.url('/page'))
  await page.evaluate(
    async ({ deployment, origin, options, victim }) => {
      const { createTrail, collector } = globalThis
      const trail = createTrail({
        deployment,
        endpoint: collector(origin, options),
        salt: `${origin}/v1/epochs`,
        consent: 'granted',
        acknowledgeGuessable: true,
      })
      await trail.ready()
      trail.identify(victim)
      for (const name of ['looked', 'bought', 'left']) trail.track(name)
      await trail.flush()
      await trail.close()
    },
    { deployment, origin: collector.origin, options, victim: VICTIM },
  )
  const { epochs } = await (await fetch(collector.url('/v1/epochs'))).json()
  const lines = async (...more) =>
    (await nymtrail('export', '--db', collector.db, ...more)).stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  const rows = await lines()
  assert.equal(rows.filter(({ body }) => JSON.parse(body).u).length, 4, 'the visit is in the store')
  const people = new Set((await lines('--pseudonyms')).map((line) => line.pseudonym))

  const make = maker(deployment, epochs[0], rows)
  const [{ salt, id: epoch }] = epochs
  assert.equal(`p1.${make(VICTIM)[0]}`, pseudonym({ deployment, salt, epoch, type: 'email', canonical: VICTIM }))
  const runs = runsIn(Buffer.concat(filesIn(dirname(collector.db)).map(({ bytes }) => bytes)))
  for (const address of addresses(GUESSES))
    if (make(address).some((one) => runs.has(one))) return { found: address, people }
  return { people }
}

scenario(
  'a million addresses, the store and the salts give nobody away with a pepper, and the visitor without one',
  async ({ t, site, profile }) => {
    assert.ok([...addresses(GUESSES)].includes(VICTIM))
    const file = join(folder(t), 'pepper')
    const peppered = await openCollector(t, '--allow-origin', site.origin, '--pepper', file)
    const thief = await steal({ site, profile }, 'shop', peppered, { pepper: true })
    assert.equal(thief.found, undefined)
    assert.equal(thief.people.size, 1, 'and yet the four events are those of one person')

    const plain = await openCollector(t, '--allow-origin', site.origin, '--deployment', 'blog')
    const control = await steal({ site, profile }, 'blog', plain, {})
    assert.equal(control.found, VICTIM)
    t.diagnostic(`0 of ${GUESSES} addresses found with a pepper, the visitor without`)
  },
  600_000,
)

// Is an expired salt ever used, or an identifier kept for later, when clocks are wrong, set back, asleep, or offline for days?
import assert from 'node:assert/strict'
import { find } from '../../e2e/canary.mjs'
import { CLOCK } from '../../e2e/clock.mjs'
import { epochOf, pseudonym } from '../../e2e/epochs.mjs'
import { begin, exportOf, scenario, verdictOf } from '../../e2e/scenario.mjs'
import { DAY, Device } from '../device.mjs'
import { documentAt, NOON, salt } from '../linking.mjs'
import { host, measured } from '../report.mjs'

const HOUR = DAY / 24
/** A visit that goes on over the end of its epoch may last so long, and a client waits up to half an hour to change. */
const GRACE = 4.5 * HOUR
const ID = 'customer-Kxwvq-88123'
const of = (epoch, canonical = ID) => pseudonym({ salt: salt(epoch), epoch, type: 'opaque', canonical })

const bodies = (device) =>
  device.rows().flatMap((line) => {
    const { t, chain, body } = JSON.parse(line)
    return [{ t, chain, ...JSON.parse(body) }]
  })

/** Nothing of the identifier is stored, and no pseudonym is of an epoch that was over. */
function assertClean(device) {
  assert.deepEqual(find(device.kept(), [ID]), [])
  const chains = new Map()
  for (const { t, chain, u, x, n } of bodies(device)) {
    if (u) {
      const epoch = [...Array(40).keys()].map((back) => epochOf(NOON) + 20 - back).find((epoch) => u === of(epoch))
      assert.ok(epoch !== undefined, 'a pseudonym of a known epoch')
      assert.ok(t < (epoch + 1) * DAY + GRACE, `an expired salt, ${(t - (epoch + 1) * DAY) / HOUR} h after its end`)
      assert.ok([undefined, epoch].includes(chains.get(chain)), 'one chain has pseudonyms of one epoch')
      chains.set(chain, epoch)
    }
    if (!x && n) assert.ok(!chains.get(n), 'no event is under two epochs')
  }
  const events = bodies(device).filter(({ n }) => n)
  assert.equal(new Set(events.map(({ n }) => n)).size, events.length, 'each event is there once')
  return { events: events.length, named: bodies(device).filter(({ u }) => u).length }
}

host('a clock that is off by two days: no pseudonym rather than one of another day', () => {
  for (const off of [-48, -25, 25, 48]) {
    const device = new Device({ now: NOON + off * HOUR })
    assert.deepEqual(device.open(documentAt(NOON)), ['epochs_expired'])
    assert.equal(device.identify(ID), 'no_epoch_key')
    device.track('did')
    assert.equal(assertClean(device).named, 0, `${off} h`)
  }
  // Control: with the right time there is one.
  const device = new Device({ now: NOON })
  assert.deepEqual(device.open(documentAt(NOON)), [''])
  assert.equal(device.identify(ID), '')
  device.track('did')
  assert.equal(assertClean(device).named, 2)
  assert.equal(bodies(device).at(-1).u, of(epochOf(NOON)))
})

host('ten days offline: events without a user, and nothing kept to make one later', (t) => {
  const device = new Device({ now: NOON })
  device.open(documentAt(NOON))
  device.answer = 'o'
  for (let day = 0; day < 10; day++) {
    device.now = NOON + day * DAY
    if (day) device.open()
    assert.equal(device.identify(ID), day ? 'no_epoch_key' : '', `day ${day}`)
    for (let at = 0; at < 3; at++) {
      device.track(`day-${day}-${at}`)
      device.wait(HOUR / 6)
    }
    device.leave()
  }
  device.now = NOON + 10 * DAY
  device.answer = 'a'
  device.open(documentAt(device.now))
  assert.equal(device.identify(ID), '')
  device.track('back')
  device.wait(HOUR)
  const { events, named } = assertClean(device)
  assert.equal(events, 31)
  assert.equal(named, 4 + 2)
  const sent = device.requests.flatMap(({ meta, rows }) =>
    rows.map(({ seq, chain }) => `${meta.epoch} ${chain}:${seq}`),
  )
  assert.equal(new Set(sent).size, sent.length)
  measured(t, `${events} events in 11 epochs, ${named} with the pseudonym of a day whose salt was there, 0 expired`)
})

host('asleep over the boundary, at work over it, and when summer time begins or ends', (t) => {
  const MIDNIGHT = NOON + DAY / 2
  const asleep = new Device({ now: MIDNIGHT - 10 * 60_000 })
  asleep.open(documentAt(asleep.now))
  asleep.identify(ID)
  asleep.track('evening')
  asleep.now += 8 * HOUR
  asleep.track('morning')
  assert.equal(bodies(asleep).at(-1).u, undefined)
  asleep.epochs(documentAt(asleep.now))
  asleep.identify(ID)
  asleep.track('later')
  assert.equal(bodies(asleep).at(-1).u, of(epochOf(MIDNIGHT)))
  assertClean(asleep)

  const awake = new Device({ now: MIDNIGHT - HOUR })
  awake.open(documentAt(awake.now))
  awake.identify(ID)
  for (let at = 0; at < 40; at++) {
    awake.track(`at-${at}`)
    awake.wait(HOUR / 4)
  }
  const { named } = assertClean(awake)
  assert.ok(named > 4 && named < 30, `${named}`)
  const days = new Set(bodies(awake).map(({ d }) => d))
  assert.equal(days.size - 1, 2, 'one device id for each epoch')

  for (const change of ['2026-03-29T01:00Z', '2026-10-25T01:00Z', '2026-11-01T09:00Z'].map(Date.parse)) {
    const device = new Device({ now: change - HOUR / 2 })
    device.open(documentAt(change))
    device.identify(ID)
    device.track('before')
    device.wait(HOUR)
    device.identify(ID)
    device.track('after')
    assert.deepEqual([...new Set(bodies(device).flatMap(({ u }) => u ?? []))], [of(epochOf(change))])
  }
  measured(t, `a visit over midnight kept its epoch for ${named - 1} quarters of an hour, then had no user`)
})

scenario('a clock that is set back keeps no epoch alive', async ({ t, site, profile }) => {
  site.head = CLOCK
  site.answer = ({ path }) => (path === '/epochs' ? { body: documentAt(NOON) } : {})
  const page = await profile.open(site.url('/page'))
  const user = async (name) => {
    await page.evaluate((name) => globalThis.trail.track(name), name)
    const { rows } = await exportOf(page)
    return rows.map(({ body }) => JSON.parse(body)).find(({ n }) => n === name).u
  }
  await page.evaluate((now) => globalThis.clock.set(now), NOON)
  await begin(page, { salt: '/epochs' })
  await page.evaluate((id) => globalThis.trail.identify(id), ID)
  assert.equal(await user('at noon'), of(epochOf(NOON)))
  // Set back by an hour: the epoch goes on, since it does by either time.
  await page.evaluate((now) => globalThis.clock.set(now), NOON - HOUR)
  assert.equal(await user('an hour back'), of(epochOf(NOON)))
  // Set back by a day, while thirty hours go by: the time of day still says yesterday.
  await page.evaluate((now) => globalThis.clock.set(now), NOON - DAY)
  await page.evaluate((ms) => globalThis.clock.sleep(ms), 30 * HOUR)
  assert.ok((await page.evaluate(() => Date.now())) < (epochOf(NOON) + 1) * DAY)
  assert.equal(await user('thirty hours later'), undefined)
  assert.equal((await verdictOf(page)).verdict, 'holds')
  measured(t, 'set back by 24 h while 30 h went by: no pseudonym of the ended epoch')
})

// Which of a thousand devices of today is which of yesterday, by every field that the SDK adds?
import assert from 'node:assert/strict'
import { until } from '../../e2e/browsers/page.mjs'
import { CLOCK } from '../../e2e/clock.mjs'
import { scenario } from '../../e2e/scenario.mjs'
import {
  byClock,
  chance,
  documentAt,
  linkedByNumbers,
  linkedByValues,
  NOON,
  population,
  repeated,
  runsOf,
} from '../linking.mjs'
import { host, inTries, measured, percent } from '../report.mjs'

const PEOPLE = 1000
const days = (people) => people.flatMap((days) => days.map((requests) => runsOf(requests.map(({ body }) => body))))

/** The second day's requests with something of the first day's in them. */
const leaking = (people, leak) =>
  people.map(([before, after]) => {
    const [, row] = JSON.parse(before[0].body).events
    return [before, after.map((request) => ({ ...request, body: leak(request.body, row, JSON.parse(row.body)) }))]
  })

/** One population serves two tests. */
let people = population(PEOPLE)

host('two epochs of 1,000 people: a classifier does no better than chance', async (t) => {
  const limits = { values: chance(PEOPLE), numbers: chance(PEOPLE / 2) }
  const { values, numbers, passed, tries } = await inTries(3, (tries) => {
    if (tries > 1) people = population(PEOPLE)
    const [values, numbers] = [linkedByValues(people), linkedByNumbers(people)]
    return { values, numbers, passed: values <= limits.values && numbers <= limits.numbers }
  })
  const clock = byClock(people, { off: 30_000, network: 100 })
  measured(
    t,
    `linked of ${PEOPLE} people: ${percent(values)} by values, ${percent(numbers)} by the best number (chance and three` +
      ` sigma: ${percent(limits.values, 2)}, ${percent(limits.numbers, 2)}), try ${tries}`,
  )
  measured(t, `known limit: clocks off by up to 30 s link ${percent(clock)}, by sent_at beside the arrival`)
  assert.ok(passed, JSON.stringify({ values, numbers, limits }))

  // Controls: what one field would do.
  const few = people.slice(0, 200)
  const device = leaking(few, (body, _, { d }) => body.replace(/\\"d\\":\\"[^"]+\\"/g, `\\"d\\":\\"${d}\\"`))
  assert.ok(linkedByValues(device) > 0.9, 'an id of the device that lasts is noticed')
  const count = few.map((days, person) =>
    days.map((requests, day) => {
      const goesOn = (body) => body.replace(/"epoch":\d+/, `"epoch":${100 * person + 7 * day}`)
      return requests.map((request) => ({ ...request, body: goesOn(request.body) }))
    }),
  )
  assert.ok(linkedByNumbers(count) > 0.9, 'a number that goes on from the day before is noticed')
})

host('no run of eight bytes is in the requests of two epochs', (t) => {
  const sets = days(people)
  const runs = sets.reduce((sum, set) => sum + set.size, 0)
  assert.ok(runs > PEOPLE * 100)
  assert.deepEqual(repeated(sets), [])
  measured(t, `${runs.toLocaleString('en')} runs of eight bytes, 0 in two epochs`)
  // Control: half a salt of the first day inside a value of the second.
  const planted = leaking(people.slice(0, 20), (body, { salt }) =>
    body.replace(/"salt":"[\da-f]{16}/, `"salt":"${salt.slice(16)}`),
  )
  assert.equal(repeated(days(planted)).length, 20)
})

scenario('nor with the keys, signatures and receipts of a real browser', async ({ t, site, profile }) => {
  site.head = CLOCK
  site.answer = ({ path, body }) => {
    if (path === '/epochs') return { body: documentAt(site.now) }
    const { rows = [] } = JSON.parse(body)
    return { body: JSON.stringify({ results: rows.map(() => ({ status: 'stored' })) }) }
  }
  const sets = []
  const open = await profile.open(site.url('/page'))
  for (const day of [NOON, NOON + 86_400_000]) {
    site.now = day
    const first = site.requests.length
    await open.goto(site.url('/page'))
    await open.evaluate((day) => globalThis.clock.set(day), day)
    await open.evaluate(async () => {
      const { createTrail, collector } = globalThis
      globalThis.trail = createTrail({
        deployment: 'shop',
        endpoint: collector('/trail'),
        salt: '/epochs',
        consent: 'granted',
        flush: { ageMs: 100 },
      })
      await globalThis.trail.ready()
      globalThis.trail.identify('account-77-of-one-person')
      globalThis.trail.track('did')
      await globalThis.trail.flush()
    })
    const sent = site.requests.slice(first).filter(({ method }) => method === 'POST')
    await until(() => sent.length, 'it is sent')
    assert.ok(sent.some(({ body }) => /checkpoints":\["/.test(body)) && sent.some(({ body }) => body.includes('\\"pk')))
    sets.push(runsOf(sent.map(({ body }) => body)))
  }
  assert.deepEqual(open.warnings(), [])
  const same = [...sets[0]].filter((run) => sets[1].has(run))
  measured(t, `signed chains of one browser: ${sets[0].size} and ${sets[1].size} runs, ${same.length} in both`)
  assert.deepEqual(same, [])
})

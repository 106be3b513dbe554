// Does the SDK keep the visitor alive in the page's JavaScript heap after the call, and garbage collection?
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../../e2e/browsers/page.mjs'
import { find } from '../../e2e/canary.mjs'
import { document } from '../../e2e/epochs.mjs'
import { begin, engine, names, scenario } from '../../e2e/scenario.mjs'
import { measured } from '../report.mjs'
import { CONTROL, EMAIL, NAME, PHONE, SALT, SECRETS, UUID } from '../victim.mjs'

/** The strings of a heap snapshot with one of these texts, each with the shortest way from the roots to it. */
function held({ snapshot, nodes, edges, strings }, texts) {
  const { node_fields: fields, edge_fields: links, node_types: kinds, edge_types: edgeKinds } = snapshot.meta
  const [width, step] = [fields.length, links.length]
  const at = Object.fromEntries(fields.map((name, place) => [name, place]))
  const count = nodes.length / width
  const first = new Uint32Array(count + 1)
  for (let node = 0; node < count; node++) first[node + 1] = first[node] + nodes[node * width + at.edge_count]
  // From the roots along what keeps things alive.
  const from = new Int32Array(count).fill(-1)
  const via = new Int32Array(count)
  const queue = [0]
  from[0] = 0
  for (const node of queue)
    for (let edge = first[node]; edge < first[node + 1]; edge++) {
      const [kind, , target] = edges.slice(edge * step, edge * step + 3)
      const to = target / width
      if (edgeKinds[0][kind] === 'weak' || from[to] !== -1) continue
      from[to] = node
      via[to] = edge
      queue.push(to)
    }
  const way = (node) => {
    const path = []
    for (let here = node; here !== 0 && from[here] !== -1; here = from[here]) {
      const [kind, name] = edges.slice(via[here] * step, via[here] * step + 2)
      path.unshift(['element', 'hidden'].includes(edgeKinds[0][kind]) ? `[${name}]` : strings[name])
    }
    return path.join(' > ')
  }
  const holding = new Map()
  strings.forEach((text, number) => {
    const found = text.length > 5 ? find(text, texts) : []
    if (found.length) holding.set(number, found)
  })
  const found = []
  for (let node = 0; node < count; node++) {
    const kind = kinds[0][nodes[node * width + at.type]]
    const number = nodes[node * width + at.name]
    if (/string/.test(kind) && holding.has(number) && from[node] !== -1)
      found.push({ text: holding.get(number)[0], way: way(node) })
  }
  return found
}

const title = 'after identify() and garbage collection no string of the visitor is held'

async function attack({ t, site, profile }) {
  site.answer = ({ path }) => (path === '/epochs' ? { body: document(SALT) } : {})
  const page = await profile.open(site.url('/page'))
  await begin(page, { salt: '/epochs', identifiers: ['account'], acknowledgeGuessable: true })
  // As numbers: the strings are made in the page, are the page's for one task, and nowhere else.
  const coded = (text) => [...Array(text.length).keys()].map((at) => text.charCodeAt(at) + 1)
  await page.evaluate(
    ({ people, control }) => {
      const text = (codes) => String.fromCharCode(...codes.map((code) => code - 1))
      const { trail } = globalThis
      for (const codes of people) {
        trail.identify(text(codes), { email: text(codes) })
        trail.track('did', { who: text(codes), account: text(codes), list: [`to ${text(codes)}`] })
        trail.track(`by ${text(codes)}`)
        trail.page(text(codes))
        trail.group(text(codes))
      }
      trail.track('last')
      globalThis.keptByThePage = { who: text(control) }
    },
    { people: [EMAIL, PHONE, UUID, NAME].map(coded), control: coded(CONTROL) },
  )
  await until(() => names(site.taken()).includes('last'), 'everything is delivered')
  await page.evaluate(() => globalThis.trail.stats())
  const snapshot = await page.heap()
  const planted = held(snapshot, [CONTROL])
  const own = planted.find(({ way }) => way.includes('keptByThePage'))
  assert.ok(own, 'the search looks at this heap')
  const found = held(snapshot, SECRETS)
  assert.deepEqual(found, [])
  measured(
    t,
    `0 of ${snapshot.strings.length.toLocaleString('en')} strings; the planted one at ${own.way.split(' > ').slice(-2).join('.')}`,
  )
}

if (engine === 'chromium') scenario(title, attack)
else test(title, { skip: 'nothing gives a heap snapshot here' })

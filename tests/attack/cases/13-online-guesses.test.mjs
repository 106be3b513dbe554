// Tries a hundred thousand identifiers out against the key server, as fast as it answers. No browser is needed for that.
import assert from 'node:assert/strict'
import { ristretto255_oprf } from '@noble/curves/ed25519.js'
import { nymtrail, openKeyServer } from '../../e2e/collector.mjs'
import { bare } from '../../e2e/scenario.mjs'

const GUESSES = Number(process.env.NYMTRAIL_ONLINE_GUESSES ?? 100_000)
const BATCH = 16
const { voprf } = ristretto255_oprf

bare(
  'oprf: of a hundred thousand guesses the key server evaluates what its limits allow, and logs all of them',
  async ({ t }) => {
    const keys = await openKeyServer(t)
    const { epochs } = await (await fetch(keys.url('/v1/keys'))).json()
    const elements = Array.from({ length: BATCH }, (_, n) => {
      const { blinded } = voprf.blind(new TextEncoder().encode(`guess ${n}`))
      return Buffer.from(blinded).toString('base64url')
    })
    const body = JSON.stringify({ epoch: epochs[0].id, elements })
    const begun = performance.now()
    const answers = { 200: 0, 429: 0 }
    let patience = 0
    const guess = async () => {
      const response = await fetch(keys.url('/v1/evaluate'), { method: 'POST', body })
      answers[response.status]++
      if (response.status === 429) patience = Math.max(patience, Number(response.headers.get('retry-after')))
      await response.arrayBuffer()
    }
    for (let sent = 0; sent < GUESSES / BATCH; ) {
      const some = Math.min(50, GUESSES / BATCH - sent)
      await Promise.all(Array.from({ length: some }, guess))
      sent += some
    }
    const seconds = Math.ceil((performance.now() - begun) / 1000)
    const [evaluated, refused] = [answers[200] * BATCH, answers[429] * BATCH]
    t.diagnostic(`${evaluated} evaluated, ${refused} refused in ${seconds} s`)
    assert.equal(evaluated + refused, GUESSES, 'there is no third answer')
    // A burst of 16 and one a second: the limit of one requester, whatever the machine's speed.
    assert.ok(evaluated >= BATCH && evaluated <= BATCH + seconds, `${evaluated} in ${seconds} s`)
    assert.ok(patience >= 1 && patience <= BATCH, `Retry-After: ${patience}`)
    const { output } = await nymtrail('keys', 'show', '--db', keys.db)
    assert.ok(output.includes(` ${evaluated} evaluations in ${answers[200]} requests: evaluated\n`), output)
    assert.ok(output.includes(` ${refused} evaluations in ${answers[429]} requests: rate_limited\n`), output)
    assert.ok(!/127\.0\.0\.1|guess/.test(output.replace(/listen.*/g, '')), 'nobody is named')
    for (const element of elements) assert.ok(!keys.output().includes(element))
  },
  240_000,
)

bare('oprf: who writes X-Forwarded-For gets no more', async ({ t }) => {
  const keys = await openKeyServer(t)
  const { epochs } = await (await fetch(keys.url('/v1/keys'))).json()
  const element = Buffer.from(voprf.blind(new Uint8Array(32)).blinded).toString('base64url')
  const body = JSON.stringify({ epoch: epochs[0].id, elements: Array(BATCH).fill(element) })
  const status = async (n) => {
    const headers = {
      'x-forwarded-for': `203.0.113.${n}`,
      forwarded: `for=203.0.113.${n}`,
      'x-real-ip': `203.0.113.${n}`,
    }
    const response = await fetch(keys.url('/v1/evaluate'), { method: 'POST', body, headers })
    await response.arrayBuffer()
    return response.status
  }
  assert.deepEqual([await status(1), await status(2), await status(3)], [200, 429, 429])
})

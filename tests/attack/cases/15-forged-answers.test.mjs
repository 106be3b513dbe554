// Answers questions with what no honest key server says, to learn something or to place a pseudonym of its own.
import assert from 'node:assert/strict'
import { until } from '../../e2e/browsers/page.mjs'
import { beginWithKeys, makeKey, serveKeys, signIn, text, today, voprf } from '../../e2e/keys.mjs'
import { exportOf, names, scenario, statsOf } from '../../e2e/scenario.mjs'

const ORDER = 'edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010'
const bytes = (hex) => Buffer.from(hex, 'hex')

scenario(
  'oprf: forged, foreign, replayed, unreadable answers: no pseudonym, and the events arrive',
  async ({ site, profile }) => {
    const [key, other] = [makeKey(), makeKey()]
    const id = today()
    const foreign = (_, elements) => {
      const { evaluated, proof } = voprf.blindEvaluateBatch(other.secretKey, other.publicKey, elements)
      return { elements: evaluated.map(text), proof: text(proof) }
    }
    let kept
    const flip = (proof, at) => {
      const forged = Buffer.from(proof, 'base64url')
      forged[at] ^= 1
      return text(forged)
    }
    const lies = {
      'the truth, which is kept': (answer) => {
        kept ??= answer
        return answer
      },
      'an answer replayed': () => kept,
      'evaluated with another epoch’s key': foreign,
      'another key’s answer with the right one’s proof': (answer, elements) => ({
        ...answer,
        elements: foreign(answer, elements).elements,
      }),
      'the question as the answer': (answer, elements) => ({ ...answer, elements: elements.map(text) }),
      'a proof with a bit changed': ({ elements, proof }) => ({ elements, proof: flip(proof, 0) }),
      'a response with a bit changed': ({ elements, proof }) => ({ elements, proof: flip(proof, 32) }),
      'no proof': ({ elements }) => ({ elements }),
      'an empty proof': ({ elements }) => ({ elements, proof: '' }),
      'a proof of zeros': ({ elements }) => ({ elements, proof: text(Buffer.alloc(64)) }),
      'a proof that is not reduced': ({ elements, proof }) => ({
        elements,
        proof: text(Buffer.concat([bytes(ORDER), Buffer.from(proof, 'base64url').subarray(32)])),
      }),
      'the identity element': ({ proof }) => ({ elements: [text(Buffer.alloc(32))], proof }),
      'an element that is not canonical': ({ proof }) => ({ elements: [text(Buffer.alloc(32, 0xff))], proof }),
      'an element too short': ({ elements, proof }) => ({ elements: [elements[0].slice(0, 42)], proof }),
      'two elements': ({ elements, proof }) => ({ elements: [...elements, ...elements], proof }),
      'no element': ({ proof }) => ({ elements: [], proof }),
      'something else': () => ['p2.0kjgA_5tMJc05lhIFTSs9Q'],
      'a pseudonym': () => ({ elements: ['p2.0kjgA_5tMJc05lhIFTSs9Q'], proof: 'p2.0kjgA_5tMJc05lhIFTSs9Q' }),
    }
    const keys = serveKeys(site, { id, key })
    const page = await profile.open(site.url('/page-oprf'))
    let first = true
    for (const [name, lie] of Object.entries(lies)) {
      keys.lie = lie
      if (!first) {
        await page.reload()
        await page.until(() => 'oprf' in globalThis && 'createTrail' in globalThis)
      }
      page.console.length = 0
      await beginWithKeys(page, {})
      await signIn(page, 'somebody', name)
      await until(() => names(site.taken()).includes(name), name)
      const rows = (await exportOf(page)).rows.filter(({ body }) => body).map(({ body }) => JSON.parse(body))
      const { u } = rows.find(({ n }) => n === name)
      const stats = await statsOf(page)
      if (first) assert.match(u ?? '', /^p2\./, name)
      else {
        assert.equal(u, undefined, name)
        assert.equal(stats.pseudonym_failures, 1, name)
        assert.equal(page.warnings().filter((code) => code === 'oprf_refused').length, 1, `${name}: ${page.warnings()}`)
      }
      first = false
    }
    // Not that the page refuses everything.
    keys.lie = undefined
    await page.reload()
    await page.until(() => 'oprf' in globalThis && 'createTrail' in globalThis)
    await beginWithKeys(page, {})
    await signIn(page, 'somebody', 'last')
    await until(() => names(site.taken()).includes('last'), 'the last one')
    assert.ok(site.rows().find(({ event }) => event.n === 'last').event.u)
  },
  240_000,
)

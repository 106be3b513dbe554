// What stands between the page and the collector: a network that is slow, fails and loses answers, and the ear that
// hears what the pages tell.
import { sleep } from '../browsers/page.mjs'
import { DROP, openSite } from '../server.mjs'
import { between, randomFrom } from './random.mjs'
import { script } from './visit.mjs'

/** The share of requests that meet each fault; all others are only late. */
const FAULTS = [
  ['refused', 0.05], // 503, the collector never sees it
  ['lost', 0.04], // no answer, the collector never sees it
  ['answer lost', 0.06], // the collector takes it, nobody hears of it
]
const LATEST = 150
/** After three in a row the client takes the collector for blocked, and tries once a minute. */
const IN_A_ROW = 2

/** Opens the site; `ledger` is told everything. Faults happen unless `calm`. */
export async function openPost(t, { collector, ledger, seed }) {
  const site = await openSite()
  t.after(() => site.close())
  site.head = script
  let number = 0
  let row = 0
  const post = { site, calm: false, underWay: 0, faults: {} }

  function plan() {
    const random = randomFrom(seed, 'request', number++)
    if (post.calm) return { before: 0, after: 0 }
    const [before, after] = [between(random, 0, LATEST), between(random, 0, LATEST)]
    let rest = random()
    const drawn = FAULTS.find(([, share]) => {
      rest -= share
      return rest < 0
    })?.[0]
    const fault = row < IN_A_ROW ? drawn : undefined
    row = fault ? row + 1 : 0
    if (fault) post.faults[fault] = (post.faults[fault] ?? 0) + 1
    return { before, after, fault }
  }

  async function forward({ body, broken }) {
    const { before, after, fault } = plan()
    await sleep(before)
    // The browser was killed before the request was out.
    if (broken) return DROP
    if (fault === 'refused') return { status: 503 }
    if (fault === 'lost') return DROP
    const answer = await fetch(collector.url('/v1/batch'), { method: 'POST', body })
    const text = await answer.text()
    ledger.answered(answer.status, body, text)
    await sleep(after)
    return fault === 'answer lost' ? DROP : { status: answer.status, body: text }
  }

  site.answer = async (request) => {
    // Nothing of it is needed again.
    site.requests.length = 0
    if (request.path === '/tell') {
      if (!request.broken) ledger.told(JSON.parse(request.body))
      return {}
    }
    post.underWay++
    try {
      return await forward(request)
    } finally {
      post.underWay--
    }
  }
  return post
}

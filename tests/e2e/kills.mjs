#!/usr/bin/env node
// Kills a real browser at random and says what became of its events.
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { runKills } from './kills/run.mjs'

const help = `Kills a browser while its page tracks and sends, starts it again on the same profile, and restores old copies of the
profile. Everything that was acknowledged must be at the collector, once. It tests what was built: npm run build -- --demo

  npm run kills -- [--browser chromium|firefox] [--kills N] [--restores N] [--seed N] [--minutes N]

  --browser   which one (chromium)
  --kills     how often it is killed (200); each restore takes three more
  --restores  how often an old copy of the profile is restored (20)
  --minutes   when to stop with what there is by then (never)
  --seed      fixes all choices that can be fixed; without it one is drawn, and printed
`

const text = (fallback) => ({ type: 'string', default: String(fallback) })
const { values } = parseArgs({
  options: {
    browser: text('chromium'),
    kills: text(200),
    restores: text(20),
    seed: text(randomInt(2 ** 32)),
    minutes: text('Infinity'),
    help: { type: 'boolean', short: 'h' },
  },
})
const [kills, restores, minutes] = [values.kills, values.restores, values.minutes].map(Number)
const wrong = !['chromium', 'firefox'].includes(values.browser) || !(kills >= 0) || !(restores >= 0) || !(minutes > 0)
if (values.help || wrong) {
  console.log(help)
  process.exit(wrong ? 1 : 0)
}

const last = []
const t = { after: (undo) => last.unshift(undo) }
const began = Date.now()
console.log(`seed ${values.seed}`)
try {
  const { version, found, counts } = await runKills(t, {
    engine: values.browser,
    kills,
    restores,
    seed: values.seed,
    goesOn: () => Date.now() - began < minutes * 60_000,
    say: (line) => console.log(line),
  })
  console.log(`${version}, ${Math.round((Date.now() - began) / 1000)} s`)
  for (const [what, count] of Object.entries(counts)) console.log(`  ${what}: ${JSON.stringify(count)}`)
  for (const line of found) console.log(`WRONG ${line}`)
  console.log(found.length ? `${found.length} findings, seed ${values.seed}` : 'nothing is wrong')
  process.exitCode = found.length ? 1 : 0
} finally {
  for (const undo of last) await undo()
}

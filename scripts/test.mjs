#!/usr/bin/env node
// Runs every test there is, stage by stage, and counts what passed and failed.
import { parseArgs } from 'node:util'
import { readCounts } from './lib/counts.mjs'
import { beside, duration, Failure, heading, isMain, note, script } from './lib/run.mjs'
import { stages } from './lib/stages.mjs'
import { setup } from './setup.mjs'

const help = `Installs what is missing, then runs every test, stage by stage. The last line is: N passed, N failed

  npm test [-- --only STAGE,...] [-- --keep-going] [-- --no-setup]

  --only        these stages and what they need: ${stages.map(({ name }) => name).join(', ')}
                (wasm and e2e stand for all of theirs)
  --keep-going  goes on after a stage that failed; without it the first failure ends the run
  --no-setup    does not look for missing tools and packages
`

/** The stages `only` names, with those they need, in order. */
function chosen(only) {
  if (!only) return stages
  const names = new Set()
  for (const word of only.split(',').map((part) => part.trim())) {
    const found = stages.filter(({ name }) => name === word || name.split(':')[0] === word)
    if (!found.length)
      throw new Failure(`There is no stage called ${word}.`, `Use: ${stages.map(({ name }) => name).join(', ')}`)
    for (const { name, needs = [] } of found) for (const each of [...needs, name]) names.add(each)
  }
  return stages.filter(({ name }) => names.has(name))
}

/** Runs one stage and says how it went: `{ ok, time, passed, failed, skipped, reason? }`. */
async function carryOut({ name, title, runner, work }) {
  heading(`[${name}] ${title}`)
  const began = performance.now()
  const result = { name, ok: true, passed: 0, failed: 0, skipped: 0 }
  try {
    const outcome = await work()
    if (runner) {
      const counts = readCounts(runner, outcome.output)
      if (counts) Object.assign(result, counts)
      if (outcome.code !== 0)
        throw new Failure(`The runner ended with code ${outcome.code}.`, 'Its own messages above say why.')
      if (!counts)
        throw new Failure(
          'The runner printed no summary that could be counted.',
          'Its output above shows what it did instead.',
        )
      if (counts.failed) throw new Failure(`${counts.failed} failed.`)
      if (!counts.passed) throw new Failure('Not one test ran.', 'Look for a filter or a missing test file.')
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    // A stage that failed without a failed test still counts as one: the last line must never hide it.
    Object.assign(result, {
      ok: false,
      failed: result.failed || 1,
      reason: [error.message, error.remedy].filter(Boolean).join(' '),
    })
    note(`failed: ${result.reason}`)
  }
  result.time = performance.now() - began
  return result
}

/**
 * Runs the stages, those of a line one after the other, the lines side by side. Each waits for the stages that it comes after and
 * for those that it needs, which stand before it in the list, and is left out if one of the latter failed or was.
 */
export async function performAll(wanted, keepGoing) {
  const results = []
  const over = () => results.some(({ ok, name }) => !ok && (!keepGoing || name === 'setup'))
  const outcomes = new Map()
  const last = {}
  const running = new Set()
  const perform = async (stage) => {
    const live = !stage.line
    if (!live) heading(`[${stage.name}] begins, beside others; its output comes when it is done`)
    const task = beside(() => carryOut(stage), { live, idle: stage.idle })
    running.add(task)
    const result = await task.done
    running.delete(task)
    process.stdout.write(task.output())
    return result
  }
  for (const stage of wanted) {
    const awaited = ['setup', ...(stage.needs ?? [])].filter((name) => outcomes.has(name))
    const before = Promise.all([last[stage.line], ...(stage.after ?? []).map((name) => outcomes.get(name))])
    const waits = Promise.all([...awaited.map((name) => outcomes.get(name)), before])
    last[stage.line] = waits.then(async (outcome) => {
      const needed = outcome.slice(0, -1)
      if (over() || needed.some((result) => !result?.ok)) return
      const result = await perform(stage)
      // What was ended because something else failed has not failed itself.
      if (over()) return
      results.push(result)
      if (over()) for (const task of running) task.stop()
      return result
    })
    outcomes.set(stage.name, last[stage.line])
  }
  await Promise.all(outcomes.values())
  return wanted.flatMap(({ name }) => results.find((result) => result.name === name) ?? [])
}

function report(results, skipped, time) {
  heading('Summary')
  for (const { name, ok, passed, failed, skipped: ignored, time: took, reason } of results) {
    const counts = [passed && `${passed} passed`, failed && `${failed} failed`, ignored && `${ignored} skipped`].filter(
      Boolean,
    )
    note(
      `${ok ? 'ok    ' : 'FAILED'}  ${name.padEnd(14)} ${duration(took).padStart(12)}  ${counts.join(', ')}${reason ? `  ${reason}` : ''}`,
    )
  }
  for (const { name } of skipped) note(`not run ${name}`)
  note(`${' '.repeat(8)}${'together'.padEnd(14)} ${duration(time).padStart(12)}`)
  const sum = (key) => results.reduce((total, result) => total + result[key], 0)
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`)
}

if (isMain(import.meta.url))
  await script(async () => {
    const flag = { type: 'boolean' }
    const options = { only: { type: 'string' }, 'keep-going': flag, 'no-setup': flag, help: { ...flag, short: 'h' } }
    const { values } = parseArgs({ options })
    if (values.help) return console.log(help)
    const began = performance.now()
    const wanted = chosen(values.only).filter(({ name }) => !(values['no-setup'] && name === 'tools'))
    if (!values['no-setup'])
      wanted.unshift({ name: 'setup', title: 'Browsers, Rust and packages', work: () => setup('suite') })
    const results = await performAll(wanted, values['keep-going'])
    const ran = new Set(results.map(({ name }) => name))
    report(
      results,
      wanted.filter(({ name }) => !ran.has(name)),
      performance.now() - began,
    )
    if (results.some(({ ok }) => !ok)) process.exitCode = 1
  })

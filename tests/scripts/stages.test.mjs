// In which order `npm test` runs its stages, what it leaves out, and what runs beside what.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Failure, run } from '../../scripts/lib/run.mjs'
import { performAll } from '../../scripts/test.mjs'

/** Stages that note when they began and ended. */
function stagesOf(described) {
  const log = []
  const stages = Object.entries(described).map(([name, { work = async () => {}, ...rest }]) => ({
    name,
    title: name,
    ...rest,
    async work() {
      log.push(`${name} begins`)
      await work()
      log.push(`${name} ends`)
    },
  }))
  return { log, stages }
}

const fails = async () => {
  throw new Failure('As the test wants it.')
}

test('a stage that may runs beside others, and those that need it wait for it', async () => {
  const { log, stages } = stagesOf({
    slow: { line: 'other', idle: true, work: () => sleep(50) },
    quick: {},
    waiting: { needs: ['slow'] },
  })
  const results = await performAll(stages, false)
  assert.deepEqual(log, ['slow begins', 'quick begins', 'quick ends', 'slow ends', 'waiting begins', 'waiting ends'])
  assert.deepEqual(
    results.map(({ name, ok }) => [name, ok]),
    [
      ['slow', true],
      ['quick', true],
      ['waiting', true],
    ],
  )
})

test('the first failure ends the run, and the program that runs beside it', async () => {
  const began = performance.now()
  const { log, stages } = stagesOf({
    endless: { line: 'other', idle: true, work: () => run('sleep', ['60']) },
    bad: { work: () => sleep(50).then(fails) },
    after: {},
  })
  const results = await performAll(stages, false)
  assert.deepEqual(
    results.map(({ name, ok }) => [name, ok]),
    [['bad', false]],
  )
  assert(!log.includes('after begins'))
  assert(performance.now() - began < 30_000)
})

test('a failure beside the others ends what they are at', async () => {
  const began = performance.now()
  const { stages } = stagesOf({
    bad: { line: 'other', work: () => sleep(50).then(fails) },
    endless: { work: () => run('sleep', ['60']) },
    after: {},
  })
  const results = await performAll(stages, false)
  assert.deepEqual(
    results.map(({ name, ok }) => [name, ok]),
    [['bad', false]],
  )
  assert(performance.now() - began < 30_000)
})

test('stages of one line run one after the other, those of two lines side by side', async () => {
  let finish
  const finished = new Promise((resolve) => {
    finish = resolve
  })
  const { log, stages } = stagesOf({
    one: { line: 'other', work: () => finished },
    two: { line: 'other' },
    first: {},
    // Late enough for its own end to be noted first.
    second: { work: async () => void setImmediate(finish) },
  })
  await performAll(stages, false)
  assert.deepEqual(log, [
    'one begins',
    'first begins',
    'first ends',
    'second begins',
    'second ends',
    'one ends',
    'two begins',
    'two ends',
  ])
})

test('a stage that failed beside others fails the run, also with --keep-going, which leaves out what needs it', async () => {
  const described = { bad: { line: 'other', idle: true, work: fails }, other: {}, after: { needs: ['bad'] } }
  const results = await performAll(stagesOf(described).stages, true)
  assert.deepEqual(
    results.map(({ name, ok, failed }) => [name, ok, failed]),
    [
      ['bad', false, 1],
      ['other', true, 0],
    ],
  )
})

test('a stage comes after others, whether they failed or are not there', async () => {
  const { log, stages } = stagesOf({
    bad: { work: () => sleep(50).then(fails) },
    late: { line: 'other', idle: true, after: ['bad', 'not there'] },
  })
  await performAll(stages, true)
  assert.deepEqual(log, ['bad begins', 'late begins', 'late ends'])
})

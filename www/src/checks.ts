/** The checks a visitor can run, and the damage they are there to find. */

import type { Trail, Verdict } from 'nymtrail'
import { keyOf, parseRow } from './rows.js'
import { serverRows } from './session.js'
import type { State } from './state.js'

/** Asks the SDK to check what this browser holds. */
export async function verifyHere(trail: Trail, state: State): Promise<void> {
  state.checks.browser = { at: Date.now(), verdict: await trail.verify() }
  state.changed()
}

/** Asks the collector to check everything it has stored, and fetches the chains it finds fault with. */
export async function verifyThere(state: State): Promise<void> {
  try {
    const response = await fetch('/v1/verify')
    if (!response.ok) throw new Error(`the server answered ${response.status}`)
    const verdict = (await response.json()) as Verdict
    for (const chain of verdict.chains) if (chain.verdict === 'tampered') await fetchServerRows(chain.chain, state)
    state.checks.server = { at: Date.now(), verdict }
  } catch (error) {
    state.checks.server = {
      at: Date.now(),
      failed: `The server could not be asked: ${error instanceof Error ? error.message : 'no answer'}.`,
    }
  }
  state.changed()
}

/** Has the collector change the text of one stored event, as somebody with access to its database could. Says what happened. */
export async function damage(state: State): Promise<string> {
  const answer = await post('/v1/demo/damage')
  if (typeof answer === 'string') return answer
  const { chain } = answer as { chain: string }
  delete state.checks.server
  await fetchServerRows(chain, state)
  state.changed()
  return 'One stored event was changed on the server. Run a check to find it.'
}

/** Has the collector put the original text back. Says what happened. */
export async function repair(state: State): Promise<string> {
  const answer = await post('/v1/demo/repair')
  if (typeof answer === 'string') return answer
  const { repaired } = answer as { repaired: unknown[] }
  if (!repaired.length) return 'Nothing was damaged, so there is nothing to put back.'
  state.serverRows.clear()
  delete state.checks.server
  state.changed()
  return 'The original text is back on the server. Check again to see it hold.'
}

async function fetchServerRows(chain: string, state: State): Promise<void> {
  for (const line of await serverRows(chain)) {
    const row = parseRow(line)
    if (row) state.serverRows.set(keyOf(row), row)
  }
}

/** The answer as an object, or why there is none in words. */
async function post(path: string): Promise<unknown> {
  try {
    const response = await fetch(path, { method: 'POST' })
    const answer = (await response.json()) as { error?: { message?: string } }
    return response.ok ? answer : (answer.error?.message ?? `The server answered ${response.status}.`)
  } catch {
    return 'The server could not be reached.'
  }
}

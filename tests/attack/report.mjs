// What the attacks measured, for the table of tests/attack/run.mjs.
import { test } from 'node:test'

const MARK = 'measured: '

/** Says what a test has measured. */
export const measured = (t, text) => t.diagnostic(MARK + text)

/** What such a message says; nothing for any other. */
export const readMeasured = (message) => (message.startsWith(MARK) ? message.slice(MARK.length) : undefined)

/** Tries a few times what chance alone may spoil; says how often, and what the last try gave. */
export async function inTries(most, work) {
  for (let tries = 1; ; tries++) {
    const result = await work(tries)
    if (result.passed || tries === most) return { ...result, tries }
  }
}

export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`

/** Whether this run has the tests that need no browser: with two browsers once is enough. */
export const hosts = process.env.NYMTRAIL_ATTACK_HOST !== 'no'

/** A test that needs no browser. */
export const host = hosts ? test : () => {}

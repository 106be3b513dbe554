// The official types of Amplitude's HTTP V2 API: whether a request is one, to the last field.
import assert from 'node:assert/strict'

export const needs = ['npm:@amplitude/analytics-types']

export default async ({ check, sdk, temp, nodeModules, typeCheck }) => {
  const types = JSON.stringify(`${nodeModules}/@amplitude/analytics-types/lib/esm/index.js`)
  const { body } = sdk.endpoints.amplitude({ key: 'k' }).encode(sdk.batchOf(sdk.chainOf()))
  const source = (text) => `import type { Payload } from ${types}\nexport const payload: Payload = ${text}\n`

  await check('every request is of the official type', () => typeCheck(temp, source(body)))
  await check('the compiler would have refused an unknown field', () =>
    assert.rejects(typeCheck(temp, source(body.replaceAll('"insert_id"', '"insertId"'))), /insertId/),
  )
}

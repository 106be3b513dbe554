// The official client's types: whether actions and answers are what they say, to the last field.
import assert from 'node:assert/strict'

export const needs = ['npm:@elastic/elasticsearch']

export default async ({ check, sdk, temp, nodeModules, typeCheck }) => {
  const { body } = sdk.endpoints.elasticsearch('http://localhost').encode(sdk.batchOf(sdk.chainOf()))
  const lines = body.trimEnd().split('\n')
  const actions = lines.filter((_, at) => at % 2 === 0)
  const types = JSON.stringify(`${nodeModules}/@elastic/elasticsearch/lib/api/types.js`)
  const source = (list) => `
    import type { BulkOperationContainer, BulkResponseItem, BulkOperationType } from ${types}
    export const actions: BulkOperationContainer[] = [${list.join()}]
    // What settle() reads of an answer.
    export const status = (item: Partial<Record<BulkOperationType, BulkResponseItem>>): number | undefined => item.create?.status
  `

  await check('actions and documents come in pairs', () => {
    assert.equal(lines.length, 2 * sdk.chainOf().length)
    assert.ok(body.endsWith('}\n'))
  })
  await check('every action is of the official type', () => typeCheck(temp, source(actions)))
  await check('the compiler would have refused another one', () =>
    assert.rejects(typeCheck(temp, source(actions.map((line) => line.replace('_id', '_idx')))), /_idx/),
  )
}

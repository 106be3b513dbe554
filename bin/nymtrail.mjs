#!/usr/bin/env node
// What needs the site's own modules, and so can't be in the collector's program of the same name.
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { dictionary, markdown } from '../dist/dictionary.js'

const help = `Prints the data dictionary of the schemas that a module exports.

  npx nymtrail dictionary FILE [--json] [--export NAME] [--out FILE]

  FILE      a JavaScript module that exports what schema() of nymtrail/schema returned; TypeScript where Node reads it
            (22.18 and later)
  --json    JSON in place of Markdown
  --export  only the export of this name
  --out     write to this file
`

/** Ends the program, with 1. */
function fail(problem) {
  console.error(problem)
  process.exit(1)
}

const { values, positionals } = (() => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        export: { type: 'string' },
        out: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    return fail(`${error.message}\n\n${help}`)
  }
})()
const [command, file, ...more] = positionals
if (values.help) {
  console.log(help)
  process.exit()
}
if (command !== 'dictionary' || !file || more.length) fail(help)

const module = await import(pathToFileURL(resolve(file)).href).catch((error) =>
  fail(
    error.code === 'ERR_UNKNOWN_FILE_EXTENSION'
      ? `This Node can't read TypeScript: compile ${file} first, or use Node 22.18 or later.`
      : `${file} could not be loaded: ${error.message}`,
  ),
)
const found = Object.entries(module).filter(
  ([name, value]) => value?.declaration?.events && (values.export === undefined || name === values.export),
)
if (!found.length)
  fail(`${file} exports no schema${values.export ? ` called ${values.export}` : ''}: export const shop = schema({ … })`)
const all = found.map(([, schema]) => schema)
const text = values.json
  ? `${JSON.stringify(all.length === 1 ? dictionary(all[0]) : all.map(dictionary), undefined, 2)}\n`
  : all.map(markdown).join('\n')
if (values.out) writeFileSync(values.out, text)
else process.stdout.write(text)

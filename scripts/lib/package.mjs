// What package.json's "exports" says is public: the build, the size table and the tests all read it here.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure } from './run.mjs'
import { root } from './tools.mjs'

/** The JavaScript modules of the package: `name` as imported (`./slim`), `source` (`js/slim.ts`), `output` below dist without its ending. */
export function packageEntries() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return Object.entries(exports).flatMap(([name, target]) => {
    const output = /^\.\/dist\/(.+)\.js$/.exec(target.default ?? target)?.[1]
    if (!output) return []
    if (!name.includes('*')) return [entry(name, output)]
    const folder = join(root, 'js', output, '..')
    if (!existsSync(folder))
      throw new Failure(
        `package.json exports ${name}, but ${folder} is not there.`,
        'Add the modules or take the export out.',
      )
    const modules = readdirSync(folder).filter((file) => /^[^.]+\.ts$/.test(file))
    return modules.map((file) => entry(name.replace('*', file.slice(0, -3)), output.replace('*', file.slice(0, -3))))
  })
}

function entry(name, output) {
  const source = `js/${output}.ts`
  if (!existsSync(join(root, source)))
    throw new Failure(
      `package.json exports ${name}, but ${source} is not there.`,
      'Add the module or take the export out.',
    )
  return { name, source, output }
}

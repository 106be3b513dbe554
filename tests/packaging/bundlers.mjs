// How each bundler is asked for a production build of one module, with the defaults a user would have.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import nodeResolve from '@rollup/plugin-node-resolve'
import * as esbuild from 'esbuild'
import { rollup } from 'rollup'
import * as vite from 'vite'
import webpack from 'webpack'

const page = (script) =>
  `<!doctype html><meta charset="utf-8"><title>app</title><script type="module" src="./${script}"></script>`

/** Writes the page that loads `app.js` into `out`. */
function writePage(out, script = 'app.js') {
  mkdirSync(out, { recursive: true })
  writeFileSync(join(out, 'index.html'), page(script))
}

/** By name: builds `entry` of `project` so that `out/index.html` runs it. */
export const bundlers = {
  async vite(project, entry, out) {
    writeFileSync(join(project, 'index.html'), page(entry))
    await vite.build({ root: project, base: './', logLevel: 'warn', build: { outDir: out, emptyOutDir: true } })
  },
  async webpack(project, entry, out) {
    const stats = await promisify(webpack)({
      mode: 'production',
      context: project,
      entry: `./${entry}`,
      output: { path: out, filename: 'app.js', module: true, chunkFormat: 'module' },
      experiments: { outputModule: true },
    })
    if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString({ colors: false }))
    writePage(out)
  },
  async esbuild(project, entry, out) {
    const result = await esbuild.build({
      absWorkingDir: project,
      entryPoints: [entry],
      outfile: join(out, 'app.js'),
      bundle: true,
      minify: true,
      format: 'esm',
      logLevel: 'silent',
    })
    if (result.warnings.length) throw new Error(JSON.stringify(result.warnings))
    writePage(out)
  },
  async rollup(project, entry, out) {
    const warnings = []
    const bundle = await rollup({
      input: join(project, entry),
      plugins: [nodeResolve({ browser: true })],
      onwarn: (warning) => warnings.push(warning.message),
    })
    await bundle.write({ dir: out, format: 'es', entryFileNames: 'app.js' })
    await bundle.close()
    if (warnings.length) throw new Error(warnings.join('\n'))
    writePage(out)
  },
  // No bundler: the files of the package as they are, imported by a relative path.
  async none(project, entry, out) {
    mkdirSync(out, { recursive: true })
    cpSync(join(project, 'node_modules/nymtrail/dist'), join(out, 'nymtrail'), { recursive: true })
    cpSync(join(project, 'record.js'), join(out, 'record.js'))
    const source = readFileSync(join(project, entry), 'utf8')
    writeFileSync(join(out, 'app.js'), source.replace("'nymtrail'", "'./nymtrail/index.js'"))
    writePage(out)
  },
}

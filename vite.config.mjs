// The npm package: every public module of js/ built to dist/, with the wasm inlined where it is imported.
import { defineConfig } from 'vite'
import { packageEntries } from './scripts/lib/package.mjs'

export default defineConfig({
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    // The application minifies; the package stays readable.
    minify: false,
    lib: { entry: Object.fromEntries(packageEntries().map(({ output, source }) => [output, source])), formats: ['es'] },
    rolldownOptions: { output: { chunkFileNames: 'chunks/[name].js' } },
  },
})

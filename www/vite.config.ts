import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** A strict policy in the built page. `wasm-unsafe-eval` is what the SDK needs; port 1 is the demo's dead end when it plays offline. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  'img-src data:',
  "connect-src 'self' http://127.0.0.1:1",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

const policy: Plugin = {
  name: 'content-security-policy',
  apply: 'build',
  transformIndexHtml: () => [
    { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: POLICY }, injectTo: 'head-prepend' },
  ],
}

/** The demo uses the package as it is published: the built files in dist/, under their public names. */
export default defineConfig({
  root: here('.'),
  base: './',
  plugins: [policy],
  resolve: {
    alias: [
      { find: /^nymtrail$/, replacement: here('../dist/index.js') },
      { find: /^nymtrail\/endpoints\/(.+)$/, replacement: `${here('../dist/endpoints')}/$1.js` },
    ],
  },
  build: {
    outDir: here('dist'),
    emptyOutDir: true,
    // Nothing is inlined into the page, so that it runs under a strict content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
})

// Workers of every kind, which do what a page tells them: worker.mjs is what runs in them.

/**
 * Starts the worker of a kind from a page, which keeps it under that name. Kinds are `dedicated`, `shared` and `service`,
 * alone or with ` module` behind, and `dedicated blob`.
 */
export function start(page, kind) {
  return page.evaluate(async (kind) => {
    globalThis.workers ??= {}
    const { workers } = globalThis
    const [scope, form] = kind.split(' ')
    const [file, options] = form === 'module' ? ['/worker-module.js', { type: 'module' }] : ['/worker.js', {}]
    if (scope === 'dedicated') {
      const blob = async () => URL.createObjectURL(await (await fetch(file)).blob())
      workers[kind] = new Worker(form === 'blob' ? await blob() : file, options)
    } else if (scope === 'shared') {
      workers[kind] = new SharedWorker(file, options).port
      workers[kind].start()
    } else {
      await navigator.serviceWorker.register(file, options)
      workers[kind] = (await navigator.serviceWorker.ready).active
    }
  }, kind)
}

/** Tells a worker what to do, see worker.mjs, and resolves to its answer. */
export function ask(page, kind, ...message) {
  return page.evaluate(
    ({ kind, message }) =>
      new Promise((done) => {
        const { port1, port2 } = new MessageChannel()
        port1.onmessage = ({ data }) => done(data)
        globalThis.workers[kind].postMessage(message, [port2])
      }),
    { kind, message },
  )
}

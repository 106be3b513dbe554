// One event recorded, sent and verified; the test reads what this resolves to.
export async function record(createTrail) {
  const trail = createTrail({ deployment: 'packaging', endpoint: '/ingest', consent: 'granted' })
  trail.track('package_opened', { shelf: 3 })
  await trail.ready()
  const flushed = await trail.flush()
  return { flushed, verdict: await trail.verify(), stats: await trail.stats() }
}

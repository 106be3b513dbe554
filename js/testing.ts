/**
 * For the tests of a site and of its endpoints: a client that keeps events in an array, a network, a storage, a clock
 * and a page to run the real one with, and the cases that every endpoint has to pass. docs/TESTING.md has examples.
 *
 * @packageDocumentation
 */
export type { Code } from './errors.js'
export { type FakeClock, fakeClock } from './testing/clock.js'
export {
  type Answer,
  type AnswerSample,
  type ConformanceCase,
  type ConformanceOptions,
  endpointConformance,
} from './testing/conformance.js'
export type { Installed } from './testing/install.js'
export { type FakeAnswer, type FakeNetwork, type FakeReply, type FakeRequest, fakeNetwork } from './testing/network.js'
export { type FakePage, fakePage } from './testing/page.js'
export { type SampleName, sampleBatch } from './testing/samples.js'
export { type FakeStore, fakeStore, type StoreFault } from './testing/store.js'
export {
  createTestTrail,
  explain,
  type Found,
  type Match,
  type NamedEvent,
  type RecordedEvent,
  type TestingTools,
  type TestTrail,
} from './testing/trail.js'
export type * from './types.js'

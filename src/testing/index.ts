/**
 * What unit tests of services need: a registry, endpoints, time and chance that do as they are told.
 *
 * @packageDocumentation
 */

export type { ConformanceCase, ConformanceSubject, ConformanceTraits, EnteredInstance } from './conformance/subject.js';
export { discoveryConformance } from './conformance.js';
export { type MockRegistry, mockRegistry } from './mock-registry.js';
export { type MockAnswer, type MockRequest, type MockScript, type MockTransport, mockTransport } from './mock-transport.js';
export { seededRandom } from './seeded-random.js';
export * from './simulation/index.js';
export { VirtualClock } from './virtual-clock.js';

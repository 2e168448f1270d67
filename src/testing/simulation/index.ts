/** The simulator's public names. */
export type { Distribution, Phase, Times } from './distributions.js';
export { always, exponential, hyperExponential, logNormal, normal, oneAfterAnother, poisson, regular } from './distributions.js';
export type { EndpointFault, FastFailures } from './endpoint-model.js';
export type { ColdStart, EndpointView as SimulatedEndpointView, ReceivedRequest, SimulatedEndpointOptions } from './endpoint-options.js';
export type { LatencySummary } from './latency-summary.js';
export type { TimeBucket } from './request-log.js';
export { at, type ScriptedEvent, type SimulatedEndpoint, type SimulationControl } from './script.js';
export { type EndpointLoad, type SimulationResult, simulate } from './simulate.js';
export type { ClientOptions, NetworkOptions, SimulationOptions } from './simulation-options.js';
export type { SendRequest, SimulatedRequest } from './traffic.js';

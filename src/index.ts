/**
 * fetchmesh: a client-side service mesh for Node. `fetch` with service discovery, load balancing and
 * composable policies, in process, without a sidecar.
 *
 * @packageDocumentation
 */
export type { AnnouncedServer, AnnounceServerOptions } from './announcing/announce-server.js';
export type { DrainOptions, DrainResult } from './announcing/drain.js';
export type { AnnounceableServer } from './announcing/server-place.js';
export { type AdaptiveOptions, adaptive } from './balancing/adaptive/adaptive.js';
export type { AffinityKey } from './balancing/hashing/affinity-key.js';
export type { AffinityOptions } from './balancing/hashing/affinity-options.js';
export { type MaglevOptions, maglev } from './balancing/hashing/maglev.js';
export { type RingHashOptions, ringHash } from './balancing/hashing/ring-hash.js';
export { type LeastRequestOptions, leastRequest } from './balancing/least-request.js';
export type { Load, LoadMeasure } from './balancing/load.js';
export { type WeightedRoundRobinOptions, weightedRoundRobin } from './balancing/load-reports/weighted-round-robin.js';
export { byLocality, type LocalityOptions } from './balancing/locality/by-locality.js';
export { byMetadata, type MetadataOptions } from './balancing/metadata/by-metadata.js';
export type { WantedValue } from './balancing/metadata/wanted-value.js';
export { type P2cOptions, p2c } from './balancing/p2c.js';
export { type PeakEwmaOptions, peakEwma } from './balancing/peak-ewma.js';
export { type PendingRequestsOptions, pendingRequests } from './balancing/pending-requests.js';
export { type PrequalOptions, prequal } from './balancing/prequal/prequal.js';
export { random } from './balancing/random.js';
export { roundRobin } from './balancing/round-robin.js';
export { type StickyOptions, sticky } from './balancing/sessions/sticky.js';
export { type SlowStartOptions, slowStart } from './balancing/slow-start/slow-start.js';
export { type SubsetOptions, subset } from './balancing/subsetting/subset.js';
export type { AttemptRecord, Call, CallHistory, Cancellable, Progress } from './core/call.js';
export type { Clock, Timer } from './core/clock.js';
export type { Deadline, DeadlineOwner, DeadlineQueue } from './core/deadline-queue.js';
export type {
  Announcement,
  Discovery,
  DiscoveryHost,
  DiscoverySink,
  InstanceInput,
  Lease,
  MemberReports,
  SnapshotInfo,
  Stop,
} from './core/discovery.js';
export type { Endpoint, Instance } from './core/endpoint.js';
export { type EndpointView, LOAD, LOAD_STAMP, type PickableView } from './core/endpoint-view.js';
export { ConfigError, MeshError, type MeshErrorCode, type MeshErrorInit, TimeoutError, UnknownServiceError } from './core/errors.js';
export type { EventEmitter, MeshEventName, MeshEvents, MeshListener } from './core/events.js';
export { type Ending, type Gate, type GateFactory, gatePolicy, type ShutReason, type Shutter } from './core/gate.js';
export type { LatencyTable } from './core/latency-table.js';
export type { Balancer, Inquiry, Picker, PickerScope, Question } from './core/picker.js';
export { definePolicy, type EndpointScope, type Level, type Policy, type Scope, type Send, type ServiceScope } from './core/policy.js';
export type { Random } from './core/random.js';
export { type RawHeaders, Reply, type ReplyOwner, type ReplyReader, type ReplySource } from './core/reply.js';
export type { Payload, RequestBody } from './core/request-body.js';
export type { Classifier, Outcome, Verdict } from './core/verdict.js';
export type { ViewListener } from './core/view-listeners.js';
export { compositeDiscovery } from './discovery/composite.js';
export type {
  CompositeBaseOptions,
  CompositeFallbackOptions,
  CompositeMember,
  CompositeOptions,
  CompositeUnionOptions,
  InstanceFilter,
} from './discovery/composite-options.js';
export type { DiskSnapshotOptions } from './discovery/disk-snapshot.js';
export { type DnsDiscoveryOptions, dnsDiscovery } from './discovery/dns.js';
export type { DnsRecordType, DnsServiceOptions } from './discovery/dns-names.js';
export { type FileDiscoveryOptions, fileDiscovery } from './discovery/file.js';
export type { LookupResult } from './discovery/poller.js';
export { type PollingOptions, type PollingTimes, pollingDiscovery } from './discovery/polling.js';
export { type StaticServices, staticDiscovery } from './discovery/static.js';
export type { MeshDispatcher } from './facade/dispatcher.js';
export type { BodySource, CallOptions, MeshBody, MeshFetch, MeshRequestInit } from './facade/fetch-types.js';
export type { InquiryCounts } from './inquiries.js';
export type { EndpointState, MeshState, ServiceState } from './inspect.js';
export type { LoadReportAudience, ReportedRequest } from './load-reports/audience.js';
export type { HonoContext, HonoMiddleware } from './load-reports/hono.js';
export {
  type FastifyPlugin,
  type LoadReports,
  type LoadReportsOptions,
  loadReports,
  type ReportingServer,
} from './load-reports/load-reports.js';
export type { ReportedResponse } from './load-reports/observed-answer.js';
export { type CloseOptions, createMesh, type Mesh, type ReadyOptions, type ServiceHandle } from './mesh.js';
export type { CacheOptions, MeshOptions, ServiceOptions } from './options.js';
export type { BackoffOptions } from './policies/backoff.js';
export { type BulkheadOptions, bulkhead } from './policies/bulkhead.js';
export { type CircuitBreakerOptions, circuitBreaker } from './policies/circuit-breaker.js';
export { FailedReply } from './policies/cockatiel-execution.js';
export { type CockatielPolicy, type FromCockatielOptions, fromCockatiel } from './policies/from-cockatiel.js';
export { type PolicyLists, without } from './policies/merge-policies.js';
export { type RetryOptions, type RetryOverride, type RetryPredicate, retry } from './policies/retry.js';
export { type RetryBudget, type RetryBudgetOptions, retryBudget } from './policies/retry-budget.js';
export { type StandardOptions, type StandardPolicies, standard } from './policies/standard.js';
export { type TimeoutOptions, type TimeoutOverride, timeout } from './policies/timeout.js';
export type { ConnectionOptions, ConnectionSettings, TlsOptions } from './transport/connection-options.js';
export type { Connection, Transport, TransportScope } from './transport/transport.js';

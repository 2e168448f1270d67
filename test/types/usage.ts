/**
 * What a user's program must compile to, and what it must not: compiled by types.test.ts with the types of each
 * supported Node. Nothing here is ever run.
 */
import * as cockatiel from 'cockatiel';
import {
  bulkhead,
  type CallOptions,
  circuitBreaker,
  createMesh,
  definePolicy,
  fromCockatiel,
  gatePolicy,
  type Mesh,
  MeshError,
  type MeshFetch,
  type MeshRequestInit,
  type Policy,
  p2c,
  retry,
  standard,
  staticDiscovery,
  timeout,
} from 'fetchmesh';
import { mockRegistry, mockTransport, VirtualClock } from 'fetchmesh/testing';

const discovery = staticDiscovery({ users: ['http://10.0.0.1:8080', { url: 'http://10.0.0.2:8080', weight: 2 }] });
const mesh: Mesh = createMesh({ discovery });

// fetch: the same as the runtime's, with one more option.
export const asFetch: typeof fetch = mesh.fetch;
export const scopedAsFetch: typeof fetch = mesh.service('users').fetch;
export const asMeshFetch: MeshFetch = mesh.fetch;
globalThis.fetch = mesh.fetch;

export async function calls(): Promise<void> {
  const response: Response = await mesh.fetch('http://users/42');
  const copy: Response = response.clone();
  const text: string = await copy.text();
  const json: unknown = await response.json();
  await mesh.fetch(new URL('http://users/42'), { method: 'POST', body: text, signal: AbortSignal.timeout(5) });
  await mesh.fetch(new Request('http://users/'), { headers: { a: 'b' } });
  await mesh.fetch('http://users/', { headers: [['a', 'b']], body: new FormData() });
  await mesh.fetch('http://users/', { headers: new Headers(), body: new Uint8Array(3), redirect: 'manual' });
  await mesh.fetch('http://users/', { method: 'PUT', body: () => new Blob(['x']), mesh: { bufferBody: 5 } });
  await mesh.fetch('http://users/', { method: 'PUT', body: new Blob(['x']).stream(), duplex: 'half' });
  await mesh.fetch('http://users/', { mesh: { timeoutMs: 5, retry: false, endpoint: 'http://10.0.0.1:8080', ownPolicy: { a: json } } });
  const options: CallOptions = { attemptTimeoutMs: 5, idempotent: true };
  const init: MeshRequestInit = { mesh: options };
  await mesh.fetch('http://users/', init);
  const plain: RequestInit = { method: 'POST' };
  await mesh.fetch('http://users/', plain);

  // @ts-expect-error a time is a number
  await mesh.fetch('http://users/', { mesh: { timeoutMs: '5s' } });
  // @ts-expect-error an endpoint is its id
  await mesh.fetch('http://users/', { mesh: { endpoint: 1 } });
  // @ts-expect-error the runtime's own fetch has no such option: nothing global is augmented
  await fetch('http://users/', { mesh: { timeoutMs: 5 } });
  // @ts-expect-error a body function makes a body
  await mesh.fetch('http://users/', { method: 'PUT', body: () => 42 });
}

// policies: each where it may stand.
const signed: Policy = (next) => (call) => {
  call.setHeader('x-signature', call.path);
  return next(call);
};
export const composed = createMesh({
  discovery,
  defaults: {
    balancer: p2c(),
    policies: standard({ timeoutMs: 5_000, retry: { attempts: 3 }, bulkhead: { concurrency: 200, queue: 400 } }),
  },
  services: {
    billing: {
      policies: {
        perCall: [signed, timeout({ timeoutMs: 2_000 }), bulkhead({ queue: 100 }), retry({ attempts: 2, budgetRatio: 0.1 })],
        perAttempt: [timeout({ timeoutMs: 500 })],
        perEndpoint: [
          circuitBreaker({ failureRatio: 0.5 }),
          bulkhead({ concurrency: 20 }),
          fromCockatiel(() =>
            cockatiel.circuitBreaker(cockatiel.handleAll, { halfOpenAfter: 5, breaker: new cockatiel.ConsecutiveBreaker(5) }),
          ),
        ],
      },
    },
  },
});
export const gated = gatePolicy('own', (shutter, { endpoint }) => ({
  settle: (verdict) => verdict === 'failure' && endpoint.inFlight > 9 && shutter.shut('broken', 5),
}));
export const perCallOnly = definePolicy({ name: 'own', levels: ['call'], build: (next) => next });

// @ts-expect-error retry repeats attempts, so it cannot stand below the balancer
createMesh({ discovery, defaults: { policies: { perEndpoint: [retry()] } } });
// @ts-expect-error a gate counts for an endpoint, so it cannot stand above the balancer
createMesh({ discovery, defaults: { policies: { perCall: [gated] } } });
// @ts-expect-error a policy says where it may stand
createMesh({ discovery, defaults: { policies: { perAttempt: [perCallOnly] } } });
// @ts-expect-error a mesh needs a source
createMesh({});
// @ts-expect-error a misspelt option is no option
createMesh({ discovery, unknownHost: 'error' });
// @ts-expect-error there are two ways to treat other hosts
createMesh({ discovery, unknownHosts: 'maybe' });
// @ts-expect-error an option of standard() that there is not
standard({ timeout: 5_000 });
// @ts-expect-error a policy is a function that takes what comes next
export const notOne: Policy = { name: 'own' };

// events and errors.
mesh.on('retry', ({ attempt, delayMs }) => attempt + delayMs);
// @ts-expect-error an event that there is not
mesh.on('retried', () => {});
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof MeshError)) return undefined;
  const asTypeError: TypeError = error;
  // @ts-expect-error codes are a closed list
  if (error.code === 'ERR_MESH_NONSENSE') return asTypeError.message;
  return error.attempts[0]?.endpoint ?? error.code;
}

// lifecycle and testing.
export async function lived(): Promise<void> {
  await mesh.ready(['users'], { timeoutMs: 5, minEndpoints: 2 });
  const { services } = mesh.inspect();
  const state: 'ready' | 'busy' | 'ejected' | undefined = services.users?.endpoints[0]?.state;
  await mesh.close({ graceMs: state === 'ready' ? 5 : 0 });
  await using short = createMesh({ discovery: mockRegistry(), transport: mockTransport(), clock: new VirtualClock() });
  await short.fetch('http://users/');
}

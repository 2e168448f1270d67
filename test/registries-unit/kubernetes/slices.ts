import type { SliceReading } from '../../../src/registries/kubernetes/endpoint-slice.js';

/** How slices are read by default. */
export const READING: SliceReading = { port: undefined, scheme: undefined, addressTypes: ['IPv4', 'IPv6'], hintsForZone: undefined };

/** An endpoint as the controller writes it for a pod. */
export function endpoint(address: string, uid: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    addresses: [address],
    conditions: { ready: true, serving: true, terminating: false },
    targetRef: { kind: 'Pod', namespace: 'default', name: `pod-${uid}`, uid },
    nodeName: 'node-1',
    zone: 'zone-a',
    ...more,
  };
}

/** An EndpointSlice as the API has it. */
export function slice(name: string, endpoints: readonly unknown[], more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-of-${name}`,
      resourceVersion: '1',
      labels: { 'kubernetes.io/service-name': 'users' },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints,
    ...more,
  };
}

export const NOT_READY = { conditions: { ready: false, serving: false, terminating: false } };
export const DRAINING = { conditions: { ready: false, serving: true, terminating: true } };

import type { EnteredInstance } from '../support/registry-under-test.js';

/** An instance as a Java client of Eureka enters it, with everything that may be changed about it. */
export interface NativeEntry {
  instanceId: string;
  app: string;
  hostName: string;
  ipAddr: string;
  vipAddress: string;
  secureVipAddress: string;
  status: string;
  port: { $: number | string; '@enabled': string };
  securePort: { $: number | string; '@enabled': string };
  dataCenterInfo: { '@class': string; name: string };
  leaseInfo: { renewalIntervalInSecs: number; durationInSecs: number };
  metadata: Record<string, unknown>;
  lastDirtyTimestamp?: string;
}

/** What a server takes in the path of a heartbeat. */
const FIT = /^[\w.:-]+$/;

/** The id that an entry has in Eureka: ids that would not fit into a path stand in the metadata. */
export function instanceIdFor(id: string): string {
  return FIT.test(id) ? id : `x-${Buffer.from(id).toString('hex').slice(0, 100)}`;
}

/** An entry that is up, and that lives as long as any test. */
export function nativeEntry(service: string, { id, url, weight, zone, metadata }: EnteredInstance, changes: Partial<NativeEntry> = {}) {
  const { protocol, hostname, port, pathname } = new URL(url);
  const isSecure = protocol === 'https:';
  const instanceId = instanceIdFor(id);
  const entry: NativeEntry = {
    instanceId,
    app: service,
    hostName: hostname.replace(/^\[|\]$/g, ''),
    ipAddr: hostname.replace(/^\[|\]$/g, ''),
    vipAddress: service,
    secureVipAddress: service,
    status: 'UP',
    port: { $: isSecure ? 80 : Number(port || 80), '@enabled': String(!isSecure) },
    securePort: { $: isSecure ? Number(port || 443) : 443, '@enabled': String(isSecure) },
    dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    leaseInfo: { renewalIntervalInSecs: 30, durationInSecs: 3_600 },
    metadata: {
      ...metadata,
      ...(weight !== undefined && { weight: String(weight) }),
      ...(zone !== undefined && { zone }),
      ...(pathname !== '/' && { contextPath: pathname }),
      ...(instanceId !== id && { 'fetchmesh.id': id }),
    },
    ...changes,
  };
  return entry;
}

/** Entries that a real server takes and that nobody can call. */
export function brokenEntries(service: string): NativeEntry[] {
  const entry = (id: string, changes: Partial<NativeEntry>, url = 'http://127.0.0.1:9') => nativeEntry(service, { id, url }, changes);
  return [
    entry('no-port', { port: { $: 9, '@enabled': 'false' } }),
    entry('port-0', { port: { $: 0, '@enabled': 'true' } }),
    entry('port-70000', { port: { $: 70_000, '@enabled': 'true' } }),
    entry('credentials-of-the-cloud', { hostName: '169.254.169.254', ipAddr: '169.254.169.254' }),
    entry('another-host', { hostName: 'evil.example/#', ipAddr: 'evil.example/#' }),
    entry('script', { hostName: '<script>alert(1)</script>', ipAddr: '127.0.0.1' }),
    entry('weightless', { metadata: { weight: '0' } }),
    entry('a-million-bytes', { metadata: { note: 'x'.repeat(1_000_000) } }),
    entry('many-keys', { metadata: Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`key${index}`, 'x'])) }),
  ];
}

// A process that calls a service once, with a snapshot: DNS server and file are its arguments. It prints what it saw,
// and ends by itself.
import { createMesh, dnsDiscovery } from '../../../src/index.js';

/** What such a process saw. */
export interface SnapshotReport {
  readonly body: string;
  /** How often a list was restored. */
  readonly restored: number;
  readonly snapshotAgeMs: number | null;
  readonly lastError: string | null;
}

const [server = '', path = ''] = process.argv.slice(2);
const discovery = dnsDiscovery({ servers: [server], domain: 'test', type: 'srv', timeoutMs: 500 });
const mesh = createMesh({ discovery, cache: { snapshot: { path } } });
let restored = 0;
mesh.on('listRestored', () => restored++);
const body = await (await mesh.fetch('http://users/')).text();
const state = mesh.inspect().services.users?.discovery as Partial<SnapshotReport> | undefined;
const { snapshotAgeMs = null, lastError = null } = state ?? {};
await mesh.close();
console.log(JSON.stringify({ body, restored, snapshotAgeMs, lastError } satisfies SnapshotReport));

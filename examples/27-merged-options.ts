import { createMesh, retry, standard, staticDiscovery, timeout, without } from 'fetchmesh';

// #region merge
const mesh = createMesh({
  discovery: staticDiscovery({ users: [], payments: [], reports: [] }),
  defaults: { policies: standard({ timeoutMs: 5_000, retry: { attempts: 3 } }), connections: { max: 100 } },
  services: {
    // standard() over standard(): option by option. Here timeoutMs stays 5,000 and the whole `retry` is replaced.
    users: { policies: standard({ retry: { attempts: 2 } }) },
    // Lists over a stack: by name. This timeout and this retry take the place of the default ones, where they stood.
    reports: { policies: { perCall: [timeout({ timeoutMs: 60_000 }), retry({ attempts: 1 })] } },
    // A default that is not wanted.
    payments: { policies: { perCall: [without('retry')] }, connections: { idleMs: 10_000 } },
  },
});
// #endregion

await mesh.ready(['users', 'reports', 'payments'], { minEndpoints: 0 });
const { users, reports, payments } = mesh.inspect().services;
console.log(users?.policies.perCall.join(' ')); // -> timeout bulkhead retry
console.log(reports?.policies.perCall.join(' ')); // -> timeout bulkhead retry
console.log(payments?.policies.perCall.join(' ')); // -> timeout bulkhead
await mesh.close();

import { createMesh, definePolicy, type Policy, standard, staticDiscovery } from 'fetchmesh';
import { serve } from './servers.js';

const url = await serve((request, response) => {
  response.end(`${request.headers['x-tenant']} ${request.headers['x-attempt']}`);
});

// #region own-policy
/** A function will do. It is called once a service; what it returns handles the calls. */
const numbered: Policy<'attempt'> = function numbered(next) {
  return (call) => {
    call.setHeader('x-attempt', String(call.attempt));
    return next(call);
  };
};

/** With options, a place where it may stand, and something that one call may change. */
const tenant = (byDefault: string) =>
  definePolicy({
    name: 'tenant',
    levels: ['call'],
    override(value) {
      if (typeof value === 'string') return value;
      throw new TypeError('expected the name of a tenant');
    },
    build: (next) => (call) => {
      call.setHeader('x-tenant', String(call.overrides?.tenant ?? byDefault));
      return next(call);
    },
  });

const { perCall, perAttempt, perEndpoint } = standard();
const policies = { perCall: [tenant('acme'), ...(perCall ?? [])], perAttempt: [numbered, ...(perAttempt ?? [])], perEndpoint };
const mesh = createMesh({ discovery: staticDiscovery({ users: [url] }), defaults: { policies } });
// #endregion

console.log(await (await mesh.fetch('http://users/')).text()); // -> acme 1
console.log(await (await mesh.fetch('http://users/', { mesh: { tenant: 'initech' } })).text()); // -> initech 1
await mesh.close();

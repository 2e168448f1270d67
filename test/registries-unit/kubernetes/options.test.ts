import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '../../../src/core/errors.js';
import { type KubernetesDiscoveryOptions, kubernetesDiscovery } from '../../../src/registries/kubernetes/index.js';

const server = 'https://127.0.0.1:6443';

function refused(options: unknown): ConfigError {
  try {
    kubernetesDiscovery(options as KubernetesDiscoveryOptions);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
  return assert.fail('the options were taken');
}

describe('the options of kubernetesDiscovery', () => {
  it('are checked when the source is made, and the error names the one that is wrong', () => {
    const wrong: [keyof KubernetesDiscoveryOptions | string, object][] = [
      ['namespace', { namespace: 'No Namespace' }],
      ['server', { server: 'ftp://x' }],
      ['token', { token: '' }],
      ['tokenFile', { token: 'a', tokenFile: 'b' }],
      ['caFile', { ca: 'a', caFile: 'b' }],
      ['key', { cert: 'a' }],
      ['cert', { key: 'a' }],
      ['kubeconfig', { kubeconfig: true }],
      ['context', { context: 'a' }],
      ['port', { port: 0 }],
      ['scheme', { scheme: 'ftp' }],
      ['addressTypes', { addressTypes: [] }],
      ['addressTypes', { addressTypes: ['IPv4', 'IPv4'] }],
      ['hintsForZone', { hintsForZone: 1 }],
      ['services', { services: [] }],
      ['services.users.port', { services: { users: { port: 1.5 } } }],
      ['services.users.zone', { services: { users: { zone: 'a' } } }],
      ['livenessMs', { livenessMs: 0 }],
      ['requestTimeoutMs', { requestTimeoutMs: Number.POSITIVE_INFINITY }],
      ['tokn', { tokn: 'a' }],
    ];
    for (const [option, options] of wrong) assert.equal(refused({ server, ...options }).path, `kubernetesDiscovery.${option}`);
    assert.equal(refused({ token: 'a' }).path, 'kubernetesDiscovery.server');
    assert.equal(refused({ kubeconfig: '' }).path, 'kubernetesDiscovery.kubeconfig');
    assert.equal(refused(null).path, 'kubernetesDiscovery');
  });

  it('never show a secret', () => {
    assert.doesNotMatch(refused({ server, token: 'geheim', tokenFile: 'f' }).message, /geheim/);
    assert.doesNotMatch(refused({ server, token: ['geheim'] }).message, /geheim/);
  });

  it('say what to do where no cluster can be found', () => {
    const { KUBERNETES_SERVICE_HOST, KUBECONFIG, HOME } = process.env;
    delete process.env.KUBERNETES_SERVICE_HOST;
    delete process.env.KUBECONFIG;
    process.env.HOME = '/nonexistent';
    try {
      assert.match(refused({}).message, /server must be a URL, since the process runs in no cluster .* and has no kubeconfig/);
    } finally {
      for (const [name, value] of Object.entries({ KUBERNETES_SERVICE_HOST, KUBECONFIG, HOME }))
        if (value !== undefined) process.env[name] = value;
    }
  });

  it('declare the services that they name', () => {
    const source = kubernetesDiscovery({ server, services: { 'pay.example.com': { name: 'pay' } } });
    assert.equal(source.declares?.('pay.example.com'), true);
    assert.equal(source.declares?.('toString'), false);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { choosePort } from '../../../src/registries/kubernetes/port-choice.js';

const HTTP = { name: 'http', port: 8080, protocol: 'TCP' };
const METRICS = { name: 'metrics', port: 9090, protocol: 'TCP' };
const DNS = { name: 'dns', port: 53, protocol: 'UDP' };

describe('choosePort', () => {
  it('takes the only TCP port, whatever its name', () => {
    assert.deepEqual(choosePort([METRICS, DNS], undefined), { port: 9090, scheme: 'http' });
    assert.deepEqual(choosePort([{ port: 3000 }], undefined), { port: 3000, scheme: 'http' });
  });

  it('takes the one with a usual name among several', () => {
    assert.equal(choosePort([METRICS, HTTP], undefined).port, 8080);
    assert.equal(choosePort([METRICS, { ...HTTP, name: 'web' }], undefined).port, 8080);
    assert.deepEqual(choosePort([METRICS, { ...HTTP, name: 'https' }], undefined), { port: 8080, scheme: 'https' });
  });

  it('takes the only one that says to speak HTTP', () => {
    assert.deepEqual(choosePort([METRICS, { name: 'main', port: 1, appProtocol: 'https' }], undefined), { port: 1, scheme: 'https' });
  });

  it('refuses to guess, and lists what there is', () => {
    assert.throws(
      () => choosePort([METRICS, { name: 'admin', port: 81 }], undefined),
      /several ports \(metrics=9090, admin=81\): set port/,
    );
    assert.throws(() => choosePort([DNS], undefined), /no TCP port: set port to a number/);
    assert.throws(() => choosePort(null, undefined), /no TCP port/);
  });

  it('goes by name or number when told to', () => {
    assert.equal(choosePort([HTTP, METRICS], 'metrics').port, 9090);
    assert.equal(choosePort([HTTP, METRICS], 9090).port, 9090);
    assert.throws(() => choosePort([HTTP], 'metrics'), /no TCP port 'metrics' \(it has http=8080\)/);
    assert.throws(() => choosePort([HTTP], 9090), /no TCP port 9090 \(it has http=8080\)/);
  });

  it('takes a number at its word where a slice leaves its ports open', () => {
    assert.deepEqual(choosePort([], 3000), { port: 3000, scheme: 'http' });
    assert.throws(() => choosePort([{ name: 'open', protocol: 'TCP' }], undefined), /open=open must be a number/);
  });

  it('tells the scheme from appProtocol, else from the name, else from the number 443, unless it is given', () => {
    const schemeOf = (port: object) => choosePort([{ port: 1, ...port }], undefined).scheme;
    assert.equal(schemeOf({ appProtocol: 'https', name: 'http' }), 'https');
    assert.equal(schemeOf({ appProtocol: 'http', name: 'https' }), 'http');
    assert.equal(schemeOf({ appProtocol: 'kubernetes.io/wss' }), 'https');
    assert.equal(schemeOf({ name: 'https-admin' }), 'https');
    assert.equal(schemeOf({ port: 443 }), 'https');
    assert.equal(schemeOf({ port: 443, name: 'http' }), 'http');
    assert.equal(choosePort([HTTP], undefined, 'https').scheme, 'https');
  });

  it('refuses ports that are none: the API server does not check their range', () => {
    for (const port of [0, -1, 70_000, 1.5]) assert.throws(() => choosePort([{ port }], undefined), /must be a number from 1 to 65535/);
    for (const port of ['80', null, {}]) assert.throws(() => choosePort([{ port }], undefined), /must be a number/);
    for (const ports of ['x', 1, {}]) assert.throws(() => choosePort(ports, undefined), /must be a list/);
  });
});

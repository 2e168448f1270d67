import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { UnknownServiceError } from '../../../src/index.js';
import { until } from '../../discovery/recording-sink.js';
import { startBind } from '../servers/bind.js';
import { startDnsmasq } from '../servers/dnsmasq.js';
import { entriesOf, watchDns } from './watching.js';

describe('DNS from a real dnsmasq', { concurrency: true }, () => {
  it('is its hosts and services, and follows them', async (test) => {
    const dnsmasq = await startDnsmasq({
      hosts: { 'users.test': ['10.0.0.1', '2001:db8::1'] },
      domains: ['test'],
      settings: ['srv-host=_http._tcp.users.test,users.test,8080,1,2'],
    });
    test.after(() => dnsmasq.stop());
    const servers = [dnsmasq.address];
    const addresses = watchDns(test, { servers, search: ['test'] });
    const services = watchDns(test, { servers, services: { users: { name: '_http._tcp.users.test', type: 'srv' } } });
    const unknown = watchDns(test, { servers, search: ['test'], ndots: 2 }, 'nobody.test');
    for (const { sink } of [addresses, services]) await until(() => sink.said.length > 0, 'an answer');
    assert.deepEqual(addresses.sink.ids, ['http://10.0.0.1:80', 'http://[2001:db8::1]:80']);
    assert.deepEqual(entriesOf(services.sink), ['http://10.0.0.1:8080 1 1', 'http://[2001:db8::1]:8080 1 1']);
    await until(() => unknown.sink.said.length > 0, 'an answer');
    assert.ok(unknown.sink.last?.error instanceof UnknownServiceError);
    await dnsmasq.setHosts({ 'users.test': ['10.0.0.2'] });
    await until(() => addresses.sink.ids.join() === 'http://10.0.0.2:80', 'the new address');
  });

  it('that asks another server says when that one is gone, and the list stays', async (test) => {
    const bind = await startBind({ zones: { other: 'users 1 A 10.0.0.1' } });
    test.after(() => bind.stop());
    // Without a cache every question goes through.
    const dnsmasq = await startDnsmasq({ forwardTo: bind.address, settings: ['cache-size=0'] });
    test.after(() => dnsmasq.stop());
    const { sink } = watchDns(test, { servers: [dnsmasq.address], domain: 'other', timeoutMs: 300 });
    await until(() => sink.said.length > 0, 'an answer');
    await bind.kill();
    await until(() => sink.last?.kind === 'failed', 'the failure');
    assert.ok(!(sink.last?.error instanceof UnknownServiceError));
    assert.deepEqual(sink.ids, ['http://10.0.0.1:80']);
    await bind.restart();
    await until(() => sink.last?.kind === 'snapshot', 'the list again');
  });

  it('serves the example', async (test) => {
    const hosts = ['127.0.0.2', '127.0.0.3'];
    const dnsmasq = await startDnsmasq({ hosts: { 'greeter.test': hosts }, domains: ['test'] });
    test.after(() => dnsmasq.stop());
    const example = fileURLToPath(new URL('../../../examples/registries/dns.js', import.meta.url));
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { stdout } = await promisify(execFile)(process.execPath, [example, dnsmasq.address, 'greeter.test'], { env, timeout: 30_000 });
    assert.match(stdout, /answers of both: 127\.0\.0\.2, 127\.0\.0\.3/);
    assert.match(stdout, /calls go on/);
  });
});

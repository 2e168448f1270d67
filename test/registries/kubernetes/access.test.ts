import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { systemClock } from '../../../src/core/clock.js';
import { inClusterAccess } from '../../../src/registries/kubernetes/file-access.js';
import { type KubernetesDiscoveryOptions, kubernetesDiscovery } from '../../../src/registries/kubernetes/index.js';
import { SliceApi } from '../../../src/registries/kubernetes/slice-api.js';
import { temporaryFolder, until } from '../../discovery/recording-sink.js';
import { eventually } from '../servers/eventually.js';
import { exchange } from '../servers/http-call.js';
import { type Kubernetes, startKubernetes } from '../servers/kubernetes.js';
import { Network } from '../support/network.js';
import { failuresOf, watch } from './real-host.js';
import { SliceWriter } from './slice-writer.js';

/** The Role of docs/registries/kubernetes.md. */
const READER = { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] };

describe('access to a real API server', () => {
  let kubernetes: Kubernetes;
  before(async () => {
    kubernetes = await startKubernetes();
    await new SliceWriter(kubernetes).put('users', { id: 'a', url: 'http://10.0.0.1:80' });
  });
  after(() => kubernetes.stop());

  const at = (): { server: string; caFile: string } => ({ server: kubernetes.address, caFile: kubernetes.certificates.caFile });

  /** The first failure that a source with these options is told. */
  async function failureWith(test: TestContext, options: KubernetesDiscoveryOptions): Promise<string> {
    const { sink } = watch(test, kubernetesDiscovery({ requestTimeoutMs: 2_000, ...options }));
    await until(() => sink.said.length > 0, 'an answer');
    return failuresOf(sink)[0] ?? assert.fail('it did not fail');
  }

  async function finds(test: TestContext, options: KubernetesDiscoveryOptions): Promise<void> {
    const { sink } = watch(test, kubernetesDiscovery(options));
    await until(() => sink.said.length > 0, 'an answer');
    assert.deepEqual([...sink.list.keys()], ['a'], failuresOf(sink).join());
  }

  /** A service account with these verbs, whose Role is known to the server by now, and its token. */
  async function accountWith(name: string, verbs: readonly string[]): Promise<string> {
    const account = { namespace: 'default', name };
    await kubernetes.createServiceAccount(account, [{ ...READER, verbs }]);
    const token = await kubernetes.createToken(account, 600);
    const url = `${kubernetes.address}/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?limit=1`;
    const headers = { authorization: `Bearer ${token}` };
    await eventually('the role is in force', async () => (await exchange(url, { ca: kubernetes.certificates.ca, headers })).status === 200);
    return token;
  }

  it('needs no more than the Role of the docs', async (test) => {
    await finds(test, { ...at(), token: await accountWith('reader', READER.verbs) });
  });

  it('says which permission is missing, for whom and where', async (test) => {
    assert.match(
      await failureWith(test, { ...at(), token: kubernetes.userToken }),
      /at https:\/\/127\.0\.0\.1:\d+ answered 403 .*User "user" cannot list resource "endpointslices" .*: allow it to list endpointslices .* in the namespace default/,
    );
    const token = await accountWith('lister', ['list']);
    const { sink } = watch(test, kubernetesDiscovery({ ...at(), token }));
    await until(() => failuresOf(sink).length > 0, 'the refusal');
    assert.match(failuresOf(sink)[0] ?? '', /cannot watch resource "endpointslices".*: allow it to watch endpointslices/);
    assert.deepEqual([...sink.list.keys()], ['a']);
  });

  it('says what to set when the server does not know who asks, is not trusted, is another one, or is not there', async (test) => {
    assert.match(await failureWith(test, { ...at(), token: 'wrong' }), /answered 401 .*: set token or tokenFile/);
    assert.match(
      await failureWith(test, { server: kubernetes.address, token: 'x' }),
      /could not be asked \(.*certificate.*\): set caFile or ca/,
    );
    const other = createServer((_, response) => response.writeHead(404).end('<h1>nothing here</h1>')).listen(0, '127.0.0.1');
    test.after(() => other.close());
    await once(other, 'listening');
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    assert.match(await failureWith(test, { server: url }), /answered 404 .*nothing here.*: set server to a Kubernetes API server/);
    assert.match(
      await failureWith(test, { server: 'http://127.0.0.1:1' }),
      /http:\/\/127\.0\.0\.1:1 could not be asked \(connect ECONNREFUSED/,
    );
    assert.match(
      await failureWith(test, { ...at(), tokenFile: '/nonexistent/token' }),
      /could not be asked, since \/nonexistent\/token cannot be read .*: set tokenFile/,
    );
  });

  it('goes on with the new token when the old one has ended', async (test) => {
    const account = { namespace: 'default', name: 'rotating' };
    await accountWith(account.name, READER.verbs);
    const tokenFile = join(temporaryFolder(test), 'token');
    const token = await kubernetes.createToken(account, 2);
    writeFileSync(tokenFile, token);
    const network = await Network.to(kubernetes.address);
    test.after(() => network.close());
    const writer = new SliceWriter(kubernetes);
    await writer.put('rotating', { id: 'a', url: 'http://10.0.0.1:80' });
    const { sink } = watch(test, kubernetesDiscovery({ ...at(), server: `https://${network.address}`, tokenFile }), 'rotating');
    await until(() => sink.list.size === 1, 'the list');
    const headers = { authorization: `Bearer ${token}` };
    const status = async (): Promise<number> =>
      (await exchange(`${kubernetes.address}/api`, { ca: kubernetes.certificates.ca, headers })).status;
    await eventually('the token has ended', async () => (await status()) === 401);
    network.turn('refusing');
    network.turn('open');
    await until(() => failuresOf(sink).some((message) => /answered 401 .*: set token or tokenFile/.test(message)), 'the refusal');
    writeFileSync(tokenFile, `${await kubernetes.createToken(account, 600)}\n`);
    await writer.put('rotating', { id: 'b', url: 'http://10.0.0.2:80' });
    await until(() => sink.list.size === 2, 'the change');
  });

  it('works in a pod: by the environment and the files of its service account, namespace included', async (test) => {
    const folder = temporaryFolder(test);
    writeFileSync(join(folder, 'token'), kubernetes.adminToken);
    writeFileSync(join(folder, 'ca.crt'), kubernetes.certificates.ca);
    writeFileSync(join(folder, 'namespace'), 'default\n');
    const { hostname, port } = new URL(kubernetes.address);
    const access = inClusterAccess({ KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port }, undefined, folder);
    assert.ok(access);
    test.after(() => access.close());
    const found: string[] = [];
    const target = { name: 'users', namespace: undefined };
    const request = { limit: 10, next: undefined, signal: new AbortController().signal };
    void new SliceApi(access, systemClock, 5_000).list(target, request, (json) => found.push(json));
    await until(() => found.length === 1, 'the slice');
    assert.equal(inClusterAccess({}, undefined), undefined);
  });

  describe('by a kubeconfig', () => {
    /** Writes a kubeconfig with this user and cluster, in JSON, which is YAML. */
    function kubeconfig(test: TestContext, user: object, cluster: object = {}): string {
      const path = join(temporaryFolder(test), 'config');
      const config = {
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'main',
        contexts: [
          { name: 'main', context: { cluster: 'it', user: 'me', namespace: 'default' } },
          { name: 'elsewhere', context: { cluster: 'it', user: 'me', namespace: 'elsewhere' } },
        ],
        clusters: [{ name: 'it', cluster: { server: kubernetes.address, 'certificate-authority': at().caFile, ...cluster } }],
        users: [{ name: 'me', user }],
      };
      writeFileSync(path, JSON.stringify(config));
      return path;
    }

    it('takes tokens and client certificates', async (test) => {
      await finds(test, { kubeconfig: kubernetes.kubeconfig(kubernetes.adminToken) });
      const { certFile, keyFile } = kubernetes.certificates.client;
      await finds(test, { kubeconfig: kubeconfig(test, { 'client-certificate': certFile, 'client-key': keyFile }) });
    });

    it('runs exec plugins, and again when what they gave is refused', async (test) => {
      const tokenFile = join(temporaryFolder(test), 'token');
      const script = `const token = require('fs').readFileSync('${tokenFile}', 'utf8');
        const status = { token, expirationTimestamp: '2999-01-01T00:00:00Z' };
        console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status }));`;
      const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath, args: ['-e', script] };
      writeFileSync(tokenFile, 'wrong');
      const { sink } = watch(test, kubernetesDiscovery({ kubeconfig: kubeconfig(test, { exec }) }));
      await until(() => sink.said.length > 0, 'the refusal');
      assert.match(failuresOf(sink)[0] ?? '', /answered 401 .*: set kubeconfig and context/);
      writeFileSync(tokenFile, kubernetes.adminToken);
      await until(() => sink.list.size === 1, 'the list');
    });

    it('goes through a proxy where the cluster has one', async (test) => {
      const targets: string[] = [];
      const proxy = createServer().listen(0, '127.0.0.1');
      proxy.on('connect', ({ url = '' }, near) => {
        targets.push(url);
        const far = connect(Number(url.split(':')[1]), '127.0.0.1', () => near.write('HTTP/1.1 200 OK\r\n\r\n'));
        far.on('error', () => near.destroy());
        near.on('error', () => far.destroy());
        far.pipe(near).pipe(far);
      });
      test.after(() => proxy.close());
      await once(proxy, 'listening');
      const cluster = { 'proxy-url': `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
      await finds(test, { kubeconfig: kubeconfig(test, { token: kubernetes.adminToken }, cluster) });
      assert.ok(targets.length > 0);
      assert.deepEqual(new Set(targets), new Set([new URL(kubernetes.address).host]));
    });

    it('looks into the namespace of its context, unless told otherwise', async (test) => {
      const path = kubeconfig(test, { token: kubernetes.adminToken });
      assert.match(await failureWith(test, { kubeconfig: path, context: 'elsewhere' }), /knows no service/);
      await finds(test, { kubeconfig: path, context: 'elsewhere', namespace: 'default' });
    });

    it('says what is wrong with the file', async (test) => {
      const path = kubeconfig(test, {});
      assert.match(
        await failureWith(test, { kubeconfig: path, context: 'nowhere' }),
        /its context 'nowhere' does not exist .* has main, elsewhere/,
      );
      assert.match(await failureWith(test, { kubeconfig: '/nonexistent' }), /kubernetes at \/nonexistent could not be asked \(ENOENT/);
    });

    it('says what to install where the official client is missing', async () => {
      const entry = new URL('../../../src/registries/kubernetes/index.js', import.meta.url);
      const clock = new URL('../../../src/core/clock.js', import.meta.url);
      const missing = `export function resolve(name, context, next) {
        if (name === '@kubernetes/client-node') throw Object.assign(new Error('not here'), { code: 'ERR_MODULE_NOT_FOUND' });
        return next(name, context);
      }`;
      const script = `import { register } from 'node:module';
        register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(missing)}`)});
        const { kubernetesDiscovery } = await import('${entry}');
        const { systemClock: clock } = await import('${clock}');
        const source = kubernetesDiscovery({ kubeconfig: true });
        source.watch('users', { failed: (error) => { console.log(error.message); source.close(); } }, { clock, random: { next: () => 0 } });
        await new Promise((resolve) => setTimeout(resolve, 1_000).unref());`;
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]).catch((error) => error);
      assert.match(stdout, /the package @kubernetes\/client-node cannot be loaded: npm install @kubernetes\/client-node@1/);
    });
  });
});

// Starts a real registry on this machine, for a try, and stops it at Ctrl-C:
//     npm run registries -- consul
//     npm run registries -- consul --port 8501
// It is installed first where it is missing. What is in it is gone when it stops. The servers are those of the tests.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { installServers, NAMES } from './install.mjs';

const SERVERS = new URL('../../build/test/registries/servers/', import.meta.url);
const EXAMPLES = 'build/examples/registries';

/** How each is started on its usual port, and what a user does with it. */
const REGISTRIES = {
  consul: {
    port: 8500,
    async start(port) {
      const { startConsul } = await load('consul');
      const consul = await startConsul({ port });
      return {
        server: consul,
        usage: [
          `curl -X PUT -d '{"Name":"users","Address":"127.0.0.1","Port":3000}' ${consul.address}/v1/agent/service/register`,
          `createMesh({ discovery: consulDiscovery({ address: '${consul.address}' }) })`,
          `its DNS: dig @127.0.0.1 -p ${consul.ports.dns} users.service.consul SRV`,
          example('consul', consul.address),
        ],
      };
    },
  },
  etcd: {
    port: 2379,
    async start(port) {
      const { startEtcd } = await load('etcd');
      const { server, stop } = bound(await startEtcd({ port }));
      return {
        server,
        stop,
        usage: [
          `ETCDCTL_API=3 etcdctl --endpoints=${server.address} put services/users/1 '{"Addr":"127.0.0.1:3000"}'`,
          `createMesh({ discovery: etcdDiscovery({ endpoints: ['${server.address}'], prefix: 'services/' }) })`,
          example('etcd', server.address),
        ],
      };
    },
  },
  zookeeper: {
    port: 2181,
    async start(port) {
      const { startZooKeeper } = await load('zookeeper');
      const { server, stop } = bound(await startZooKeeper({ port, tickTimeMs: 2_000 }));
      return {
        server,
        stop,
        usage: [
          `createMesh({ discovery: zookeeperDiscovery({ servers: '${server.address}', basePath: '/services' }) })`,
          example('zookeeper', server.address),
        ],
      };
    },
  },
  eureka: {
    port: 8761,
    async start(port) {
      const { startEureka } = await load('eureka');
      const { server, stop, urls } = await startEureka({ port });
      return {
        server,
        stop,
        usage: [
          `what is in it: ${server.address}/`,
          `createMesh({ discovery: eurekaDiscovery({ servers: ['${urls[0]}'] }) })`,
          example('eureka', urls[0]),
        ],
      };
    },
  },
  kubernetes: {
    port: 6443,
    async start(port) {
      const { startKubernetes } = await load('kubernetes');
      const kubernetes = await startKubernetes({ port });
      const { adminToken, certificates } = kubernetes;
      const kubeconfig = kubernetes.kubeconfig(adminToken);
      const secrets = `KUBERNETES_TOKEN=${adminToken} KUBERNETES_CA_FILE=${certificates.caFile}`;
      return {
        server: kubernetes,
        usage: [
          `KUBECONFIG=${kubeconfig} kubectl get endpointslices`,
          `createMesh({ discovery: kubernetesDiscovery({ kubeconfig: '${kubeconfig}' }) })`,
          `${secrets} ${example('kubernetes', kubernetes.address)}`,
        ],
      };
    },
  },
  // The usual port, 53, is root's, and often taken.
  dns: {
    port: 5353,
    async start(port) {
      const { startBind } = await load('bind');
      const records = 'greeter 5 A 127.0.0.2\ngreeter 5 A 127.0.0.3\n_http._tcp.greeter 5 SRV 0 1 3000 greeter';
      const bind = await startBind({ port, zones: { test: records } });
      return {
        server: bind,
        usage: [
          `dig @127.0.0.1 -p ${port} greeter.test; dig @127.0.0.1 -p ${port} _http._tcp.greeter.test SRV`,
          `createMesh({ discovery: dnsDiscovery({ servers: ['${bind.address}'], services: { greeter: { name: 'greeter.test', port: 3000 } } }) })`,
          example('dns', bind.address),
        ],
      };
    },
  },
};

const { name, port } = parse();
await installServers([name]);
const { server, usage, stop = () => server.stop() } = await REGISTRIES[name].start(port ?? REGISTRIES[name].port);
const { pid } = server;
console.log(`\n${name}: ${server.address}\n\n${usage.map((line) => `  ${line}\n`).join('')}\nCtrl-C stops it.`);

const watch = setInterval(() => {
  if (isAlive()) return;
  console.error(`${name} has ended:\n${server.log()}`);
  void end(1);
}, 1_000);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => void end(0));

async function end(code) {
  clearInterval(watch);
  await stop();
  process.exitCode = code;
}

function isAlive() {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function parse() {
  const options = { port: { type: 'string' } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const [wanted, ...rest] = positionals;
  const wantedPort = values.port === undefined ? undefined : Number(values.port);
  const isPort = wantedPort === undefined || (Number.isInteger(wantedPort) && wantedPort > 0 && wantedPort < 65_536);
  if (rest.length === 0 && wanted !== undefined && Object.hasOwn(REGISTRIES, wanted) && isPort) return { name: wanted, port: wantedPort };
  console.error(`usage: npm run registries -- NAME [--port PORT], with one of these names: ${NAMES.join(', ')}`);
  process.exit(2);
}

async function load(file) {
  const url = new URL(`${file}.js`, SERVERS);
  if (!existsSync(url)) throw new Error("the servers are not compiled: run 'npm run build' first");
  return import(url.href);
}

/** The only member of a cluster of one, and how the cluster ends. */
function bound(cluster) {
  return { server: cluster.server, stop: () => cluster.stop() };
}

function example(file, address) {
  return `node ${EXAMPLES}/${file}.js ${address}`;
}

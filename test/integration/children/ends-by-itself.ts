/**
 * A process that makes a mesh, does one thing with it, and has nothing more to do: it ends by itself unless the
 * mesh keeps it alive. Its last line says so. Arguments: what to do, and the URL of a server or a folder.
 */
import { createMesh, fileDiscovery, staticDiscovery } from '../../../src/index.js';

const [what, where = ''] = process.argv.slice(2);

switch (what) {
  case 'a mesh that was only made':
    createMesh({ discovery: staticDiscovery({ users: [where] }) });
    break;
  case 'a mesh that is ready':
    await createMesh({ discovery: staticDiscovery({ users: [where] }) }).ready(['users']);
    break;
  case 'a call': {
    const mesh = createMesh({ discovery: staticDiscovery({ users: [where] }) });
    await (await mesh.fetch('http://users/')).text();
    break;
  }
  case 'a call whose answer nobody reads': {
    const mesh = createMesh({ discovery: staticDiscovery({ users: [where] }) });
    await mesh.fetch('http://users/');
    break;
  }
  case 'calls that failed': {
    const mesh = createMesh({ discovery: staticDiscovery({ users: ['http://127.0.0.1:1'] }) });
    for (let i = 0; i < 10; i++) await mesh.fetch('http://users/').catch(() => {});
    break;
  }
  case 'a call of a service that has no list': {
    const mesh = createMesh({ discovery: fileDiscovery(where), cache: { coldTimeoutMs: 50 } });
    await mesh.fetch('http://users/').catch(() => {});
    break;
  }
  case 'a folder that is watched': {
    const mesh = createMesh({ discovery: fileDiscovery(where) });
    await mesh.ready(['users'], { timeoutMs: 50 }).catch(() => {});
    break;
  }
  case 'an announced instance': {
    const mesh = createMesh({ discovery: fileDiscovery(where) });
    await mesh.announce({ service: 'users', url: 'http://127.0.0.1:8080' });
    break;
  }
  case 'an announced instance that is to keep the process alive': {
    const mesh = createMesh({ discovery: fileDiscovery({ path: where, keepAlive: true }) });
    await mesh.announce({ service: 'users', url: 'http://127.0.0.1:8080' });
    process.on('SIGTERM', () => {
      void mesh.close();
    });
    break;
  }
  default:
    throw new Error(`unknown: ${what}`);
}
console.log('done');

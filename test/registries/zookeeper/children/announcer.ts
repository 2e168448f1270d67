import { systemClock } from '../../../../src/core/clock.js';
import { systemRandom } from '../../../../src/core/random.js';
import { zookeeperDiscovery } from '../../../../src/registries/zookeeper/index.js';

/**
 * A process that announces and watches, and does nothing else: `announcer <servers> <keepAlive>`. Only with keepAlive
 * is it there for a timer that does not keep it alive.
 */
const [servers = '', keepAlive] = process.argv.slice(2);
const source = zookeeperDiscovery({ servers, keepAlive: keepAlive === 'true', sessionTimeoutMs: 2_000 });
const host = { clock: systemClock, random: systemRandom, skipped() {}, announcementFailed() {}, announced() {} };
const lease = await source.announce?.({ service: 'processes', url: 'http://127.0.0.1:9000' }, host);
console.log('announced');
await new Promise<void>((resolve) => {
  const patience = setTimeout(() => {}, 10_000);
  const listed = () => {
    clearTimeout(patience);
    resolve();
  };
  source.watch('processes', { snapshot: listed, patch() {}, failed() {} }, host);
});
console.log('watched');
systemClock
  .setTimer(async () => {
    console.log('still here');
    await lease?.close();
    await source.close?.();
    console.log('removed');
  }, 500)
  .unref();

import { systemClock } from '../../src/core/clock.js';
import { systemRandom } from '../../src/core/random.js';
import { fileDiscovery } from '../../src/discovery/file.js';

/**
 * A process that announces an instance: `announcer <folder> <service> <url> <leaseMs> [keepAlive]`. It closes the
 * lease when it gets a message. Without keepAlive, and with nobody to talk to, it ends by itself.
 */
const [folder = '', service = '', url = '', leaseMs = '', keepAlive] = process.argv.slice(2);
const discovery = fileDiscovery({ path: folder, leaseMs: Number(leaseMs), keepAlive: keepAlive === 'keepAlive' });
const lease = await discovery.announce?.(
  { service, url },
  { clock: systemClock, random: systemRandom, skipped() {}, announcementFailed() {}, announced() {} },
);
process.send?.('announced');
process.once('message', async () => {
  await lease?.close();
  process.disconnect?.();
});
if (keepAlive !== undefined) process.channel?.unref();

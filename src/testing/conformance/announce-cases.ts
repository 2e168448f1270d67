import assert from 'node:assert/strict';
import type { Announcement } from '../../core/discovery.js';
import { ConfigError } from '../../core/errors.js';
import { parseInstance } from '../../discovery/instance.js';
import { type Case, instance } from './list-cases.js';
import { eventually } from './real-host.js';
import { Resources } from './resources.js';
import type { EnteredInstance } from './subject.js';

const CLOSING_MS = 5_000;

function announcement(service: string, entered: EnteredInstance): Announcement {
  return { service, ...entered };
}

/** What a registry does for those who announce. */
export const announceCases: readonly Case[] = (
  [
    {
      name: 'what is announced is seen by others with everything that it said, and is gone when it is taken back',
      async run(trial) {
        const service = trial.newService();
        const watch = trial.watch(trial.source(), service);
        const entered = instance(1, { url: 'https://10.1.0.1:8443/base/path', metadata: { version: '1', 'a key': 'Grüße' } });
        const lease = await trial.announce(trial.source(), announcement(service, entered));
        assert.equal(lease.id, entered.id);
        await trial.seesAnnounced(watch, entered);
        await trial.registryHas(service, 1);
        await lease.close();
        await trial.seesNobody(watch);
        await trial.registryHas(service, 0);
      },
    },
    {
      name: 'what is announced without an id goes by its address',
      async run(trial) {
        const service = trial.newService();
        const source = trial.source();
        const watch = trial.watch(source, service);
        const lease = await trial.announce(source, { service, url: 'http://10.1.0.1:8080' });
        const { id } = parseInstance('http://10.1.0.1:8080');
        assert.equal(lease.id, id);
        await trial.seesAnnounced(watch, { id, url: 'http://10.1.0.1:8080' });
      },
    },
    {
      name: 'an instance that is announced twice is there once, as it was announced last',
      async run(trial) {
        const service = trial.newService();
        const watch = trial.watch(trial.source(), service);
        await trial.announce(trial.source(), announcement(service, instance(1)));
        await trial.seesAnnounced(watch, instance(1));
        const changed = instance(1, { weight: 9, metadata: { version: 'new' } });
        await trial.announce(trial.source(), announcement(service, changed));
        await trial.seesAnnounced(watch, changed);
        await trial.registryHas(service, 1);
      },
    },
    {
      name: 'one of several leaves, and the others stay',
      async run(trial) {
        const service = trial.newService();
        const source = trial.source();
        const watch = trial.watch(source, service);
        const leases = await Promise.all([1, 2, 3].map((n) => trial.announce(source, announcement(service, instance(n)))));
        await trial.seesAnnounced(watch, instance(1), instance(2), instance(3));
        await leases[1]?.close();
        await trial.seesAnnounced(watch, instance(1), instance(3));
      },
    },
    {
      name: 'taking back happens once, however often it is asked for',
      async run(trial) {
        const service = trial.newService();
        const source = trial.source();
        const watch = trial.watch(source, service);
        const lease = await trial.announce(source, announcement(service, instance(1)));
        await trial.seesAnnounced(watch, instance(1));
        await Promise.all([lease.close(), lease.close()]);
        await trial.seesNobody(watch);
        await trial.announce(source, announcement(service, instance(1)));
        await lease.close();
        await trial.seesAnnounced(watch, instance(1));
        await trial.registryHas(service, 1);
      },
    },
    {
      name: 'an instance that leaves and comes back at once is there',
      async run(trial) {
        const service = trial.newService();
        const source = trial.source();
        const watch = trial.watch(source, service);
        for (let round = 0; round < 3; round++) {
          const lease = await trial.announce(source, announcement(service, instance(1)));
          await lease.close();
        }
        await trial.announce(source, announcement(service, instance(1)));
        await trial.seesAnnounced(watch, instance(1));
        await trial.registryHas(service, 1);
      },
    },
    {
      name: 'an address that nobody can call is refused, and nothing is entered',
      async run(trial) {
        const service = trial.newService();
        const source = trial.source();
        for (const url of ['http://0.0.0.0:8080', 'http://[::]:8080', 'http://169.254.169.254', 'nonsense']) {
          await assert.rejects(
            async () => trial.announce(source, { service, url }),
            (error) => error instanceof ConfigError || (error instanceof Error && 'code' in error && error.code === 'ERR_MESH_CONFIG'),
            url,
          );
        }
        await trial.registryHas(service, 0);
      },
    },
    {
      name: 'an announcement keeps no process alive, and leaves nothing open once it is taken back and its source closed',
      async run(trial) {
        const service = trial.newService();
        const resources = new Resources();
        try {
          const lease = await resources.run(() => trial.announce(trial.source(), announcement(service, instance(1))));
          await eventually(
            () => resources.holding.length === 0,
            'nothing keeps the process alive',
            CLOSING_MS,
            () => resources.holding,
          );
          await resources.run(() => lease.close());
          await resources.run(() => trial.close());
          await eventually(
            () => resources.all.length === 0,
            'nothing is open',
            CLOSING_MS,
            () => resources.all,
          );
        } finally {
          resources.end();
        }
      },
    },
  ] satisfies readonly Case[]
).map((each) => ({ ...each, fits: ({ announces }) => announces }));

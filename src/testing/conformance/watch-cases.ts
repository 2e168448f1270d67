import assert from 'node:assert/strict';
import type { Case } from './list-cases.js';
import { instance } from './list-cases.js';
import { eventually, pause } from './real-host.js';
import { Resources } from './resources.js';

/** What a source may still have to end after it was closed. */
const CLOSING_MS = 5_000;
/** How long to listen for what must not come. */
const SILENCE_MS = 100;

/** How watches begin and end. */
export const watchCases: readonly Case[] = [
  {
    name: 'two watches of one service hear the same, and one goes on when the other is stopped',
    async run(trial) {
      const service = trial.newService();
      await trial.put(service, instance(1), instance(2));
      const source = trial.source();
      const first = trial.watch(source, service);
      await trial.sees(first, instance(1), instance(2));
      // It has to hear the whole list although nothing changes.
      const second = trial.watch(source, service);
      await trial.sees(second, instance(1), instance(2));
      first.stop();
      if (trial.subject.traits.changes !== false) {
        await trial.remove(service, instance(1).id);
        await trial.sees(second, instance(2));
        assert.deepEqual(first.ids.length, 2, 'the stopped one has heard no more');
      }
      trial.noFaults();
    },
  },
  {
    name: 'a watch that was stopped hears nothing more, be it at once',
    async run(trial) {
      const service = trial.newService();
      await trial.put(service, instance(1));
      const source = trial.source();
      trial.watch(source, service).stop();
      const watch = trial.watch(source, service);
      watch.stop();
      watch.stop();
      const other = trial.watch(source, service);
      await trial.sees(other, instance(1));
      if (trial.subject.traits.changes !== false) {
        await trial.put(service, instance(2));
        await trial.sees(other, instance(1), instance(2));
      }
      await pause(SILENCE_MS);
      trial.noFaults();
    },
  },
  {
    name: 'a service can be watched again after its watch was stopped, and everything that changed meanwhile is seen',
    async run(trial) {
      const service = trial.newService();
      await trial.put(service, instance(1));
      const source = trial.source();
      const watch = trial.watch(source, service);
      await trial.sees(watch, instance(1));
      watch.stop();
      const changes = trial.subject.traits.changes !== false;
      if (changes) {
        await trial.put(service, instance(2));
        await trial.remove(service, instance(1).id);
      }
      await trial.sees(trial.watch(source, service), changes ? instance(2) : instance(1));
    },
  },
  {
    name: 'a source keeps no process alive while it watches, and leaves no socket, no timer and no file open once it is closed',
    async run(trial) {
      const service = trial.newService();
      await trial.put(service, instance(1), instance(2));
      const resources = new Resources();
      try {
        const [watch, other] = resources.run(() => {
          const source = trial.source();
          return [trial.watch(source, service), trial.watch(source, trial.newService())];
        });
        await trial.sees(watch, instance(1), instance(2));
        await trial.seesNobody(other);
        await eventually(
          () => resources.holding.length === 0,
          'nothing keeps the process alive',
          CLOSING_MS,
          () => resources.holding,
        );
        watch.stop();
        other.stop();
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
];

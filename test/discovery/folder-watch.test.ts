import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { FolderWatch } from '../../src/discovery/folder-watch.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

describe('the watch on a folder', () => {
  it('looks within each poll, by chance earlier, so that processes on one file server do not all look at once', async () => {
    const looks = async (chance: number): Promise<number[]> => {
      const clock = new VirtualClock();
      const atMs: number[] = [];
      // There is no such folder, so nothing but the poll tells of changes.
      const folder = `${tmpdir()}/fetchmesh-no-such-folder`;
      const watch = new FolderWatch(folder, { clock, random: { next: () => chance } }, 1_000, () => atMs.push(clock.now()));
      watch.start();
      await clock.advance(3_000);
      watch.close();
      assert.equal(clock.pendingTimers, 0);
      return atMs;
    };
    assert.deepEqual(await looks(0), [1_000, 2_000, 3_000]);
    assert.deepEqual(await looks(0.5), [900, 1_800, 2_700]);
  });
});

import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Clock, Timer } from '../core/clock.js';
import { jittered } from '../core/jitter.js';
import type { Random } from '../core/random.js';

/** Editors and deployments make several events of one change: they are taken together. */
const SETTLE_MS = 50;
/** A folder that never comes to rest is looked at this often all the same. */
const LONGEST_SETTLE_MS = 500;

/**
 * Tells when something in a folder may have changed: within moments where the system says so, and within
 * `pollMs` in any case, because notifications get lost (network file systems, containers, a folder that was
 * deleted and made anew) and because leases expire without any event.
 *
 * The folder is watched and not the file in it: editors and Kubernetes replace files by renaming, and a watch
 * on a file stays with the one that was replaced.
 */
export class FolderWatch {
  private watcher: FSWatcher | undefined = undefined;
  private watched = '';
  private readonly names = new Set<string>();
  private pollTimer: Timer | undefined = undefined;
  private settleTimer: Timer | undefined = undefined;
  private firstEventMs = 0;
  private closed = false;

  /** `onChange` gets the names of the files that may have changed, or undefined where it may be any of them. */
  constructor(
    private readonly folder: string,
    private readonly host: { readonly clock: Clock; readonly random: Random },
    private readonly pollMs: number,
    private readonly onChange: (names: ReadonlySet<string> | undefined) => void,
  ) {}

  start(): void {
    this.reopen();
    this.armPoll();
  }

  close(): void {
    this.closed = true;
    this.pollTimer?.cancel();
    this.settleTimer?.cancel();
    this.forget();
  }

  /** The folder could not be read: whatever is watched is not it any more. */
  forget(): void {
    this.watcher?.close();
    this.watcher = undefined;
    this.watched = '';
  }

  /** Armed before the look itself, so that nothing that goes wrong there ends the polling. */
  private armPoll(): void {
    const { clock, random } = this.host;
    this.pollTimer = clock.setTimer(
      () => {
        this.armPoll();
        this.reopen();
        this.onChange(undefined);
      },
      jittered(this.pollMs, random),
    );
    this.pollTimer.unref();
  }

  /** Watches the folder that has the name now, which need not be the one that had it before. */
  private reopen(): void {
    stat(this.folder, { bigint: true }).then(
      ({ dev, ino, birthtimeNs }) => {
        const identity = `${dev}:${ino}:${birthtimeNs}`;
        if (this.closed || (this.watcher !== undefined && identity === this.watched)) return;
        this.forget();
        this.watched = identity;
        this.open();
        // What happened before the watch was open was seen by nobody.
        this.onChange(undefined);
      },
      () => this.forget(),
    );
  }

  private open(): void {
    try {
      const watcher = watch(this.folder, { persistent: false }, (_event, name) => this.noticed(name));
      this.watcher = watcher;
      // Without a listener an error would end the process; without a watch there is still the poll.
      watcher.on('error', () => {
        if (this.watcher === watcher) this.forget();
      });
    } catch {
      this.watcher = undefined;
    }
  }

  /** Waits for the folder to come to rest, within limits. The system does not always say which file it was. */
  private noticed(name: string | null): void {
    if (this.closed) return;
    const nowMs = this.host.clock.now();
    if (this.settleTimer === undefined) this.firstEventMs = nowMs;
    this.names.add(name ?? '');
    this.settleTimer?.cancel();
    const delayMs = Math.min(SETTLE_MS, Math.max(0, this.firstEventMs + LONGEST_SETTLE_MS - nowMs));
    this.settleTimer = this.host.clock.setTimer(() => this.settled(), delayMs);
    this.settleTimer.unref();
  }

  private settled(): void {
    this.settleTimer = undefined;
    const names = this.names.has('') ? undefined : new Set(this.names);
    this.names.clear();
    this.onChange(names);
  }
}

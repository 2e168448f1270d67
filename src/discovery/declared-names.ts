import { type Clock, systemClock } from '../core/clock.js';

/**
 * The names that a file or folder has ever declared.
 *
 * Whether a host is a service has to be known at once, so the names are read synchronously: when the source is
 * made, and then once a `pollMs` at most, and only while no watch keeps them fresh anyway. A name stays declared
 * when its entry goes: its requests must not turn into requests to whoever answers to that name in DNS.
 */
export class DeclaredNames {
  private readonly names = new Set<string>();
  private clock: Clock = systemClock;
  private readAtMs = Number.NEGATIVE_INFINITY;

  /** `read` gives the names that are declared now. It may throw: then nothing new is known. */
  constructor(
    private readonly pollMs: number,
    private readonly read: () => Iterable<string>,
  ) {
    this.refresh();
  }

  /** Goes by the clock of the mesh that uses the source. */
  useClock(clock: Clock): void {
    if (this.clock === clock) return;
    this.clock = clock;
    this.readAtMs = clock.now();
  }

  add(names: Iterable<string>): void {
    for (const name of names) this.names.add(name.toLowerCase());
  }

  /** Whether the name was ever declared. `isFresh` says that what is known is up to date. */
  has(name: string, isFresh: boolean): boolean {
    const key = name.toLowerCase();
    if (this.names.has(key)) return true;
    if (isFresh || this.clock.now() - this.readAtMs < this.pollMs) return false;
    this.refresh();
    return this.names.has(key);
  }

  private refresh(): void {
    this.readAtMs = this.clock.now();
    try {
      this.add(this.read());
    } catch {
      // The file is missing or half written. A watch says so, to those who have to know.
    }
  }
}

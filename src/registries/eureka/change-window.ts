import { HashSet } from './hash-set.js';

/**
 * Which changes of the server's window were taken over already.
 *
 * A window has the changes of three minutes, so each comes in every answer for so long, and where instances come and go
 * all the time most of an answer is old. What came before is told by its bytes, since to parse it again costs ten times as
 * much, and what the parser makes stays in memory until the next large collection.
 *
 * Of an entry no more than a hash is kept. Two that are taken for one would hide a change until the server's hash differs
 * from ours: of 100,000 changes in a window, one window in two million has such a pair.
 */
export class ChangeWindow {
  /** Of the last answer, and of the one that is being read. */
  private before = new HashSet();
  private now = new HashSet();
  private readonly hash = new Hash();
  /** The application of the latest change, most often that of the next one, too. */
  private application = '';
  private applicationBytes = Buffer.alloc(0);

  /** Takes a change in, as it came; whether it is one that is known. */
  has(bytes: Buffer, application: string): boolean {
    const hash = this.hashOf(bytes, application);
    const isKnown = this.before.has(hash) || this.now.has(hash);
    this.now.add(hash);
    return isKnown;
  }

  /** An answer is complete: what it did not have has left the window. */
  complete(): void {
    [this.before, this.now] = [this.now, this.before];
    this.now.clear();
  }

  /** Nothing is known: there is another table, which may lack what the last one had. */
  clear(): void {
    this.before.clear();
    this.now.clear();
  }

  private hashOf(bytes: Buffer, application: string): number {
    const { hash } = this;
    const heartbeat = bytes.indexOf(HEARTBEAT);
    const pauseAt = heartbeat < 0 ? bytes.length : heartbeat + HEARTBEAT.length;
    let resumeAt = pauseAt;
    while (resumeAt < bytes.length && isDigit(bytes[resumeAt] as number)) resumeAt++;
    if (application !== this.application) {
      this.application = application;
      this.applicationBytes = Buffer.from(application);
    }
    hash.clear();
    hash.bytes(this.applicationBytes, 0, this.applicationBytes.length);
    hash.bytes(bytes, 0, pauseAt);
    hash.bytes(bytes, resumeAt, bytes.length);
    return hash.value;
  }
}

/** The one number that changes with every heartbeat, and says nothing else. */
const HEARTBEAT = '"lastRenewalTimestamp":';
const NINE = 0x39;
const ZERO = 0x30;

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

/** A hash of what it has been given since `clear`. */
class Hash {
  private one = 0;
  private other = 0;

  clear(): void {
    this.one = 0x811c9dc5;
    this.other = 0x9747b28c;
  }

  /** 53 bits: two hashes of 32 bits in the manner of FNV-1a, of which the second one sees every byte twice. */
  get value(): number {
    return (this.one >>> 0) * 0x200000 + (this.other >>> 11);
  }

  bytes(bytes: Buffer, from: number, to: number): void {
    let { one, other } = this;
    for (let at = from; at < to; at++) {
      const byte = bytes[at] as number;
      one = Math.imul(one ^ byte, 0x01000193);
      other = Math.imul((other ^ byte) + (other >>> 15), 0x85ebca6b) ^ byte;
    }
    this.one = one;
    this.other = other;
  }
}

/**
 * Which changes of the server's window were taken over already.
 *
 * A window has the changes of three minutes, so each comes in every answer for so long, and where instances come and go
 * all the time most of an answer is old. What came before is told by its text, since to parse it again costs ten times as
 * much, and what the parser makes stays in memory until the next large collection.
 *
 * Of a text no more than a hash is kept. Two that are taken for one would hide a change until the server's hash differs
 * from ours: of 100,000 changes in a window, one window in two million has such a pair.
 */
export class ChangeWindow {
  /** Of the last answer, and of the one that is being read. */
  private before = new Set<number>();
  private now = new Set<number>();

  /** Takes a change's text in; whether it is one that is known. */
  has(json: string, application: string): boolean {
    const hash = hashOf(json, application);
    const isKnown = this.before.has(hash) || this.now.has(hash);
    this.now.add(hash);
    return isKnown;
  }

  /** An answer is complete: what it did not have has left the window. */
  complete(): void {
    this.before = this.now;
    this.now = new Set();
  }

  /** Nothing is known: there is another table, which may lack what the last one had. */
  clear(): void {
    this.before = new Set();
    this.now = new Set();
  }
}

/** The one number that changes with every heartbeat, and says nothing else. */
const HEARTBEAT = '"lastRenewalTimestamp":';
const NINE = 0x39;
const ZERO = 0x30;

/** 53 bits: two hashes of 32 bits in the manner of FNV-1a, of which the second one sees every character twice. */
function hashOf(json: string, application: string): number {
  const heartbeat = json.indexOf(HEARTBEAT);
  const pauseAt = heartbeat < 0 ? json.length : heartbeat + HEARTBEAT.length;
  let resumeAt = pauseAt;
  while (resumeAt < json.length && isDigit(json.charCodeAt(resumeAt))) resumeAt++;
  let one = 0x811c9dc5;
  let other = 0x9747b28c;
  for (const [text, from, to] of [
    [application, 0, application.length],
    [json, 0, pauseAt],
    [json, resumeAt, json.length],
  ] as const) {
    for (let at = from; at < to; at++) {
      const code = text.charCodeAt(at);
      one = Math.imul(one ^ code, 0x01000193);
      other = Math.imul((other ^ code) + (other >>> 15), 0x85ebca6b) ^ code;
    }
  }
  return (one >>> 0) * 0x200000 + (other >>> 11);
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

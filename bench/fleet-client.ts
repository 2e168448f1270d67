import { seededRandom } from '../src/testing/seeded-random.js';
import { answer } from './child.js';
import { FLEET_CONTENDERS, type FleetContender } from './fleet-contenders.js';

/**
 * Some clients of the fleet benchmark in one process. Requests are sent when they are due, whether or not the ones
 * before them were answered, each by one of the clients by chance. Timers are a millisecond coarse, so what was due in
 * the meantime is sent together, and latency counts from when it was due. In the first half of the warm-up the rate
 * rises, since code that was never run takes many times as long, and a backlog of that time would be measured later.
 *
 * Called with the contender's name, the number of clients and the servers' URLs.
 */

export interface FleetOrder {
  readonly perSecond: number;
  /** For how long requests are sent, after the warm-up. */
  readonly durationMs: number;
  readonly warmUpMs: number;
  readonly seed: number;
}

/** What came of it, the warm-up left out. */
export interface FleetRound {
  /** Of the requests that were answered. */
  readonly latenciesMs: readonly number[];
  readonly failed: number;
  /** How late requests were sent, on average: what this process and not the fleet made them wait. */
  readonly lateMs: number;
}

/** Of the rate, at the very first. */
const LEAST_RATE = 0.05;

const [contender, count, ...urls] = process.argv.slice(2) as [FleetContender, string, ...string[]];
const clients = Array.from({ length: Number(count) }, () => FLEET_CONTENDERS[contender].make(urls));

process.on('message', (order: FleetOrder) => {
  run(order).then(answer, (error: unknown) => {
    console.error(`${contender}:`, error);
    process.exit(1);
  });
});
answer('ready');

function run({ perSecond, durationMs, warmUpMs, seed }: FleetOrder): Promise<FleetRound> {
  const { next } = seededRandom(seed);
  const rateAt = (ms: number) => perSecond * Math.min(1, Math.max(LEAST_RATE, (2 * (ms - startMs)) / warmUpMs));
  const latenciesMs: number[] = [];
  let failed = 0;
  let sent = 0;
  let late = 0;
  let underWay = 0;
  const startMs = performance.now() + 10;
  const countsFromMs = startMs + warmUpMs;
  const endMs = countsFromMs + durationMs;
  let dueMs = startMs;

  return new Promise((resolve) => {
    const resolveAtEnd = (): void => {
      if (underWay === 0 && dueMs >= endMs) resolve({ latenciesMs, failed, lateMs: late / sent });
    };
    const over = (): void => {
      underWay--;
      resolveAtEnd();
    };
    const send = (sentMs: number, nowMs: number): void => {
      underWay++;
      if (sentMs >= countsFromMs) {
        sent++;
        late += nowMs - sentMs;
      }
      const client = clients[Math.floor(next() * clients.length)] as () => Promise<void>;
      client().then(
        () => {
          if (sentMs >= countsFromMs) latenciesMs.push(Math.round((performance.now() - sentMs) * 100) / 100);
          over();
        },
        () => {
          if (sentMs >= countsFromMs) failed++;
          over();
        },
      );
    };
    const sendDue = (): void => {
      const nowMs = performance.now();
      while (dueMs <= nowMs && dueMs < endMs) {
        send(dueMs, nowMs);
        dueMs += (-Math.log(1 - next()) * 1_000) / rateAt(dueMs);
      }
      if (dueMs < endMs) setTimeout(sendDue, 1);
      else resolveAtEnd();
    };
    sendDue();
  });
}

import type { Endpoint } from '../../../src/core/endpoint.js';
import type { EndpointView } from '../../../src/core/endpoint-view.js';
import type { Balancer, Inquiry, Picker, Question } from '../../../src/core/picker.js';
import { Reply } from '../../../src/core/reply.js';
import { seededRandom } from '../../../src/testing/seeded-random.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { HEADER } from '../load-reports/reports.js';

/** A probe that a picker sent. The test says what comes of it. */
export class Probe implements Inquiry {
  readonly reply: Promise<Reply>;
  cancelled = false;
  private resolve: (reply: Reply) => void = () => {};
  private reject: (error: unknown) => void = () => {};

  constructor(
    readonly endpoint: Endpoint,
    readonly question: Question,
  ) {
    this.reply = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  cancel(): void {
    this.cancelled = true;
    this.reject(new Error('cancelled'));
  }

  /** Answers with this report, or with none. */
  answer(report?: string, status = 204): void {
    this.resolve(new Reply(status, '', report === undefined ? [] : [HEADER, report]));
  }

  lose(): void {
    this.reject(new Error('lost'));
  }
}

/** A picker that can ask, and what it asked. */
export interface AskingFleet {
  readonly view: EndpointView;
  readonly picker: Picker;
  readonly clock: VirtualClock;
  /** Those that were sent since this was last called. */
  sent(): Probe[];
}

export function asking(
  balancer: Balancer,
  view: EndpointView,
  { seed = 1, answer }: { seed?: number; answer?: (probe: Probe) => void } = {},
): AskingFleet {
  const clock = new VirtualClock();
  let probes: Probe[] = [];
  const picker = balancer.build({
    service: 'users',
    view,
    random: seededRandom(seed),
    clock,
    ask(endpoint, question) {
      const probe = new Probe(endpoint, question);
      probes.push(probe);
      answer?.(probe);
      return probe;
    },
  });
  return {
    view,
    picker,
    clock,
    sent() {
      const sent = probes;
      probes = [];
      return sent;
    },
  };
}

/** What a server with so many requests in flight says that takes so long for one. */
export function busy(inFlight: number, serviceMs = 10): string {
  return `TEXT named_metrics.rif=${inFlight},named_metrics.svc=${serviceMs}`;
}

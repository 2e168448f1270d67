import type { Clock } from '../core/clock.js';
import type { Service } from '../service.js';
import type { CallOptions } from './fetch-types.js';
import type { Passthrough } from './passthrough.js';
import type { RequestParts } from './request.js';
import type { Target, TargetReader } from './target.js';

/** What the facades need of a mesh. */
export interface FacadeParts {
  readonly reader: TargetReader;
  /** The service of this name, running. */
  service(name: string): Service;
  readonly passthrough: Passthrough;
  readonly unknownHosts: 'passthrough' | 'error';
  readonly clock: Clock;
}

/** One leg of a call's way: from a request to its answer, or to a redirect with which the next leg begins. */
export interface Leg {
  readonly parts: FacadeParts;
  readonly request: RequestParts;
  readonly options: CallOptions | undefined;
  readonly service: Service;
  readonly target: Target;
  /** As the response shows it. */
  readonly url: string;
  /** As the caller wrote them, and the defaults. What policies add to a call is for its own service alone. */
  readonly headers: readonly string[];
  /** Redirects so far. */
  readonly hops: number;
}

import {
  bulkhead,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleAll,
  handleWhenResult,
  retry,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel';
import { inTurn, type MakeContender, PATH } from '../contender.js';

/**
 * What a user would assemble of cockatiel to have what the standard stack has: retry, breaker, bulkhead and
 * timeout around the runtime's fetch, with the timeout's signal passed on.
 */
export const contender: MakeContender = (urls) => {
  const next = inTurn(urls.map((url) => url + PATH));
  const failed = handleAll.orWhenResult((result) => result instanceof Response && result.status >= 500);
  const policy = wrap(
    retry(failed, { maxAttempts: 2, backoff: new ExponentialBackoff() }),
    circuitBreaker(
      handleWhenResult((result) => result instanceof Response && result.status >= 500),
      {
        halfOpenAfter: 10_000,
        breaker: new ConsecutiveBreaker(5),
      },
    ),
    bulkhead(1_000, 1_000),
    timeout(10_000, { strategy: TimeoutStrategy.Cooperative, abortOnReturn: false }),
  );
  return { get: () => policy.execute(({ signal }) => fetch(next(), { signal })).then((response) => response.json()) };
};

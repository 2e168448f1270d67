import CircuitBreaker from 'opossum';
import { inTurn, type MakeContender, PATH } from '../contender.js';

/** opossum's breaker, with its default timeout of ten seconds, around the runtime's fetch. */
export const contender: MakeContender = (urls) => {
  const next = inTurn(urls.map((url) => url + PATH));
  const breaker = new CircuitBreaker((url: string) => fetch(url).then((response) => response.json()));
  return { get: () => breaker.fire(next()) };
};

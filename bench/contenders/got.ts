import got from 'got';
import { inTurn, type MakeContender, PATH } from '../contender.js';

/** got with its defaults: two retries, no timeout. */
export const contender: MakeContender = (urls) => {
  const next = inTurn(urls.map((url) => url + PATH));
  return { get: () => got(next()).json() };
};

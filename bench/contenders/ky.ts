import ky from 'ky';
import { inTurn, type MakeContender, PATH } from '../contender.js';

/** ky with its defaults: the runtime's fetch, two retries, a timeout of ten seconds. */
export const contender: MakeContender = (urls) => {
  const next = inTurn(urls.map((url) => url + PATH));
  return { get: () => ky.get(next()).json() };
};

import { Agent, request } from 'undici';
import { inTurn, type MakeContender, PATH } from '../contender.js';

/** undici's own interface, the fastest that it documents for general use, with no policies. */
export const contender: MakeContender = (urls) => {
  const next = inTurn(urls.map((url) => url + PATH));
  const dispatcher = new Agent();
  return { get: () => request(next(), { dispatcher }).then(({ body }) => body.json()) };
};

import { inTurn, type MakeContender, PATH } from '../contender.js';

/** The `fetch` of the runtime, with no policies. */
export const contender: MakeContender = (urls) => {
  const next = inTurn(urls.map((url) => url + PATH));
  return { get: () => fetch(next()).then((response) => response.json()) };
};

import { Agent } from 'undici';
import { inTurn, type MakeContender, PATH } from '../contender.js';

/** The callbacks that everything else in undici is made of: a lower bound for all that uses it. */
export const contender: MakeContender = (urls) => {
  const next = inTurn(urls);
  const agent = new Agent();
  return {
    get: () =>
      new Promise((resolve, reject) => {
        const chunks: Buffer[] = [];
        agent.dispatch(
          { origin: next(), path: PATH, method: 'GET' },
          {
            onRequestStart() {},
            onResponseStart() {},
            onResponseData(_controller, chunk) {
              chunks.push(chunk);
            },
            onResponseEnd() {
              resolve(JSON.parse(Buffer.concat(chunks).toString()));
            },
            onResponseError(_controller, error) {
              reject(error);
            },
          },
        );
      }),
  };
};

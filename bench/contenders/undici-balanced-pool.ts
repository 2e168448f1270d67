import { BalancedPool } from 'undici';
import { type MakeContender, PATH } from '../contender.js';

/** undici's balancer: weighted round robin, where weights fall with connection errors. No other policies. */
export const contender: MakeContender = (urls) => {
  const pool = new BalancedPool([...urls]);
  return { get: () => pool.request({ path: PATH, method: 'GET' }).then(({ body }) => body.json()) };
};

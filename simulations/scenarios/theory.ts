import { balancers, LEAST_OF_TWO, RANDOM } from '../contenders.js';
import type { Scenario } from '../scenario.js';
import { MEAN, steady, TIMES } from '../steady.js';

const HUNDRED = '100 servers';
const THOUSAND = '1,000 servers';

/** The simulator against what can be proven. */
export const theory: Scenario = {
  name: 'theory',
  title: 'The simulator against theory',
  about:
    'One client, servers with one worker and a queue, exponential service times, Poisson arrivals of 90 % of what the servers can do. ' +
    'Random picks make of each server an M/M/1 queue, whose mean time is 1 / (1 - 0.9) = 10. Two choices are known in the limit of many servers ' +
    '(Mitzenmacher): a mean of 2.614, and queues of at least i requests with the probability 0.9^(2^i - 1). Times are in service times.',
  situations: [
    {
      name: HUNDRED,
      contenders: balancers(RANDOM, LEAST_OF_TWO),
      options: steady({ servers: 100, load: 0.9, requests: 1_000_000 }),
      quickShare: 0.4,
    },
    {
      name: THOUSAND,
      contenders: balancers(LEAST_OF_TWO),
      options: steady({ servers: 1_000, load: 0.9, requests: 1_000_000 }),
      quickShare: 0.4,
    },
  ],
  measures: [
    ...TIMES,
    { name: 'P(5 or more)', decimals: 4, of: ({ queueTail }) => queueTail[5] ?? 0 },
    { name: 'P(6 or more)', decimals: 5, of: ({ queueTail }) => queueTail[6] ?? 0 },
  ],
  claims: [
    {
      number: '1',
      text: 'the mean time with random picks',
      of: (measured) => measured(HUNDRED, RANDOM, MEAN),
      atLeast: 9.5,
      atMost: 10.5,
      decimals: 2,
    },
    {
      number: '1',
      text: 'the mean time with two choices among 100: the limit, and what is missing to it',
      of: (measured) => measured(HUNDRED, LEAST_OF_TWO, MEAN),
      atLeast: 2.6,
      atMost: 2.68,
      decimals: 3,
    },
    {
      number: '2',
      text: 'how often one of 1,000 servers has five requests or more',
      of: (measured) => measured(THOUSAND, LEAST_OF_TWO, 'P(5 or more)'),
      atLeast: 0.034,
      atMost: 0.042,
      decimals: 4,
    },
    {
      number: '2',
      text: 'how often one of 1,000 servers has six requests or more',
      of: (measured) => measured(THOUSAND, LEAST_OF_TWO, 'P(6 or more)'),
      atLeast: 0.0008,
      atMost: 0.0018,
      decimals: 5,
    },
  ],
  drawn: { measure: MEAN },
};

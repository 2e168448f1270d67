import { adaptive, type Balancer, leastRequest, p2c, peakEwma, pendingRequests, random, roundRobin, standard } from '../src/index.js';
import type { ClientOptions } from '../src/testing/simulation/index.js';
import type { Contender } from './scenario.js';
import { numberOf } from './steady.js';

/** The balancer that the library is judged by. */
export function ours(): Balancer {
  return adaptive();
}

/** The same over a part of the servers, evenly shared among clients who know their numbers. */
export function oursWithSubset(size: number): (client: number) => Balancer {
  return (client) => adaptive({ subset: { size, client, numberOf } });
}

/** What others balance by, in the words of this library. Two choices are two, also where there are few endpoints. */
export const RANDOM = 'random';
export const IN_TURN = 'round robin';
export const LEAST_OF_TWO = 'least requests of two';
export const LEAST_OF_ALL = 'least requests of all';
export const PEAK_EWMA = 'peak EWMA of two';
export const PEAK_OF_ALL = 'peak EWMA of all';
export const OURS = 'ours';

const MAKERS: Readonly<Record<string, (client: number) => Balancer>> = {
  [RANDOM]: () => random(),
  [IN_TURN]: () => roundRobin(),
  [LEAST_OF_TWO]: () => p2c({ load: pendingRequests(), fullScanUpTo: 0 }),
  [LEAST_OF_ALL]: () => leastRequest({ fullScanUpTo: 1_024 }),
  [PEAK_EWMA]: () => p2c({ load: peakEwma(), fullScanUpTo: 0 }),
  [PEAK_OF_ALL]: () => p2c({ load: peakEwma(), fullScanUpTo: 64 }),
  [OURS]: ours,
};

/** Balancers alone: nothing is cut off, repeated, or kept away from an endpoint. */
export function balancers(...names: readonly string[]): Contender[] {
  return names.map((name) => {
    const balancer = MAKERS[name];
    if (balancer === undefined) throw new Error(`no balancer is called '${name}'`);
    return alone(name, balancer);
  });
}

/** A balancer alone, under a name. */
export function alone(name: string, balancer: (client: number) => Balancer): Contender {
  return { name, mesh: (client) => bare(balancer(client)) };
}

/** A balancer in the stack that users get. */
export function inStack(name: string, balancer: (client: number) => Balancer, policies = standard()): Contender {
  return { name, mesh: (client) => ({ defaults: { balancer: balancer(client), policies } }) };
}

/** Whatever is overloaded must be seen to be: nothing else bounds what is under way. */
function bare(balancer: Balancer): ClientOptions {
  return { defaults: { balancer, policies: { perCall: [] }, connections: { max: 65_535 } } };
}

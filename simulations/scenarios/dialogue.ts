import { type StandardOptions, standard } from '../../src/index.js';
import type { Claim } from '../claim.js';
import { ours } from '../contenders.js';
import type { Contender, Scenario, Situation } from '../scenario.js';
import { DIALOGUE, type DialogueSituation } from './dialogue-situations.js';

const DEFAULT = 'ours, the standard stack';
const REPEATABLE = 'ours, POST may be sent twice';
const TUNED = 'ours, set up for it';
const UNLIMITED = 'ours, without timeouts';

const SUCCESS = '% success';
const MEAN = 'mean s';

/** Published with one decimal. */
const ROUNDING = 0.05;
/** Virtual time is a number of milliseconds, whose differences are exact to some nanoseconds. */
const RESOLUTION_S = 5e-8;

/** What may be sent twice. dialogue sends any request again that was answered with 503 or 429. */
const METHODS = ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'POST'];

function contender(
  name: string,
  policies: StandardOptions,
  published: DialogueSituation['published'],
  failures?: readonly number[],
): Contender {
  const defaults = { balancer: ours(), policies: standard(policies), connections: { max: 65_535 } };
  return {
    name,
    mesh: {
      defaults:
        failures === undefined
          ? defaults
          : { ...defaults, classify: ({ reply }) => (reply !== undefined && failures.includes(reply.status) ? 'failure' : undefined) },
    },
    published: { [SUCCESS]: published.success.toFixed(1), [MEAN]: `${Number(published.meanS.toFixed(6))}` },
  };
}

function isTuned({ tuned, failures }: DialogueSituation): boolean {
  return tuned !== undefined || failures !== undefined;
}

function situationOf(given: DialogueSituation): Situation {
  const { name, published, options, troubleMs, tuned = {}, unlimited, failures } = given;
  const retry = { ...(tuned.retry || {}), methods: METHODS };
  const contenders = [
    contender(DEFAULT, {}, published),
    contender(REPEATABLE, { retry: { methods: METHODS } }, published),
    ...(isTuned(given) ? [contender(TUNED, { ...tuned, retry }, published, failures)] : []),
    ...(unlimited === undefined ? [] : [contender(UNLIMITED, unlimited, published)]),
  ];
  return { name, contenders, options, ...(troubleMs === undefined ? {} : { troubleMs }) };
}

function claimsOf(given: DialogueSituation): Claim[] {
  const { name, published } = given;
  const best = isTuned(given) ? TUNED : REPEATABLE;
  return [DEFAULT, given.unlimited === undefined ? best : UNLIMITED].flatMap((each) => [
    {
      number: '33',
      text: `${name}, ${each}: ${SUCCESS}`,
      of: (measured) => measured(name, each, SUCCESS),
      atLeast: published.success - ROUNDING - (published.chance ?? 0),
      decimals: 2,
    },
    {
      number: '33',
      text: `${name}, ${each}: ${MEAN}`,
      of: (measured) => measured(name, each, MEAN),
      atMost: published.meanS + RESOLUTION_S,
      decimals: 7,
    },
  ]);
}

export const dialogue: Scenario = {
  name: 'dialogue',
  title: "The scenarios of Palantir's dialogue",
  about:
    "dialogue, Palantir's Java client, ships a simulation with its results in the repository (simulation/src/test/resources/report.md). Here are its scenarios with one client type, set up as its SimulationTest does: " +
    'ten clients (one in short_outage_on_one_node and one_big_spike), requests like clockwork, POST without a body, servers that work for all requests at once and report nothing. The published columns are those of its strategy CONCURRENCY_LIMITER_ROUND_ROBIN. ' +
    'The first row of each is the default balancer in the standard stack as it comes. dialogue repeats any request that was answered with 503 or 429; the standard stack does not repeat a POST that was sent, so the second row allows it. ' +
    'The third has options that fit the scenario: how long a try may take, how often and for which statuses it is repeated, how much may be under way, or that a 400 is the fault of the server. They are in simulations/scenarios/dialogue-situations.ts. ' +
    "The mean is of all requests that came to an end. dialogue's mean in black_hole leaves out the 8.5 % that were never answered, since it has no timeouts; the row of ours without timeouts is to be compared with it, and the others have those requests with the time that it took to answer them elsewhere. " +
    'In fast_400s_then_revert a success takes 0.12 s and a 400 takes 0.02: a mean of 0.1136 s says that 6.4 % failed, and who has more successes has a higher mean.',
  situations: DIALOGUE.map(situationOf),
  measures: [
    { name: SUCCESS, decimals: 2, of: ({ successes, requests }) => (100 * successes) / requests },
    { name: MEAN, decimals: 6, of: ({ latency }) => latency.meanMs / 1_000 },
    { name: 'p99 s', decimals: 3, of: ({ latency }) => latency.p99Ms / 1_000 },
    {
      name: 'tries per request',
      decimals: 2,
      of: ({ endpoints, requests }) => endpoints.reduce((sum, { received }) => sum + received, 0) / requests,
    },
  ],
  claims: DIALOGUE.flatMap(claimsOf),
  drawn: { measure: MEAN },
};

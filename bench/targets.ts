import { type BalancerName, DEFAULT_BALANCER } from './balancers.js';
import type { ContenderName } from './contender.js';
import type { MemoryResult } from './memory.js';
import type { BalancerResult } from './pick.js';
import type { RequestResult } from './requests.js';
import type { StackName, StackResult } from './stack.js';

/** What the project has set itself, beside what was measured. */

export interface Target {
  readonly what: string;
  readonly wanted: string;
  readonly measured: string;
  readonly met: boolean;
}

export function requestTargets(results: readonly RequestResult[]): Target[] {
  const perSecond = (name: ContenderName) => results.find(({ contender }) => contender === name)?.perSecond ?? Number.NaN;
  const atLeast = (other: ContenderName, what: string, ratio: number): Target => {
    const measured = perSecond('mesh-fetch') / perSecond(other);
    return {
      what: `requests a second, mesh.fetch to ${what}`,
      wanted: `at least ${ratio}`,
      measured: measured.toFixed(2),
      met: measured >= ratio,
    };
  };
  return [
    atLeast('global-fetch', 'global fetch', 4),
    atLeast('cockatiel-fetch', 'cockatiel around fetch', 6),
    atLeast('undici-request', 'undici.request', 1),
  ];
}

export function stackTargets(results: readonly StackResult[]): Target[] {
  const ns = (name: StackName) => results.find(({ stack }) => stack === name)?.nsPerCall ?? Number.NaN;
  const standard = ns('standard');
  const peer = Math.min(ns('opossum'), ns('cockatiel'));
  return [
    { what: 'standard stack, ns a call', wanted: 'at most 2000', measured: standard.toFixed(0), met: standard <= 2_000 },
    { what: "standard stack to the cheapest peer's", wanted: 'at most 1', measured: (standard / peer).toFixed(2), met: standard <= peer },
  ];
}

/** What a pick may cost, as a multiple of an inlined random one: a bound for p2c, and one for whichever is the default. */
const MOST_TO_INLINED: readonly (readonly [BalancerName, number])[] = [
  ['p2c, peak EWMA', 4],
  [DEFAULT_BALANCER, 5],
];

export function pickTargets(results: readonly BalancerResult[]): Target[] {
  const targets = MOST_TO_INLINED.flatMap(([balancer, most]) => {
    const picks = results.flatMap((result) => result.picks.filter((pick) => pick.balancer === balancer && pick.shut === 0));
    const ns = (size: number) => picks.find(({ endpoints }) => endpoints === size)?.nsPerPick ?? Number.NaN;
    const worst = Math.max(...picks.map(({ ratioToInlined }) => ratioToInlined));
    const growth = ns(10_000) / ns(10);
    return [
      {
        what: `pick of ${balancer} to an inlined random pick, the worst of all sizes`,
        wanted: `at most ${most}`,
        measured: worst.toFixed(2),
        met: worst <= most,
      },
      {
        what: `pick of ${balancer} of 10,000 endpoints to one of 10`,
        wanted: 'at most 1.6',
        measured: growth.toFixed(2),
        met: growth <= 1.6,
      },
    ];
  });
  const garbage = Math.max(...results.map(({ bytesPerPick }) => bytesPerPick));
  return [
    // While the default is p2c, its own bound is the narrower one.
    ...targets.slice(0, DEFAULT_BALANCER === MOST_TO_INLINED[0]?.[0] ? 2 : undefined),
    {
      what: 'bytes that a pick allocates, the most of all balancers',
      wanted: 'none (below 0.5)',
      measured: garbage.toFixed(2),
      met: garbage < 0.5,
    },
  ];
}

export function memoryTargets({ endpoints, unusedBytes, idleBytes, defaultBytes, growthBytes, requests }: MemoryResult): Target[] {
  const defaultMiB = defaultBytes / 2 ** 20;
  const perRequest = growthBytes / requests;
  return [
    { what: 'bytes for an endpoint never used', wanted: 'at most 1024', measured: unusedBytes.toFixed(0), met: unusedBytes <= 1_024 },
    { what: 'bytes for an endpoint used and idle again', wanted: 'at most 2048', measured: idleBytes.toFixed(0), met: idleBytes <= 2_048 },
    {
      what: `MiB for ${endpoints.toLocaleString('en')} endpoints with the default balancer`,
      wanted: 'at most 10',
      measured: defaultMiB.toFixed(2),
      met: defaultMiB <= 10,
    },
    { what: 'growth in bytes a request', wanted: 'none (below 0.5)', measured: perRequest.toFixed(2), met: perRequest < 0.5 },
  ];
}

import type { ContenderName } from './contender.js';
import type { MemoryResult } from './memory.js';
import type { PickResult } from './pick.js';
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

export function pickTargets(results: readonly PickResult[]): Target[] {
  const p2c = results.filter(({ balancer, shut }) => balancer === 'p2c, peak EWMA' && shut === 0);
  const ns = (size: number) => p2c.find(({ endpoints }) => endpoints === size)?.nsPerPick ?? Number.NaN;
  const worst = Math.max(...p2c.map(({ ratioToInlined }) => ratioToInlined));
  const growth = ns(10_000) / ns(10);
  return [
    {
      what: 'p2c pick to an inlined random pick, the worst of all sizes',
      wanted: 'at most 4',
      measured: worst.toFixed(2),
      met: worst <= 4,
    },
    { what: 'p2c pick of 10,000 endpoints to one of 10', wanted: 'at most 1.6', measured: growth.toFixed(2), met: growth <= 1.6 },
  ];
}

export function memoryTargets({ unusedBytes, idleBytes, growthBytes, requests }: MemoryResult): Target[] {
  const perRequest = growthBytes / requests;
  return [
    { what: 'bytes for an endpoint never used', wanted: 'at most 1024', measured: unusedBytes.toFixed(0), met: unusedBytes <= 1_024 },
    { what: 'bytes for an endpoint used and idle again', wanted: 'at most 2048', measured: idleBytes.toFixed(0), met: idleBytes <= 2_048 },
    { what: 'growth in bytes a request', wanted: 'none (below 0.5)', measured: perRequest.toFixed(2), met: perRequest < 0.5 },
  ];
}

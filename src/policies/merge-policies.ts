import { ConfigError } from '../core/errors.js';
import { definePolicy, type Level, type Policy } from '../core/policy.js';
import { isStandard, type StandardOptions, standard } from './standard.js';

/** The policies around a request, each list in the order of execution, the outermost first. */
export interface PolicyLists {
  /** Once per service, met once by each call. */
  readonly perCall?: readonly Policy<'call'>[] | undefined;
  /** Once per service, met by every try. */
  readonly perAttempt?: readonly Policy<'attempt'>[] | undefined;
  /** Once per endpoint, below the balancer. */
  readonly perEndpoint?: readonly Policy<'endpoint'>[] | undefined;
}

const REMOVES = Symbol('removes');

/**
 * In a service's list: leaves out the default policy of that name.
 *
 * @example
 * services: { payments: { policies: { perCall: [without('retry')] } } }
 */
export function without(name: string): Policy {
  if (typeof name !== 'string' || name === '') throw new ConfigError('without', 'the name of a policy', name);
  return Object.assign(definePolicy({ name, build: (next) => next }), { [REMOVES]: true });
}

/**
 * A service's policies over the defaults, list by list.
 *
 * A service's policy takes the place of the default of the same name, and the order of the service's list
 * stands. A default that the service does not name stays, right after the nearest default before it that is in
 * the result, or at the start. Where both sides come from `standard()`, their settings are merged instead, one
 * level deep, and `standard()` is made of the outcome.
 *
 * @throws ConfigError if two policies of one list have the same name.
 */
export function mergePolicies(defaults: PolicyLists, service: PolicyLists): PolicyLists {
  if (isStandard(defaults) && isStandard(service)) return standard({ ...defaults.settings, ...definedIn(service.settings) });
  return {
    perCall: mergeList('perCall', defaults.perCall, service.perCall),
    perAttempt: mergeList('perAttempt', defaults.perAttempt, service.perAttempt),
    perEndpoint: mergeList('perEndpoint', defaults.perEndpoint, service.perEndpoint),
  };
}

/** An option that is written out as undefined is one that was not given. */
function definedIn(settings: StandardOptions): StandardOptions {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

function mergeList<At extends Level>(
  list: string,
  defaults: readonly Policy<At>[] = [],
  own: readonly Policy<At>[] = [],
): readonly Policy<At>[] {
  refuseDoubles(list, defaults);
  refuseDoubles(list, own);
  const named = new Set(own.map((policy) => policy.name));
  const merged = own.filter((policy) => !isRemoval(policy));
  let place = 0;
  for (const policy of defaults) {
    if (isRemoval(policy)) continue;
    const { name } = policy;
    if (!named.has(name)) merged.splice(place++, 0, policy);
    else place = merged.findIndex((each) => each.name === name) + 1 || place;
  }
  return merged;
}

function refuseDoubles<At extends Level>(list: string, policies: readonly Policy<At>[]): void {
  const seen = new Set<string>();
  for (const { name } of policies) {
    if (seen.has(name))
      throw new ConfigError(list, 'a list with each policy name once: calls and services name policies by it', `two of '${name}'`);
    seen.add(name);
  }
}

function isRemoval(policy: object): boolean {
  return REMOVES in policy;
}

import { ConfigError } from './core/errors.js';
import type { Level, Policy, PolicyStack } from './core/policy.js';
import type { PolicyLists } from './policies/merge-policies.js';

const PLACES: readonly (readonly [keyof PolicyStack, Level])[] = [
  ['perCall', 'call'],
  ['perAttempt', 'attempt'],
  ['perEndpoint', 'endpoint'],
];

/**
 * Checks three lists of policies: each policy where it may stand, each name once in its list.
 * @throws ConfigError with the path of the first bad one.
 */
export function policyStack(path: string, lists: PolicyLists): PolicyStack {
  if (typeof lists !== 'object' || lists === null || Array.isArray(lists)) {
    throw new ConfigError(path, 'standard({...}) or the lists perCall, perAttempt and perEndpoint', lists);
  }
  for (const key of Object.keys(lists)) {
    if (key !== 'settings' && !PLACES.some(([place]) => place === key)) {
      throw new ConfigError(`${path}.${key}`, 'one of the lists perCall, perAttempt and perEndpoint', `'${key}'`);
    }
  }
  for (const [place, level] of PLACES) {
    const policies: unknown = lists[place] ?? [];
    if (!Array.isArray(policies)) throw new ConfigError(`${path}.${place}`, 'a list of policies', policies);
    const seen = new Set<string>();
    for (const [index, policy] of policies.entries()) {
      const where = `${path}.${place}[${index}]`;
      checkPolicy(where, policy, level);
      if (seen.has(policy.name)) throw new ConfigError(where, 'a policy whose name stands once in its list', policy.name);
      seen.add(policy.name);
    }
  }
  return { perCall: lists.perCall ?? [], perAttempt: lists.perAttempt ?? [], perEndpoint: lists.perEndpoint ?? [] };
}

function checkPolicy(where: string, policy: unknown, level: Level): asserts policy is Policy {
  if (typeof policy !== 'function') throw new ConfigError(where, 'a policy, such as retry() or a function (next, scope) => send', policy);
  const { name, levels, validate } = policy as Policy;
  if (name === '') throw new ConfigError(where, 'a policy with a name (a named function, or definePolicy)', policy);
  if (levels !== undefined && !levels.includes(level)) {
    const places = PLACES.filter(([, at]) => levels.includes(at)).map(([place]) => place);
    throw new ConfigError(where, `a policy that may stand there; '${name}' stands in ${places.join(' or ')} only`, policy);
  }
  try {
    validate?.(level);
  } catch (error) {
    // The policy knows its own option; where it stands, only its list knows.
    if (error instanceof ConfigError) throw new ConfigError(`${where}.${error.path}`, error.expected, error.got);
    throw error;
  }
}

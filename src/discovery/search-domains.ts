/** How a name that may be short becomes names to ask for: what resolv.conf(5) calls `search` and `ndots`. */
export interface SearchRules {
  /** The domains, in order, without dots around them. */
  readonly search: readonly string[];
  /** A name with fewer dots than this is tried in the domains before it is tried as it is. */
  readonly ndots: number;
}

/**
 * The names to ask for, in order. Node's resolver asks for the name as it is and for nothing else.
 *
 * @example
 * searchNames('users', { search: ['default.svc.cluster.local', 'svc.cluster.local'], ndots: 5 });
 * // ['users.default.svc.cluster.local', 'users.svc.cluster.local', 'users']
 */
export function searchNames(name: string, { search, ndots }: SearchRules): readonly string[] {
  // A dot at the end says that the name is whole.
  if (name.endsWith('.')) return [name];
  const dots = name.split('.').length - 1;
  const within = search.map((domain) => `${name}.${domain}`);
  return [...new Set(dots >= ndots ? [name, ...within] : [...within, name])];
}

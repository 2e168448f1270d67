import { DEFAULT_PROPAGATION_MS, type Discovery } from '../core/discovery.js';
import { UnknownServiceError } from '../core/errors.js';
import { announceToMember, registryNames } from './composite-announce.js';
import { type CompositeMember, type CompositeOptions, compositeSettings, type MemberPlan, memberPlans } from './composite-options.js';
import { CompositeWatch } from './composite-watch.js';

/**
 * Makes one source of several.
 *
 * By default the order counts: the first source that has instances of a service serves, and a later one takes over
 * while the earlier ones fail, are empty or do not know the service. With `combine: 'union'` the instances of all
 * sources serve. A member may be a source, or say for which services it is asked, which of its instances count, and
 * what it calls a service.
 *
 * It announces to the one source that can announce, or to the one that `announceTo` names.
 *
 * @throws ConfigError with the path of the first bad member or option.
 * @example
 * compositeDiscovery([consulDiscovery({ address: 'http://127.0.0.1:8500' }), fileDiscovery('services.json')]);
 * @example
 * compositeDiscovery(
 *   [
 *     { source: consulDiscovery(), where: { environment: 'production' }, aliases: { users: 'users-v2' } },
 *     { source: dnsDiscovery({ domain: 'internal' }), services: ['billing', /^team-/] },
 *   ],
 *   { combine: 'union' },
 * );
 */
export function compositeDiscovery(members: readonly (Discovery | CompositeMember)[], options: CompositeOptions = {}): Discovery {
  const settings = compositeSettings(options);
  const plans = memberPlans(members);
  const { name } = settings;
  const watches = new Map<string, CompositeWatch>();
  return {
    name,
    declares: (service) =>
      plans.some((plan) => plan.names(service) || (plan.serves(service) && plan.source.declares?.(plan.nameOf(service)) === true)),
    watch(service, sink, host) {
      const serving = plans.filter((plan) => plan.serves(service));
      if (serving.length === 0) {
        sink.failed(new UnknownServiceError(service, name));
        return () => {};
      }
      const watch = new CompositeWatch(service, serving, settings, sink, host);
      watches.set(service, watch);
      watch.start();
      return () => {
        watch.stop();
        if (watches.get(service) === watch) watches.delete(service);
      };
    },
    inspect: (service) => watches.get(service)?.inspect(),
    ...(plans.some(({ source }) => source.announce !== undefined) && {
      announce: async (announcement, host) => announceToMember(name, plans, announcement, host),
      registries: registryNames(plans),
      propagationMs: longestPropagationMs(plans),
    }),
    async close() {
      const ends = await Promise.allSettled([...new Set(plans.map(({ source }) => source))].map(async (source) => source.close?.()));
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    },
  };
}

/** Of all registries, since it is not known yet which one is announced to. */
function longestPropagationMs(plans: readonly MemberPlan[]): number {
  const registries = plans.filter(({ source }) => source.announce !== undefined);
  return Math.max(...registries.map(({ source }) => source.propagationMs ?? DEFAULT_PROPAGATION_MS));
}

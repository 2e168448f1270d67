import type { Announcement, DiscoveryHost, Lease } from '../core/discovery.js';
import { ConfigError } from '../core/errors.js';
import { hostAs } from './composite-member.js';
import type { MemberPlan } from './composite-options.js';

/** A member that takes announcements, by one of the names that `announceTo` may have. */
interface Registry {
  readonly plan: MemberPlan;
  readonly name: string;
  /** What the member itself is told, where it stands for several. */
  readonly announceTo: string | undefined;
}

/** The names that `announceTo` may have, each once. */
export function registryNames(plans: readonly MemberPlan[]): readonly string[] {
  return [...new Set(plans.flatMap((plan) => registriesOf(plan).map(({ name }) => name)))];
}

/**
 * Announces to one member of a composite: the one that is named, or the only one there is.
 *
 * It is announced under the name that the member has for the service, so that whoever asks through the same composite
 * finds it. An instance in two registries would be two, each with half of its weight's meaning and half of its story.
 *
 * @throws ConfigError with the names that there are, where it is not clear which one is meant.
 */
export function announceToMember(
  composite: string,
  plans: readonly MemberPlan[],
  announcement: Announcement,
  host: DiscoveryHost,
): Promise<Lease> {
  const { service, announceTo } = announcement;
  const registries = distinct(plans.filter((plan) => plan.serves(service)).flatMap(registriesOf), service);
  if (registries.length === 0)
    throw new ConfigError('announce.service', `a service that a registry of ${composite} is used for (none is)`, service);
  const [registry, another] = announceTo === undefined ? registries : registries.filter(({ name }) => name === announceTo);
  if (registry === undefined || another !== undefined) {
    const names = registries.map(({ name }) => `'${name}'`).join(', ');
    throw new ConfigError('announce.announceTo', `the name of a registry that is used for '${service}' (${names})`, announceTo);
  }
  const { plan } = registry;
  const own = { ...announcement, service: plan.nameOf(service), announceTo: registry.announceTo };
  return plan.source.announce?.(own, hostAs(service, host)) as Promise<Lease>;
}

function registriesOf(plan: MemberPlan): readonly Registry[] {
  const { source, name } = plan;
  if (source.announce === undefined) return [];
  if (source.registries === undefined) return [{ plan, name, announceTo: undefined }];
  return source.registries.map((each) => ({ plan, name: each, announceTo: each }));
}

/** A source that stands in the list several times, for other filters, is one registry. */
function distinct(registries: readonly Registry[], service: string): readonly Registry[] {
  return registries.filter(
    ({ plan, announceTo }, index) =>
      registries.findIndex(
        (other) =>
          other.plan.source === plan.source && other.plan.nameOf(service) === plan.nameOf(service) && other.announceTo === announceTo,
      ) === index,
  );
}

import type { Discovery } from '../core/discovery.js';
import type { Instance } from '../core/endpoint.js';
import { ConfigError } from '../core/errors.js';
import { reportFaultOnce } from '../core/events.js';
import { durationMs, knownKeys } from '../core/options-check.js';

/** Which instances of a source count: by their metadata, or by anything about them. */
export type InstanceFilter = Readonly<Record<string, string | readonly string[]>> | ((instance: Instance) => boolean);

/** One source of a composite, and what it is used for. */
export interface CompositeMember {
  /** The source. */
  readonly source: Discovery;
  /** Names it in events, in `mesh.inspect()` and in `announceTo`. Default: the source's own name, numbered where several have it. */
  readonly name?: string | undefined;
  /** The services that it is asked for: names, without regard to case, and patterns. Default: all. */
  readonly services?: readonly (string | RegExp)[] | undefined;
  /**
   * Which of its instances count: `{ environment: 'production' }` takes those whose metadata says so, a list of values
   * those that have one of them. An instance without the entry does not count. A function decides by itself; one that
   * throws leaves the instance out. Default: all.
   */
  readonly where?: InstanceFilter | undefined;
  /** What it calls services that are called otherwise here: `{ users: 'users-v2' }`. Default: nothing. */
  readonly aliases?: Readonly<Record<string, string>> | undefined;
}

/** What every composite may be told. */
export interface CompositeBaseOptions {
  /** Names the composite in errors and events. Default 'compositeDiscovery'. */
  readonly name?: string | undefined;
  /** For how long the first list waits for a source that says nothing, in milliseconds. Above 0; default 2,000. */
  readonly firstListTimeoutMs?: number | undefined;
  /**
   * For how long a source's list that looks like a mistake is held back, in milliseconds. Above 0; default 30,000. It
   * stands for `cache.holdMs` of the mesh, which does not see the sources one by one.
   */
  readonly holdMs?: number | undefined;
}

/** The first source that has instances serves. */
export interface CompositeFallbackOptions extends CompositeBaseOptions {
  /** 'fallback': the first source that has instances serves. Default 'fallback'. */
  readonly combine?: 'fallback' | undefined;
  /**
   * For how long the last list of a source that fails goes on serving before the next source takes over, in
   * milliseconds. Above 0, Infinity for ever; default 30,000.
   */
  readonly fallbackAfterMs?: number | undefined;
  /** For how long an earlier source must have been well before it takes over again, in milliseconds. Above 0; default 10,000. */
  readonly returnAfterMs?: number | undefined;
}

/** The instances of all sources serve. */
export interface CompositeUnionOptions extends CompositeBaseOptions {
  /** 'union': the instances of all sources serve. */
  readonly combine: 'union';
}

/** How sources become one. */
export type CompositeOptions = CompositeFallbackOptions | CompositeUnionOptions;

/** A member, checked and in full. */
export interface MemberPlan {
  readonly source: Discovery;
  readonly name: string;
  /** Whether the configuration itself names the service. */
  names(service: string): boolean;
  /** Whether it is asked for the service. */
  serves(service: string): boolean;
  /** What it calls the service. */
  nameOf(service: string): string;
  matches(instance: Instance): boolean;
}

/** The options, checked and in full. */
export interface CompositeSettings {
  readonly name: string;
  readonly combine: 'fallback' | 'union';
  readonly firstListTimeoutMs: number;
  readonly holdMs: number;
  readonly fallbackAfterMs: number;
  readonly returnAfterMs: number;
}

export const COMPOSITE = 'compositeDiscovery';
const BASE_KEYS = ['name', 'combine', 'firstListTimeoutMs', 'holdMs'];

/** @throws ConfigError with the path of the first bad option. */
export function compositeSettings(options: CompositeOptions): CompositeSettings {
  const path = `${COMPOSITE}.options`;
  const combine = (options as { combine?: unknown } | null | undefined)?.combine ?? 'fallback';
  if (combine !== 'fallback' && combine !== 'union') throw new ConfigError(`${path}.combine`, "'fallback' or 'union'", combine);
  // What a union would ignore is refused: whoever writes it means something else.
  knownKeys(path, options, combine === 'union' ? BASE_KEYS : [...BASE_KEYS, 'fallbackAfterMs', 'returnAfterMs']);
  const { name = COMPOSITE, firstListTimeoutMs, holdMs, fallbackAfterMs, returnAfterMs } = options as CompositeFallbackOptions;
  return {
    name: checkedText(`${path}.name`, name),
    combine,
    firstListTimeoutMs: durationMs(`${path}.firstListTimeoutMs`, firstListTimeoutMs ?? 2_000),
    holdMs: durationMs(`${path}.holdMs`, holdMs ?? 30_000),
    fallbackAfterMs: durationMs(`${path}.fallbackAfterMs`, fallbackAfterMs ?? 30_000, { infinite: true }),
    returnAfterMs: durationMs(`${path}.returnAfterMs`, returnAfterMs ?? 10_000),
  };
}

/** @throws ConfigError with the path of the first bad member. */
export function memberPlans(members: unknown): readonly MemberPlan[] {
  if (!Array.isArray(members) || members.length === 0)
    throw new ConfigError(COMPOSITE, 'a list of sources, such as [consulDiscovery(), fileDiscovery("services.json")]', members);
  const taken = new Set<string>();
  return members.map((member: Discovery | CompositeMember, index) => memberPlan(`${COMPOSITE}[${index}]`, member, taken));
}

function memberPlan(path: string, member: Discovery | CompositeMember, taken: Set<string>): MemberPlan {
  if (isSource(member)) return memberPlan(path, { source: member }, taken);
  knownKeys(path, member, ['source', 'name', 'services', 'where', 'aliases']);
  const { source } = member;
  if (!isSource(source)) throw new ConfigError(`${path}.source`, 'a source, such as staticDiscovery({...})', source);
  const { exact, patterns } = checkedServices(`${path}.services`, member.services);
  const aliases = checkedAliases(`${path}.aliases`, member.aliases);
  const all = member.services === undefined;
  return {
    source,
    name: freeName(path, member.name, source, taken),
    names: (service) => exact.has(service.toLowerCase()) || (aliases.has(service.toLowerCase()) && (all || served(service))),
    serves: (service) => all || served(service),
    nameOf: (service) => aliases.get(service.toLowerCase()) ?? service,
    matches: checkedFilter(`${path}.where`, member.where),
  };

  function served(service: string): boolean {
    return exact.has(service.toLowerCase()) || patterns.some((pattern) => pattern.test(service));
  }
}

function isSource(value: unknown): value is Discovery {
  return typeof value === 'object' && value !== null && 'watch' in value && typeof value.watch === 'function';
}

function freeName(path: string, given: unknown, source: Discovery, taken: Set<string>): string {
  const wanted = given === undefined ? source.name : checkedText(`${path}.name`, given);
  if (given !== undefined && taken.has(wanted))
    throw new ConfigError(`${path}.name`, 'a name that no other source of the composite has', wanted);
  let name = wanted;
  for (let number = 2; taken.has(name); number++) name = `${wanted}#${number}`;
  taken.add(name);
  return name;
}

function checkedServices(path: string, services: unknown): { readonly exact: ReadonlySet<string>; readonly patterns: readonly RegExp[] } {
  const exact = new Set<string>();
  const patterns: RegExp[] = [];
  if (services === undefined) return { exact, patterns };
  const expected = "a list of services' names and patterns, with one at least";
  if (!Array.isArray(services) || services.length === 0) throw new ConfigError(path, expected, services);
  for (const [index, each] of services.entries()) {
    if (typeof each === 'string' && each !== '') exact.add(each.toLowerCase());
    // Without the flags that make a pattern remember where it stopped.
    else if (each instanceof RegExp) patterns.push(new RegExp(each.source, each.flags.replace(/[gy]/g, '')));
    else throw new ConfigError(`${path}[${index}]`, "a service's name or a pattern", each);
  }
  return { exact, patterns };
}

function checkedAliases(path: string, aliases: unknown): ReadonlyMap<string, string> {
  if (aliases === undefined) return new Map();
  if (typeof aliases !== 'object' || aliases === null || Array.isArray(aliases))
    throw new ConfigError(path, "an object with the source's own name for each service's name", aliases);
  return new Map(Object.entries(aliases).map(([service, name]) => [service.toLowerCase(), checkedText(`${path}.${service}`, name)]));
}

function checkedFilter(path: string, where: unknown): (instance: Instance) => boolean {
  if (where === undefined) return () => true;
  if (typeof where === 'function') return guarded(where as (instance: Instance) => boolean);
  if (typeof where !== 'object' || where === null || Array.isArray(where))
    throw new ConfigError(path, "an object of metadata, such as { environment: 'production' }, or a function of an instance", where);
  const wanted = Object.entries(where).map(([key, value]): readonly [string, ReadonlySet<string>] => {
    const values: unknown[] = Array.isArray(value) ? value : [value];
    if (values.length === 0 || !values.every((each) => typeof each === 'string'))
      throw new ConfigError(`${path}.${key}`, 'a string, or a list of strings with one at least', value);
    return [key, new Set(values as string[])];
  });
  return ({ metadata }) => wanted.every(([key, values]) => Object.hasOwn(metadata, key) && values.has(metadata[key] ?? ''));
}

/** A filter of the user's may throw; that must not take the list with it. */
function guarded(where: (instance: Instance) => boolean): (instance: Instance) => boolean {
  return (instance) => {
    try {
      return where(instance) === true;
    } catch (error) {
      reportFaultOnce(where, "a composite's 'where'", error);
      return false;
    }
  };
}

function checkedText(path: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new ConfigError(path, 'a name', value);
}

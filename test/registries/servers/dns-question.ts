import { Resolver } from 'node:dns/promises';

/** Asks one server, once, for at most two seconds. */
export function resolverOf(address: string): Resolver {
  const resolver = new Resolver({ timeout: 2_000, tries: 1 });
  resolver.setServers([address]);
  return resolver;
}

/** The serial number of a zone, as the server has it now. */
export async function serialOf(address: string, zone: string): Promise<number> {
  return (await resolverOf(address).resolveSoa(zone)).serial;
}

/** Whether the server has an IPv4 address for the name. */
export async function knowsName(address: string, name: string): Promise<boolean> {
  return (await resolverOf(address).resolve4(name)).length > 0;
}

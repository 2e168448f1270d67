/**
 * Curator's UriSpec: an instance says how its address is put together, as a list of literal texts and variables. This
 * is what tells us of a base path, since Curator has no field for one.
 */

/** What the variables of a UriSpec stand for. */
export interface UriVariables {
  readonly name: string;
  readonly id: string;
  readonly address: string;
  readonly port: number | undefined;
  readonly sslPort: number | undefined;
  readonly registrationTimeUTC: unknown;
  readonly serviceType: unknown;
}

interface UriPart {
  readonly value: string;
  readonly variable: boolean;
}

/**
 * The address that a UriSpec describes.
 *
 * In one thing it differs from Curator, which fills `{scheme}` with https for an instance that has an sslPort and
 * `{port}` with the other port beside it: here `{port}` goes with the scheme.
 *
 * @throws Error that says what is wrong with it.
 */
export function buildUri(spec: unknown, variables: UriVariables): string {
  const parts = partsOf(spec);
  const schemeVaries = parts.some(({ value, variable }) => variable && value === 'scheme');
  const { port, sslPort } = variables;
  const portOfScheme = schemeVaries && sslPort !== undefined ? sslPort : (port ?? sslPort);
  let uri = '';
  for (const { value, variable } of parts) {
    if (!variable) uri += value;
    else if (value === 'port') uri += portOfScheme ?? '';
    // An IPv6 address stands in brackets, which a spec may have put there itself.
    else if (value === 'address' && variables.address.includes(':') && !uri.endsWith('[')) uri += `[${variables.address}]`;
    else uri += fillIn(value, variables);
  }
  return uri;
}

/** The UriSpec of an instance at a base path (empty, or beginning with a slash). */
export function uriSpecOf(isTls: boolean, isIPv6: boolean, basePath: string): { readonly parts: readonly UriPart[] } {
  const parts = [
    variable('scheme'),
    literal(isIPv6 ? '://[' : '://'),
    variable('address'),
    literal(isIPv6 ? ']:' : ':'),
    variable(isTls ? 'ssl-port' : 'port'),
  ];
  return { parts: basePath === '' ? parts : [...parts, literal(basePath)] };
}

function literal(value: string): UriPart {
  return { value, variable: false };
}

function variable(value: string): UriPart {
  return { value, variable: true };
}

function fillIn(name: string, { name: service, id, address, sslPort, registrationTimeUTC, serviceType }: UriVariables): string {
  switch (name) {
    case 'scheme':
      return sslPort === undefined ? 'http' : 'https';
    case 'name':
      return service;
    case 'id':
      return id;
    case 'address':
      return address;
    case 'ssl-port':
      return sslPort === undefined ? '' : String(sslPort);
    case 'registration-time-utc':
      return typeof registrationTimeUTC === 'number' ? String(registrationTimeUTC) : '';
    case 'service-type':
      return typeof serviceType === 'string' ? serviceType.toLowerCase() : '';
    // Curator's way to write braces.
    case '[':
      return '{';
    case ']':
      return '}';
    default:
      throw new Error(`uriSpec has the variable '${name.slice(0, 50)}', of which nothing is known`);
  }
}

function partsOf(spec: unknown): readonly UriPart[] {
  const parts = typeof spec === 'object' && spec !== null && 'parts' in spec ? spec.parts : undefined;
  if (!Array.isArray(parts) || parts.length > 100) throw new Error('uriSpec must be an object with a list of parts');
  for (const part of parts as unknown[]) {
    if (typeof part !== 'object' || part === null || !('value' in part) || typeof part.value !== 'string') {
      throw new Error('uriSpec.parts must be objects of a value and whether it is a variable');
    }
  }
  return parts as UriPart[];
}

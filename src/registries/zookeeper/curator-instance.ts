import type { InstanceInput } from '../../core/discovery.js';
import { type Instance, originOf } from '../../core/endpoint.js';
import { show } from '../../core/errors.js';
import { buildUri, uriSpecOf } from './uri-spec.js';

/**
 * Instances as Curator's service discovery writes them (the JSON of its ServiceInstance), which Spring Cloud ZooKeeper
 * uses too: so Java services are found, and Java clients find ours.
 *
 * Curator has no fields for weight and zone. Ours write them at the top of the payload, where nothing of the
 * metadata can be taken for them; of others, the metadata's `weight` and `zone` count.
 */

/** More than anybody needs to say where a service is; what is longer is not even parsed. */
const LONGEST_BYTES = 128 * 1_024;
/** Where Spring Cloud says whether an instance wants requests, and what it says when it does not. */
const SPRING_STATUS = 'instance_status';
const SPRING_OUT_OF_SERVICE = 'OUT_OF_SERVICE';

/**
 * What a znode's data amounts to: an instance, or undefined for one that asks to be left alone (`enabled` is false, or
 * Spring's status says that it is out of service).
 *
 * @throws Error that says why it is no instance.
 */
export function readInstance(id: string, data: Buffer | undefined): Exclude<InstanceInput, string> | undefined {
  const fields = fieldsOf(data);
  const metadata = metadataOf(fields.payload);
  if (fields.enabled === false || metadata?.[SPRING_STATUS] === SPRING_OUT_OF_SERVICE) return undefined;
  const payload = isObject(fields.payload) ? fields.payload : {};
  return {
    id,
    url: urlOf(id, fields),
    weight: weightOf(payload.weight ?? numberFrom(metadata?.weight)),
    zone: typeof payload.zone === 'string' ? payload.zone : metadata?.zone,
    metadata,
  };
}

/** The znode's data for an instance of our own. `payloadClass` is the Java class that readers shall make of the payload. */
export function writeInstance(service: string, instance: Instance, registeredAtMs: number, payloadClass: string | undefined): Buffer {
  const { id, protocol, hostname, port, basePath } = instance;
  const isTls = protocol === 'https:';
  return Buffer.from(
    JSON.stringify({
      name: service,
      id,
      address: hostname,
      port: isTls ? null : port,
      sslPort: isTls ? port : null,
      payload: payloadClass === undefined ? payloadOf(instance) : springPayloadOf(service, instance, payloadClass),
      registrationTimeUTC: Math.round(registeredAtMs),
      serviceType: 'DYNAMIC',
      uriSpec: uriSpecOf(isTls, hostname.includes(':'), basePath),
    }),
  );
}

/** Null where there is nothing to say: Curator's readers that expect no payload fail at any. */
function payloadOf({ weight, zone, metadata }: Instance): object | null {
  const hasMetadata = Object.keys(metadata).length > 0;
  if (!hasMetadata && weight === 1 && zone === undefined) return null;
  // Said even where it is the default: else the metadata's would count.
  return { weight, zone: zone ?? '', ...(hasMetadata && { metadata }) };
}

/** A Java class knows its own fields alone, so weight and zone go where Spring Cloud's users put them. */
function springPayloadOf(service: string, { id, weight, zone, metadata }: Instance, payloadClass: string): object {
  return {
    '@class': payloadClass,
    id,
    name: service,
    metadata: { ...metadata, ...(weight !== 1 && { weight: String(weight) }), ...(zone !== undefined && { zone }) },
  };
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(data: Buffer | undefined): Fields {
  if (data === undefined || data.length === 0) throw new Error('the znode is empty');
  if (data.length > LONGEST_BYTES) throw new Error(`the znode has ${data.length} bytes, more than ${LONGEST_BYTES}`);
  let content: unknown;
  try {
    content = JSON.parse(data.toString('utf8'));
  } catch (error) {
    throw new Error(`the znode is not JSON (${error instanceof Error ? error.message.slice(0, 100) : error})`);
  }
  if (!isObject(content)) throw new Error(`the znode must hold an object, got ${show(content)}`);
  return content;
}

function urlOf(id: string, fields: Fields): string {
  const { name, uriSpec, registrationTimeUTC, serviceType } = fields;
  const address = hostFrom(fields.address);
  const port = portFrom('port', fields.port);
  const sslPort = portFrom('sslPort', fields.sslPort);
  if (uriSpec !== undefined && uriSpec !== null) {
    const service = typeof name === 'string' ? name : '';
    return buildUri(uriSpec, { name: service, id, address, port, sslPort, registrationTimeUTC, serviceType });
  }
  const chosen = sslPort ?? port;
  if (chosen === undefined) throw new Error('it has neither a port nor an sslPort');
  return originOf({ protocol: sslPort === undefined ? 'http:' : 'https:', hostname: address, port: chosen });
}

/** A path in the address would pass for a base path that nobody meant. */
function hostFrom(address: unknown): string {
  if (typeof address !== 'string' || address === '' || /[/?#@\\\s]/.test(address))
    throw new Error(`address must be a host, got ${show(address)}`);
  return address.replace(/^\[(.*)\]$/, '$1');
}

function portFrom(field: string, port: unknown): number | undefined {
  if (port === undefined || port === null) return undefined;
  if (typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new Error(`${field} must be a whole number from 1 to 65535, got ${show(port)}`);
}

/**
 * The metadata of a payload, as text. Payloads are whatever class a Java service chose: what is no text, number or
 * truth value is left out, and metadata is what stands under that name.
 */
function metadataOf(payload: unknown): Record<string, string> | undefined {
  if (!isObject(payload) || !isObject(payload.metadata)) return undefined;
  const texts: [string, string][] = [];
  for (const [key, value] of Object.entries(payload.metadata)) {
    if (typeof value === 'string') texts.push([key, value]);
    else if (typeof value === 'number' || typeof value === 'boolean') texts.push([key, String(value)]);
  }
  // Not by assignment, which a key named __proto__ would turn into something else.
  return texts.length === 0 ? undefined : Object.fromEntries(texts);
}

/** What is no number is passed on: the one border where instances are checked reports it. */
function weightOf(weight: unknown): number | undefined {
  return weight === undefined || weight === null ? undefined : (weight as number);
}

/** A metadata's weight counts only where it is one: the word may mean something else there. */
function numberFrom(text: string | undefined): number | undefined {
  const number = Number(text);
  return text !== undefined && text.trim() !== '' && number > 0 && number <= 1_000_000 ? number : undefined;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

import { show } from '../../core/errors.js';

/** Which of a service's ports is called: its name or number as in the EndpointSlices, or undefined for the evident one. */
export type PortChoice = string | number | undefined;

export interface ChosenPort {
  readonly port: number;
  readonly scheme: 'http' | 'https';
}

interface SlicePort {
  readonly name: string;
  /** Undefined where the slice leaves it open ("all ports"). */
  readonly port: number | undefined;
  readonly appProtocol: string | undefined;
}

/** Names that mark the port for requests where a service has several (metrics, admin), the likeliest first. */
const USUAL_NAMES = ['http', 'https', 'web', 'http-web', 'api', 'http-api'];
/** Application protocols of the Service API (KEP-1422, KEP-3726) that are spoken over TLS. */
const TLS_PROTOCOLS = new Set(['https', 'kubernetes.io/wss']);
const HTTP_PROTOCOLS = new Set(['http', 'https', 'kubernetes.io/ws', 'kubernetes.io/wss']);
const MAX_PORT = 65_535;

/** The port of a slice that is called. @throws Error whose message says why none can be. */
export function choosePort(ports: unknown, choice: PortChoice, scheme?: 'http' | 'https'): ChosenPort {
  const all = slicePorts(ports);
  const found = find(all, choice);
  const { port } = found;
  if (port === undefined || !Number.isInteger(port) || port < 1 || port > MAX_PORT) {
    throw new Error(`its port ${describe(found)} must be a number from 1 to ${MAX_PORT}`);
  }
  return { port, scheme: scheme ?? schemeOf(found) };
}

function find(ports: readonly SlicePort[], choice: PortChoice): SlicePort {
  if (typeof choice === 'number') {
    // A slice without ports, as that of a headless service without any, leaves the choice open.
    const match = ports.length === 0 ? { name: '', port: choice, appProtocol: undefined } : ports.find(({ port }) => port === choice);
    return required(match, ports, `${choice}`);
  }
  if (choice !== undefined) {
    return required(
      ports.find(({ name }) => name === choice),
      ports,
      `'${choice}'`,
    );
  }
  if (ports.length === 0) throw new Error('it has no TCP port: set port to a number if its endpoints listen on one');
  if (ports.length === 1) return ports[0] as SlicePort;
  for (const usual of USUAL_NAMES) {
    const named = ports.find(({ name }) => name === usual);
    if (named !== undefined) return named;
  }
  const speaking = ports.filter(({ appProtocol }) => appProtocol !== undefined && HTTP_PROTOCOLS.has(appProtocol));
  if (speaking.length === 1) return speaking[0] as SlicePort;
  throw new Error(`it has several ports (${list(ports)}): set port to the name of one`);
}

function required(found: SlicePort | undefined, ports: readonly SlicePort[], wanted: string): SlicePort {
  if (found !== undefined) return found;
  throw new Error(`it has no TCP port ${wanted} (it has ${ports.length === 0 ? 'none' : list(ports)})`);
}

function schemeOf({ name, port, appProtocol }: SlicePort): 'http' | 'https' {
  if (appProtocol !== undefined && HTTP_PROTOCOLS.has(appProtocol)) return TLS_PROTOCOLS.has(appProtocol) ? 'https' : 'http';
  return name === 'https' || name.startsWith('https-') || (port === 443 && !name.startsWith('http')) ? 'https' : 'http';
}

/** The TCP ports that a slice names, whatever it says else. */
function slicePorts(ports: unknown): SlicePort[] {
  if (ports === undefined || ports === null) return [];
  if (!Array.isArray(ports)) throw new Error(`its ports must be a list, got ${show(ports)}`);
  return ports.flatMap((each: unknown): SlicePort[] => {
    if (typeof each !== 'object' || each === null) return [];
    const { name, port, protocol, appProtocol } = each as Record<string, unknown>;
    if (protocol !== undefined && protocol !== null && protocol !== 'TCP') return [];
    return [
      {
        name: typeof name === 'string' ? name : '',
        port: typeof port === 'number' ? port : undefined,
        appProtocol: typeof appProtocol === 'string' ? appProtocol.toLowerCase() : undefined,
      },
    ];
  });
}

function list(ports: readonly SlicePort[]): string {
  return ports.map(describe).join(', ');
}

function describe({ name, port }: SlicePort): string {
  const number = port === undefined ? 'open' : `${port}`;
  return name === '' ? number : `${name}=${number}`;
}

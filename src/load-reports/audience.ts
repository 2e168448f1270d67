import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { BlockList } from 'node:net';
import { ConfigError } from '../core/errors.js';
import { reportFaultOnce } from '../core/events.js';

/**
 * Who gets to see a server's load. How busy a machine is and how much traffic it has is nobody's business but that
 * of who balances it; to an attacker it says when to strike, and whether it worked.
 *
 * The default is callers on a private address for whom no proxy speaks. It needs no configuration where the header is
 * of use, between the services of one network; and a server that is on the internet by mistake tells it nothing.
 * That is a safeguard and no border: a proxy that does not say that it is one looks like any caller within. What faces
 * the internet should take `endpoint-load-metrics` out of answers, as it does with other internal headers.
 *
 * Only telling who asks for it by a header was the alternative. It protects from nothing, since anybody can ask, and
 * it would leave out every client that has no way to say so, a balancer such as Envoy's among them.
 */

/** Who sees a server's load reports. */
export type LoadReportAudience = 'private' | 'everyone' | ((request: ReportedRequest) => boolean);

/** A request to a server, as Node has it. */
export type ReportedRequest = IncomingMessage | Http2ServerRequest;

/** RFC 1918, 4193, 3927, 4291 and 6598, and the machine itself. */
const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['100.64.0.0', 10],
] as const) {
  PRIVATE.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const) {
  PRIVATE.addSubnet(network, prefix, 'ipv6');
}

/** With one of these, the caller is a proxy that speaks for somebody else. */
const SPEAKING_FOR_OTHERS = ['x-forwarded-for', 'forwarded', 'via'] as const;

/** @throws ConfigError for what is no audience. */
export function audienceOf(path: string, showTo: unknown): (request: ReportedRequest) => boolean {
  if (showTo === 'everyone') return () => true;
  if (showTo === 'private') return privately();
  if (typeof showTo !== 'function') throw new ConfigError(path, "'private', 'everyone' or a function of the request", showTo);
  return (request) => {
    try {
      return showTo(request) === true;
    } catch (error) {
      reportFaultOnce(showTo, path, error);
      return false;
    }
  };
}

/** An address is looked up once per connection. */
function privately(): (request: ReportedRequest) => boolean {
  const known = new WeakMap<object, boolean>();
  return ({ headers, socket }) => {
    if (SPEAKING_FOR_OTHERS.some((name) => headers[name] !== undefined)) return false;
    let isPrivate = known.get(socket);
    if (isPrivate === undefined) {
      isPrivate = isPrivateAddress(socket.remoteAddress);
      known.set(socket, isPrivate);
    }
    return isPrivate;
  };
}

/** A Unix socket has no address; its callers are on this machine. */
export function isPrivateAddress(address: string | undefined): boolean {
  if (address === undefined) return true;
  return PRIVATE.check(address.replace(/%.*$/, ''), address.includes(':') ? 'ipv6' : 'ipv4');
}

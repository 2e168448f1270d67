import type { Server as HttpServer } from 'node:http';
import type { Http2SecureServer, Http2Server } from 'node:http2';
import type { Server as HttpsServer } from 'node:https';
import { Server as SocketServer } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { ConfigError } from '../core/errors.js';
import { candidatesFor, isWildcard } from '../discovery/wildcard-address.js';

/** A server that can be announced: Node's own, or what a framework makes of it (`app.listen(...)` in Express, `app.server` in Fastify, `serve(...)` in Hono). */
export type AnnounceableServer = HttpServer | HttpsServer | Http2Server | Http2SecureServer;

/** Where the user says that a server is reached, as far as he says it. */
export interface GivenPlace {
  readonly url?: string | undefined;
  readonly host?: string | undefined;
}

const PATH = 'announceServer';

/** @throws ConfigError for anything but a Node server. */
export function checkServer(server: unknown): void {
  if (server instanceof SocketServer) return;
  throw new ConfigError(
    `${PATH}.server`,
    'a Node http, https or http2 server (Express: what app.listen() returns; Fastify: app.server; Hono: what serve() returns)',
    server,
  );
}

/** @throws ConfigError for a place that cannot be one whatever the server listens on. */
export function checkGivenPlace({ url, host }: GivenPlace): void {
  if (host === undefined) return;
  if (url !== undefined) throw new ConfigError(`${PATH}.host`, 'left out where url is given, which has a host', host);
  if (typeof host !== 'string' || !URL.canParse(`http://${bracketed(host)}`) || /[/?#@]/.test(host) || hasPort(host)) {
    throw new ConfigError(`${PATH}.host`, 'a name or an address without a port', host);
  }
}

/**
 * The URL of a server that listens. What was given comes first; scheme and port, and an address that is one, are the
 * server's own.
 *
 * @throws ConfigError where the server does not know where others reach it: a wildcard address, a Unix socket.
 */
export function urlOfServer(server: AnnounceableServer, { url, host }: GivenPlace): string {
  if (url !== undefined) return url;
  const protocol = server instanceof TlsServer ? 'https:' : 'http:';
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new ConfigError(`${PATH}.url`, 'given for a server that does not listen on a port', url);
  }
  const hostname = host ?? address.address;
  if (isWildcard(hostname)) {
    const candidates = candidatesFor({ protocol, hostname, port: address.port, basePath: '' });
    throw new ConfigError(
      `${PATH}.host`,
      `given for a server that listens on ${hostname}, every address of the machine (it has ${candidates.join(', ')})`,
      host,
    );
  }
  return `${protocol}//${bracketed(hostname)}:${address.port}`;
}

function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

/** An IPv6 address has more than one colon outside of brackets. */
function hasPort(host: string): boolean {
  return /^[^:]*:\d*$/.test(host) || /\]:/.test(host);
}

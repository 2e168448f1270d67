import type { ReadableStream } from 'node:stream/web';
import { MeshError } from '../core/errors.js';
import type { FacadeParts } from './facade-parts.js';
import type { CallOptions, MeshFetch, MeshRequestInit } from './fetch-types.js';
import { send } from './journey.js';
import { readyBody } from './ready-body.js';
import { isRequest, PLAIN_GET, partsOfRequest, type RequestParts, requestParts } from './request.js';
import type { Destination, ServiceDestination } from './target.js';

export type { FacadeParts } from './facade-parts.js';
export type { CallOptions, MeshBody, MeshFetch, MeshRequestInit } from './fetch-types.js';

/** `mesh.fetch`: services go into the mesh, other hosts to the runtime's own `fetch`. */
export function meshFetch(parts: FacadeParts): MeshFetch {
  const { reader } = parts;
  const fetch: MeshFetch = (input, givenInit) => {
    const init = givenInit ?? undefined;
    try {
      if (typeof input === 'string') return go(reader.read(input), input, init);
      if (!isRequest(input)) return go(reader.read(String(input)), input, init);
      return go(reader.read(input.url), input, init);
    } catch (error) {
      return Promise.reject(error);
    }
  };

  function go(destination: Destination, input: string | URL | Request, init: MeshRequestInit | undefined): Promise<Response> {
    const { target } = destination;
    if (target === undefined) return passThrough(destination.url, input, init);
    return sendReady(parts, destination, partsOf(input, init), input, init?.mesh);
  }

  function passThrough(url: URL, input: string | URL | Request, init: MeshRequestInit | undefined): Promise<Response> {
    if (init?.mesh !== undefined) {
      throw new MeshError(
        'ERR_MESH_REQUEST',
        `the option mesh has no meaning for ${url.host || url.protocol}, which is no service of this mesh`,
      );
    }
    return parts.passthrough.send(url, input, init as RequestInit | undefined);
  }

  parts.passthrough.claim(fetch);
  return fetch;
}

/** `mesh.service(name).fetch`: paths, and URLs of the service's own origin. */
export function serviceFetch(name: string, parts: FacadeParts): MeshFetch {
  const { reader } = parts;
  const base = reader.named(name);
  const fetch: MeshFetch = (input, givenInit) => {
    const init = givenInit ?? undefined;
    try {
      return sendReady(parts, reader.readWithin(base, textOf(input)), partsOf(input, init), input, init?.mesh);
    } catch (error) {
      return Promise.reject(error);
    }
  };
  parts.passthrough.claim(fetch);
  return fetch;
}

/** Sends a request; the body of a Request is read first, as far as it is there. */
function sendReady(
  parts: FacadeParts,
  { target, path, url }: ServiceDestination,
  request: RequestParts,
  input: string | URL | Request,
  options: CallOptions | undefined,
): Promise<Response> {
  const { body } = request;
  if (body === undefined || typeof input === 'string' || (input as Request).body !== body || (body as ReadableStream).locked) {
    return send(parts, target, path, url, request, options);
  }
  return readyBody(body as ReadableStream<Uint8Array>).then((ready) =>
    send(parts, target, path, url, { ...request, body: ready }, options),
  );
}

/** Any text is a path of some sort, so that of an object which is no URL has to be told from one. */
function textOf(input: string | URL | Request): string {
  if (typeof input === 'string') return input;
  if (isRequest(input)) return input.url;
  const text = String(input);
  if (!text.startsWith('[object ')) return text;
  throw new MeshError('ERR_MESH_REQUEST', `a request must be a path, a URL or a Request, got ${text}`);
}

function partsOf(input: string | URL | Request, init: MeshRequestInit | undefined): RequestParts {
  if (typeof input !== 'string' && isRequest(input)) return partsOfRequest(input, init);
  return init === undefined ? PLAIN_GET : requestParts(init);
}

import { AsyncLocalStorage } from 'node:async_hooks';
import { MeshError } from '../core/errors.js';

/**
 * The way out: hosts that are no service go to the runtime's own `fetch`, with no policy around them.
 *
 * That is the global one of this moment, so that a mock, a proxy or a tracer that was installed after the mesh
 * is met. Where the global one leads back here (it is the mesh's own, a wrapper around it, or another mesh that
 * passes on to this one) the request would go round for ever; then it goes to the one from before the mesh.
 */
export class Passthrough {
  private readonly before = globalThis.fetch;
  private readonly own = new WeakSet<object>();
  /** Set within a global fetch that was replaced: who comes here from there, at once or later, was sent from here. */
  private readonly passingOn = new AsyncLocalStorage<true>();

  constructor(private readonly unknownHosts: 'passthrough' | 'error') {}

  /** Says that `fetch` is one of the mesh's own. */
  claim(fetch: object): void {
    this.own.add(fetch);
  }

  /**
   * Sends what is not the mesh's business. `url` says where it goes.
   * @throws MeshError ERR_MESH_UNKNOWN_HOST where the mesh refuses other hosts.
   */
  send(url: URL, input: string | URL | Request, init: RequestInit | undefined): Promise<Response> {
    this.refuse(url);
    const { before, passingOn } = this;
    const current = globalThis.fetch;
    // The usual case needs no mark, and the first mark makes every promise of a process on Node 20 dearer.
    if (current === before || this.own.has(current) || passingOn.getStore() === true) return before(input, init);
    return passingOn.run(true, () => current(input, init));
  }

  /** @throws MeshError for a host, where the mesh refuses all that are no services. `data:` and the like have none. */
  private refuse(url: URL): void {
    if (this.unknownHosts === 'passthrough' || (url.protocol !== 'http:' && url.protocol !== 'https:')) return;
    throw new MeshError('ERR_MESH_UNKNOWN_HOST', `${url.host} is no service of this mesh, and unknownHosts is 'error'`);
  }
}

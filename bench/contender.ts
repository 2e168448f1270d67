/**
 * The contenders of the requests benchmark: the ways in which a Node program makes the same request. Each is a
 * file of its own in contenders/, runs in a process of its own, and is used as its documentation shows.
 */
export const CONTENDERS = [
  { file: 'mesh-fetch', name: 'mesh.fetch, standard stack' },
  { file: 'mesh-service-fetch', name: 'mesh.service().fetch, standard stack' },
  { file: 'global-fetch', name: 'global fetch' },
  { file: 'undici-request', name: 'undici.request' },
  { file: 'undici-dispatch', name: 'undici dispatch, raw handler' },
  { file: 'undici-balanced-pool', name: 'undici BalancedPool' },
  { file: 'got', name: 'got 14' },
  { file: 'axios', name: 'axios' },
  { file: 'ky', name: 'ky 1' },
  { file: 'opossum-fetch', name: 'opossum around fetch' },
  { file: 'cockatiel-fetch', name: 'cockatiel around fetch' },
] as const;

export type ContenderName = (typeof CONTENDERS)[number]['file'];

/** What a contender's file exports as `contender`. */
export interface Contender {
  /** Makes the request, `GET /items/42`, and resolves with the JSON of its answer. */
  get(): Promise<unknown>;
}

/** What makes a contender of the endpoints' URLs. */
export type MakeContender = (urls: readonly string[]) => Contender | Promise<Contender>;

export const PATH = '/items/42';

/** The endpoints' URLs in turn: what stands in for balancing where a contender has none. */
export function inTurn(urls: readonly string[]): () => string {
  let next = 0;
  return () => {
    next = next === urls.length - 1 ? 0 : next + 1;
    return urls[next] as string;
  };
}

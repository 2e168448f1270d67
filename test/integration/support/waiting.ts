import { getEventListeners } from 'node:events';
import type { Mesh } from '../../../src/index.js';

/** What is awaited, but not for ever: a test that waits for something that never comes fails here and says so. */
export function soon<T>(promise: Promise<T>, what: string, limitMs = 10_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not happen within ${limitMs} ms`)), limitMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Resolves when `condition` holds, or fails after a while. */
export async function until(condition: () => boolean, what: string, limitMs = 10_000): Promise<void> {
  const startMs = performance.now();
  while (!condition()) {
    if (performance.now() - startMs > limitMs) throw new Error(`${what} did not happen within ${limitMs} ms`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Calls of the service that are under way, bodies included. */
export function active(mesh: Mesh, service = 'users'): number | undefined {
  return mesh.inspect().services[service]?.active;
}

/** Resolves once no call of the service is under way. */
export function quiet(mesh: Mesh, service = 'users'): Promise<void> {
  return until(() => active(mesh, service) === 0, 'the end of all calls');
}

/** How many listen to an abort. */
export function listeners(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

/** A promise that somebody else settles. */
export function signalled<T = void>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/**
 * Parts of undici by file. Its main entry installs a dispatcher for the built-in fetch as a side effect, and
 * loads three times as much; these files do neither.
 */
declare module 'undici/lib/dispatcher/client.js' {
  export { Client as default } from 'undici';
}
declare module 'undici/lib/dispatcher/dispatcher.js' {
  export { Dispatcher as default } from 'undici';
}
declare module 'undici/lib/core/connect.js' {
  export { buildConnector as default } from 'undici';
}
declare module 'undici/lib/handler/unwrap-handler.js' {
  import type { Dispatcher } from 'undici';

  /** Gives a handler of either protocol the older one's methods. */
  const UnwrapHandler: { unwrap(handler: Dispatcher.DispatchHandler): Required<Dispatcher.DispatchHandler> };
  export default UnwrapHandler;
}
declare module 'undici/lib/api/index.js' {
  import type { Dispatcher } from 'undici';

  /** `request`, `stream` and the rest, which the main entry puts on every dispatcher. */
  const api: Pick<Dispatcher, 'request' | 'stream' | 'pipeline' | 'upgrade' | 'connect'>;
  export default api;
}
declare module 'undici/lib/core/util.js' {
  export function serializePathWithQuery(path: string, query: object): string;
}
declare module 'undici/lib/core/errors.js' {
  import { errors } from 'undici';

  export const ClientDestroyedError: typeof errors.ClientDestroyedError;
  export const RequestAbortedError: typeof errors.RequestAbortedError;
}

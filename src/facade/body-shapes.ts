/**
 * What a request body is, told by its shape.
 *
 * There are several classes of each name in one process: the runtime's, undici's own, ponyfills. By class the
 * built-in fetch takes a foreign FormData for no FormData and sends the text "[object FormData]" with status
 * 200; by shape they are all the same.
 */

/** A Blob or File of any realm. */
export interface BlobLike {
  readonly size: number;
  readonly type: string;
  readonly name?: unknown;
  stream(): unknown;
}

/** A FormData of any realm. */
export interface FormDataLike {
  entries(): Iterable<readonly [string, unknown]>;
}

/** A ReadableStream of any realm. */
export interface StreamLike {
  readonly locked: boolean;
  getReader(): StreamReader;
}

export interface StreamReader {
  read(): Promise<{ readonly done: boolean; readonly value?: unknown }>;
  cancel(reason: unknown): Promise<void>;
}

/** A Node stream that can be read. */
export interface NodeReadable extends AsyncIterable<unknown> {
  on(event: 'error', listener: (error: unknown) => void): unknown;
  destroy(): unknown;
}

export function isBlob(value: object): value is BlobLike {
  const tag = tagOf(value);
  return (tag === 'Blob' || tag === 'File') && hasMethod(value, 'stream');
}

export function isFormData(value: object): value is FormDataLike {
  return tagOf(value) === 'FormData' && hasMethod(value, 'entries');
}

export function isSearchParams(value: object): boolean {
  return tagOf(value) === 'URLSearchParams';
}

export function isStream(value: object): value is StreamLike {
  return hasMethod(value, 'getReader') && 'locked' in value;
}

export function isAsyncIterable(value: object): value is AsyncIterable<unknown> {
  return Symbol.asyncIterator in value && typeof value[Symbol.asyncIterator] === 'function';
}

export function isNodeReadable(value: object): value is NodeReadable {
  return isAsyncIterable(value) && hasMethod(value, 'destroy') && hasMethod(value, 'on');
}

function tagOf(value: object): unknown {
  return (value as { readonly [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
}

function hasMethod(value: object, name: string): boolean {
  return typeof (value as Readonly<Record<string, unknown>>)[name] === 'function';
}

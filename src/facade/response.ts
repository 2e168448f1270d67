import type { ReadableStream } from 'node:stream/web';
import { type InspectOptions, inspect } from 'node:util';
import type { Reply } from '../core/reply.js';
import { type Convert, toArrayBuffer, toBytes, toJson, toText } from './body-readers.js';
import { ResponseBody } from './response-body.js';
import { replyHeaders } from './response-headers.js';

/**
 * The answer to `mesh.fetch`: a real `Response`, made lazily.
 *
 * The built-in fetch spends five to eight times the work of the bytes themselves on streams, header lists and
 * promises that most callers never look at. This one keeps the reply as it came and makes of it what is asked
 * for. It extends the runtime's class over an empty response (0.3 microseconds), so that `instanceof`,
 * `new Response(res.body, res)`, WebAssembly and whatever else looks behind the prototype take it for one, and
 * overrides all that the class has; a bare prototype would not pass, since the class has private fields.
 *
 * Differences from the built-in one: `Response.prototype.text.call(res)` reads the empty response underneath.
 */
/** An answer. The types of Node 20 do not know `bytes` yet. */
export interface MeshResponse extends Response {
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
}

/** The class of the answers. */
export interface MeshResponseClass {
  readonly prototype: MeshResponse;
  /**
   * @param method of the request: a HEAD has no body, whatever the headers say.
   */
  new (reply: Reply, url: string, redirected: boolean, method?: string): MeshResponse;
}

let known: MeshResponseClass | undefined;

/** The class, made at its first use: to touch `Response` loads the runtime's fetch, which importing this must not do. */
export function meshResponseClass(): MeshResponseClass {
  known ??= defineMeshResponse();
  return known;
}

function defineMeshResponse(): MeshResponseClass {
  return class MeshResponse extends (Response as unknown as new (body: null) => object) implements Response {
    readonly #reply: Reply;
    readonly #url: string;
    readonly #redirected: boolean;
    readonly #body: ResponseBody | null;
    #headers: Headers | undefined = undefined;

    /**
     * @param method of the request: a HEAD has no body, whatever the headers say.
     * @param body of a clone; else it is that of the reply.
     */
    constructor(reply: Reply, url: string, redirected: boolean, method = 'GET', body?: ResponseBody | null) {
      super(null);
      this.#reply = reply;
      this.#url = url;
      this.#redirected = redirected;
      if (body !== undefined) {
        this.#body = body;
      } else if (method === 'HEAD' || isNullBodyStatus(reply.status)) {
        this.#body = null;
        // Nothing will come, and the connection is to live; a server that sends something all the same is cut off.
        reply.discard();
      } else {
        this.#body = new ResponseBody(reply);
      }
    }

    get status(): number {
      return this.#reply.status;
    }

    get ok(): boolean {
      const { status } = this.#reply;
      return status >= 200 && status < 300;
    }

    get statusText(): string {
      return this.#reply.statusText;
    }

    /** Without the fragment, as every response has it. */
    get url(): string {
      const url = this.#url;
      const fragment = url.indexOf('#');
      return fragment < 0 ? url : url.slice(0, fragment);
    }

    get redirected(): boolean {
      return this.#redirected;
    }

    get type(): 'basic' {
      return 'basic';
    }

    get headers(): Headers {
      this.#headers ??= replyHeaders(this.#reply.rawHeaders);
      return this.#headers;
    }

    get body(): ReadableStream<Uint8Array> | null {
      return this.#body === null ? null : this.#body.openStream();
    }

    get bodyUsed(): boolean {
      return this.#body?.used ?? false;
    }

    json(): Promise<unknown> {
      return MeshResponse.#read(this, toJson);
    }

    text(): Promise<string> {
      return MeshResponse.#read(this, toText);
    }

    arrayBuffer(): Promise<ArrayBuffer> {
      return MeshResponse.#read(this, toArrayBuffer);
    }

    bytes(): Promise<Uint8Array<ArrayBuffer>> {
      return MeshResponse.#read(this, toBytes);
    }

    blob(): Promise<Blob> {
      return MeshResponse.#readByPlatform(this, (response) => response.blob());
    }

    formData(): Promise<FormData> {
      return MeshResponse.#readByPlatform(this, (response) => response.formData());
    }

    clone(): Response {
      const body = this.#body;
      if (body?.unusable === true) throw new TypeError('Response.clone: Body has already been consumed.');
      return new MeshResponse(this.#reply, this.#url, this.#redirected, 'GET', body === null ? null : body.clone());
    }

    get [Symbol.toStringTag](): string {
      return 'Response';
    }

    /** What the console shows. It leaves the body alone. */
    [inspect.custom](_depth: number | null, options: InspectOptions): string {
      const { status, statusText, headers, bodyUsed, ok, redirected, type, url } = this;
      const body = this.#body === null ? null : (this.#body.openedStream ?? NOT_OPENED);
      return `Response ${inspect({ status, statusText, headers, body, bodyUsed, ok, redirected, type, url }, options)}`;
    }

    /** Reads the body to its end. A method that was taken off its response rejects, as all that return promises do. */
    static #read<T>(response: MeshResponse, convert: Convert<T>): Promise<T> {
      if (!isObject(response) || !(#body in response)) return Promise.reject(new TypeError('Illegal invocation'));
      if (response.#body !== null) return response.#body.read(convert);
      try {
        return Promise.resolve(convert(EMPTY, false));
      } catch (error) {
        return Promise.reject(error);
      }
    }

    /** For what only the platform knows how to make of bytes and a content type. */
    static async #readByPlatform<T>(response: MeshResponse, make: (platform: Response) => Promise<T>): Promise<T> {
      const bytes = await MeshResponse.#read(response, (all) => all);
      const contentType = response.headers.get('content-type');
      return make(
        new Response(response.#body === null ? null : bytes, contentType === null ? {} : { headers: { 'content-type': contentType } }),
      );
    }

    static {
      const own = MeshResponse.prototype;
      const platform = ({ body, headers }: MeshResponse) => new Response(body, { headers });
      for (const key of Reflect.ownKeys(Response.prototype)) {
        const descriptor = Object.getOwnPropertyDescriptor(Response.prototype, key) as PropertyDescriptor;
        const method: unknown = descriptor.value;
        if (Object.hasOwn(own, key)) {
          // A `for in` finds what it finds in the built-in one.
          Object.defineProperty(own, key, { enumerable: descriptor.enumerable === true });
        } else if (typeof method === 'function') {
          // What a later Node adds works at once, if by the longer way of a platform response.
          const value = function (this: MeshResponse, ...args: unknown[]): unknown {
            return Reflect.apply(method, platform(this), args);
          };
          Object.defineProperty(own, key, { ...descriptor, value });
        } else {
          const get = function (this: MeshResponse): unknown {
            return Reflect.get(platform(this), key);
          };
          Object.defineProperty(own, key, { get, configurable: true, enumerable: descriptor.enumerable === true });
        }
      }
    }
  };
}

const EMPTY = Buffer.alloc(0);

const NOT_OPENED = { [inspect.custom]: () => '<not read yet>' };

/** Statuses whose answers have no body (Fetch standard, "null body status"). */
function isNullBodyStatus(status: number): boolean {
  return status === 204 || status === 304 || status === 205 || status === 101;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

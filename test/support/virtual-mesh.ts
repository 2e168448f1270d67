import { createMesh, type Mesh, MeshError, type MeshOptions } from '../../src/index.js';
import {
  type MockRegistry,
  type MockScript,
  type MockTransport,
  mockRegistry,
  mockTransport,
  seededRandom,
  VirtualClock,
} from '../../src/testing/index.js';

/** A whole mesh in virtual time: a registry, a far end without sockets, seeded chance. */
export interface VirtualMesh {
  readonly mesh: Mesh;
  readonly clock: VirtualClock;
  readonly registry: MockRegistry;
  readonly far: MockTransport;
}

export interface VirtualMeshOptions extends Omit<MeshOptions, 'discovery' | 'clock' | 'random' | 'transport'> {
  /** How many endpoints `users` has, `http://10.0.0.1:80` and on. Default 3. */
  readonly endpoints?: number;
  readonly scripts?: Readonly<Record<string, MockScript>>;
  readonly seed?: number;
  readonly registry?: MockRegistry;
}

/** The address of the nth endpoint, from 1. */
export function address(nth: number): string {
  return `http://10.0.0.${nth}:80`;
}

export function virtualMesh({ endpoints = 3, scripts = {}, seed = 1, registry, ...options }: VirtualMeshOptions = {}): VirtualMesh {
  const clock = new VirtualClock();
  const far = mockTransport(scripts);
  const source = registry ?? mockRegistry({ users: Array.from({ length: endpoints }, (_, index) => address(index + 1)) });
  const mesh = createMesh({ ...options, discovery: source, clock, random: seededRandom(seed), transport: far });
  return { mesh, clock, registry: source, far };
}

/** What became of a call by now. */
export class Watched {
  state: 'waiting' | 'answered' | 'failed' = 'waiting';
  private result: unknown = undefined;

  constructor(promise: Promise<Response>) {
    promise.then(
      (response) => {
        this.state = 'answered';
        this.result = response;
      },
      (error) => {
        this.state = 'failed';
        this.result = error;
      },
    );
  }

  get response(): Response {
    if (this.state !== 'answered') throw new Error(`there is no answer: ${this.state}`, { cause: this.result });
    return this.result as Response;
  }

  /** Whatever the caller got, if it failed. */
  get reason(): unknown {
    if (this.state !== 'failed') throw new Error(`there is no error: ${this.state}`);
    return this.result;
  }

  /** The MeshError that the caller got. */
  get error(): MeshError {
    const { reason } = this;
    if (!(reason instanceof MeshError)) throw new Error(`the caller got no MeshError: ${String(reason)}`, { cause: reason });
    return reason;
  }
}

export function watched(promise: Promise<Response>): Watched {
  return new Watched(promise);
}

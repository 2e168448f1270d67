import type { DiscoveryHost, DiscoverySink, InstanceInput } from '../../core/discovery.js';
import { UnknownServiceError } from '../../core/errors.js';
import type { ServiceChanges } from './application-table.js';
import { SOURCE } from './eureka-api.js';
import type { RegisteredInstance } from './registered-instance.js';

/** One service that a mesh watches: what it was told, and in which words. */
export class ServiceWatch {
  /** The name as the registry has it. */
  readonly key: string;
  /** Only a `listed` service can be told of changes. A failure makes it wait again: what comes after it is a list. */
  state: 'waiting' | 'listed' | 'unknown' = 'waiting';
  /** What was last reported of the instances that cannot be used, by their id. */
  private reported: ReadonlyMap<string, string> = new Map();
  private reporting = new Map<string, string>();
  /** Whether the mesh ever had a list. */
  wasListed = false;

  constructor(
    readonly service: string,
    private readonly sink: DiscoverySink,
    readonly host: DiscoveryHost,
  ) {
    this.key = service.toUpperCase();
  }

  /** Tells the whole list. It was asked for, so that it may be doubted. */
  list(instances: readonly RegisteredInstance[]): void {
    const usable: InstanceInput[] = [];
    // What the list does not repeat is mended.
    this.reported = this.reporting;
    this.reporting = new Map();
    for (const instance of instances) {
      if (instance.input !== undefined) usable.push(instance.input);
      this.report(instance.id, instance);
    }
    this.state = 'listed';
    this.wasListed = true;
    this.sink.snapshot(usable);
  }

  /** Tells what became of instances; with none, that the list stands. */
  change(changes: ServiceChanges): void {
    this.reported = this.reporting;
    const upsert: InstanceInput[] = [];
    const remove: string[] = [];
    for (const [id, instance] of changes) {
      if (instance?.input !== undefined) upsert.push(instance.input);
      else remove.push(id);
      this.report(id, instance);
    }
    this.sink.patch({ upsert, remove });
  }

  unknown(): void {
    this.state = 'unknown';
    this.sink.failed(new UnknownServiceError(this.service, SOURCE));
  }

  failed(error: unknown): void {
    this.state = 'waiting';
    this.sink.failed(error);
  }

  /** Reports an instance that cannot be used, once for as long as the reason is the same. */
  private report(id: string, instance: RegisteredInstance | undefined): void {
    const problem = instance?.problem;
    if (problem === undefined) {
      this.reporting.delete(id);
      return;
    }
    const isNew = this.reported.get(id) !== problem;
    this.reporting.set(id, problem);
    if (isNew) this.host.skipped(this.service, id, problem);
  }
}

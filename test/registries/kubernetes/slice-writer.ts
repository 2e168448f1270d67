import { isIP } from 'node:net';
import type { Kubernetes } from '../servers/kubernetes.js';
import type { EnteredInstance } from '../support/registry-under-test.js';

/** The most endpoints that the controller puts into a slice. */
const SLICE_SIZE = 100;
/** How many slices are written at a time where many are. */
const AT_A_TIME = 8;

const API = '/apis/discovery.k8s.io/v1/namespaces';

interface Slice {
  readonly name: string;
  readonly group: string;
  readonly instances: Map<string, EnteredInstance>;
  isWritten: boolean;
  /** One write of a slice at a time, or an earlier one could come last. */
  lastWrite: Promise<unknown>;
  /** The write that waits for the one under way, and will write the slice as it is then. */
  nextWrite: Promise<boolean> | undefined;
}

/**
 * Does the work of Kubernetes' EndpointSlice controller, for which there would have to be pods: keeps the slices of
 * services, each with endpoints of one address type and one port.
 */
export class SliceWriter {
  private readonly services = new Map<string, Slice[]>();
  private counter = 0;

  constructor(
    private readonly kubernetes: Kubernetes,
    private readonly namespace = 'default',
  ) {}

  async put(service: string, instance: EnteredInstance): Promise<void> {
    const slices = this.slicesOf(service);
    const group = groupOf(instance);
    const before = slices.find(({ instances }) => instances.has(instance.id));
    const target = before?.group === group ? before : slices.find((each) => each.group === group && each.instances.size < SLICE_SIZE);
    const slice = target ?? this.newSlice(service, group);
    slice.instances.set(instance.id, instance);
    if (!(await this.write(service, slice))) {
      // The server came back without its data.
      this.services.delete(service);
      return await this.put(service, instance);
    }
    if (before !== undefined && before !== slice) await this.drop(service, before, instance.id);
  }

  async putMany(service: string, instances: readonly EnteredInstance[]): Promise<void> {
    const touched = new Set<Slice>();
    const open = new Map<string, Slice>();
    for (const instance of instances) {
      const group = groupOf(instance);
      let slice = open.get(group);
      if (slice === undefined || slice.instances.size >= SLICE_SIZE) {
        slice = this.newSlice(service, group);
        open.set(group, slice);
      }
      slice.instances.set(instance.id, instance);
      touched.add(slice);
    }
    const waiting = [...touched];
    const work = async (): Promise<void> => {
      for (let slice = waiting.pop(); slice !== undefined; slice = waiting.pop()) await this.write(service, slice);
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
  }

  async remove(service: string, id: string): Promise<void> {
    const slice = this.slicesOf(service).find(({ instances }) => instances.has(id));
    if (slice !== undefined) await this.drop(service, slice, id);
  }

  /** The ids that the server has for a service. */
  async entries(service: string): Promise<string[]> {
    const query = new URLSearchParams({ labelSelector: `kubernetes.io/service-name=${service}` });
    const { items } = (await this.kubernetes.call(`${API}/${this.namespace}/endpointslices?${query}`)) as {
      items: { endpoints: { targetRef?: { uid: string } }[] | null }[];
    };
    return items.flatMap(({ endpoints }) => (endpoints ?? []).map(({ targetRef }) => targetRef?.uid ?? ''));
  }

  /** Writes a slice as it is given. Returns its name. */
  async post(service: string, body: Record<string, unknown>): Promise<string> {
    const name = `${service}-${++this.counter}`;
    const metadata = { name, labels: { 'kubernetes.io/service-name': service } };
    await this.kubernetes.call(`${API}/${this.namespace}/endpointslices`, { body: { metadata, ...body } });
    return name;
  }

  async replace(service: string, name: string, body: Record<string, unknown>): Promise<void> {
    const metadata = { name, labels: { 'kubernetes.io/service-name': service } };
    await this.kubernetes.call(`${API}/${this.namespace}/endpointslices/${name}`, { method: 'PUT', body: { metadata, ...body } });
  }

  async delete(name: string): Promise<void> {
    await this.kubernetes.call(`${API}/${this.namespace}/endpointslices/${name}`, { method: 'DELETE' });
  }

  private slicesOf(service: string): Slice[] {
    let slices = this.services.get(service);
    if (slices === undefined) {
      slices = [];
      this.services.set(service, slices);
    }
    return slices;
  }

  private newSlice(service: string, group: string): Slice {
    const name = `${service}-${++this.counter}`;
    const slice: Slice = {
      name,
      group,
      instances: new Map<string, EnteredInstance>(),
      isWritten: false,
      lastWrite: Promise.resolve(),
      nextWrite: undefined,
    };
    this.slicesOf(service).push(slice);
    return slice;
  }

  /** The controller, too, leaves an empty slice. */
  private async drop(service: string, slice: Slice, id: string): Promise<void> {
    slice.instances.delete(id);
    await this.write(service, slice);
  }

  /** False if the server does not have the slice that it had. */
  private write(service: string, slice: Slice): Promise<boolean> {
    slice.nextWrite ??= this.writeNext(service, slice);
    return slice.nextWrite;
  }

  private writeNext(service: string, slice: Slice): Promise<boolean> {
    const write = slice.lastWrite.then(() => {
      slice.nextWrite = undefined;
      return this.writeNow(service, slice);
    });
    slice.lastWrite = write.catch(() => {});
    return write;
  }

  private async writeNow(service: string, slice: Slice): Promise<boolean> {
    const metadata = { name: slice.name, labels: { 'kubernetes.io/service-name': service } };
    const body = { metadata, ...bodyOf(slice) };
    const path = `${API}/${this.namespace}/endpointslices`;
    if (!slice.isWritten) {
      await this.kubernetes.call(path, { body });
      slice.isWritten = true;
      return true;
    }
    try {
      await this.kubernetes.call(`${path}/${slice.name}`, { method: 'PUT', body });
      return true;
    } catch (error) {
      if (error instanceof Error && error.message.includes(': 404 ')) return false;
      throw error;
    }
  }
}

/** What the endpoints of one slice have in common. */
function groupOf({ url }: EnteredInstance): string {
  const { protocol, hostname, port } = new URL(url);
  return [addressTypeOf(hostname), protocol.slice(0, -1), port || (protocol === 'https:' ? '443' : '80')].join(' ');
}

/** The API server refuses loopback addresses, but not as names. */
function addressTypeOf(hostname: string): string {
  const host = hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) === 6) return 'IPv6';
  return isIP(host) === 4 && !host.startsWith('127.') ? 'IPv4' : 'FQDN';
}

function bodyOf({ group, instances }: Slice): Record<string, unknown> {
  const [addressType, protocol = '', port] = group.split(' ');
  return {
    addressType,
    ports: [{ name: protocol, port: Number(port), protocol: 'TCP' }],
    endpoints: [...instances.values()].map(({ id, url, zone }) => ({
      addresses: [new URL(url).hostname.replace(/^\[|\]$/g, '')],
      conditions: { ready: true },
      // A pod's name would become metadata, and nobody entered any.
      targetRef: { kind: 'Instance', name: id, uid: id },
      ...(zone !== undefined && { zone }),
    })),
  };
}

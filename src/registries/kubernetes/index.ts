/**
 * A Kubernetes cluster's EndpointSlices as a source of endpoints.
 *
 * @packageDocumentation
 */
import type { Discovery, DiscoveryHost, DiscoverySink, Stop } from '../../core/discovery.js';
import { UnknownServiceError } from '../../core/errors.js';
import { ServerLiveness } from '../server-liveness.js';
import { SOURCE } from './access.js';
import { checkedSettings, type KubernetesDiscoveryOptions, type KubernetesSettings } from './options.js';
import { addressOfService } from './service-address.js';
import { ServiceWatch } from './service-watch.js';
import { SliceApi } from './slice-api.js';

export { RegistryError } from '../registry-error.js';
export type { KubernetesDiscoveryOptions } from './options.js';
export type { KubernetesServiceOptions } from './service-address.js';

/**
 * Finds services of a Kubernetes cluster by their EndpointSlices: one list, then one watch for each service. Endpoints
 * are those of the pods, so requests go past the cluster address and kube-proxy.
 *
 * Nothing can be announced: in Kubernetes the slices follow from the pods and their readiness probes.
 *
 * @throws ConfigError for a wrong option, or where no API server is given and none can be found.
 * @example
 * // In a pod whose service account may list and watch endpointslices:
 * const mesh = createMesh({ discovery: kubernetesDiscovery({ namespace: 'shop' }) });
 * await mesh.fetch('http://users/42');
 */
export function kubernetesDiscovery(options: KubernetesDiscoveryOptions = {}): Discovery {
  return new KubernetesDiscovery(checkedSettings(options));
}

/** What all watches share. */
interface Shared {
  readonly api: SliceApi;
  readonly liveness: ServerLiveness;
}

class KubernetesDiscovery implements Discovery {
  readonly name = SOURCE;
  private readonly watches = new Set<ServiceWatch>();
  private shared: Shared | undefined = undefined;

  constructor(private readonly settings: KubernetesSettings) {}

  declares(service: string): boolean {
    return Object.hasOwn(this.settings.services, service);
  }

  watch(service: string, sink: DiscoverySink, host: DiscoveryHost): Stop {
    const { services, reading } = this.settings;
    const address = addressOfService(service, services);
    if (address === undefined) {
      sink.failed(new UnknownServiceError(service, SOURCE));
      return () => {};
    }
    this.shared ??= this.share(host);
    const watch = new ServiceWatch({
      ...this.shared,
      service,
      target: address.target,
      reading: address.port === undefined ? reading : { ...reading, port: address.port },
      sink,
      host,
    });
    this.watches.add(watch);
    watch.start();
    return () => {
      watch.stop();
      this.watches.delete(watch);
    };
  }

  close(): void {
    for (const watch of this.watches) watch.stop();
    this.watches.clear();
    this.shared?.liveness.stop();
    this.settings.access.close();
    this.shared = undefined;
  }

  private share(host: DiscoveryHost): Shared {
    const { access, livenessMs, requestTimeoutMs } = this.settings;
    const api = new SliceApi(access, host.clock, requestTimeoutMs);
    return { api, liveness: new ServerLiveness(host, livenessMs, (_server, _watcher, signal) => api.probe(signal)) };
  }
}

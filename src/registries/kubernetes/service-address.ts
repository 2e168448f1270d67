import type { PortChoice } from './port-choice.js';
import type { Target } from './slice-api.js';

/** A service that goes by another name in the mesh than in the cluster, or by another port. */
export interface KubernetesServiceOptions {
  /** Its name in the cluster. Default: its name in the mesh. */
  readonly name?: string | undefined;
  /** Its namespace. Default: the source's. */
  readonly namespace?: string | undefined;
  /** Its port, by name or number. Default: the source's. */
  readonly port?: string | number | undefined;
}

/** RFC 1123 label: what the names of services and namespaces have to be. */
export const LABEL = /^[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/;

/**
 * Which service of which namespace a name stands for: `users`, `users.shop`, and what cluster DNS has for it
 * (`users.shop.svc`, `users.shop.svc.cluster.local`). Undefined for what can be no service of Kubernetes.
 */
export function addressOfService(
  service: string,
  services: Readonly<Record<string, KubernetesServiceOptions>>,
): { readonly target: Target; readonly port: PortChoice } | undefined {
  const given = Object.hasOwn(services, service) ? services[service] : undefined;
  const [name = '', namespace, kind] =
    given?.name === undefined && given?.namespace === undefined ? service.split('.') : [given.name ?? service, given.namespace];
  if (kind !== undefined && kind !== 'svc') return undefined;
  if (!LABEL.test(name) || (namespace !== undefined && !LABEL.test(namespace))) return undefined;
  return { target: { name, namespace }, port: given?.port };
}

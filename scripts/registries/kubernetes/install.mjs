// Kubernetes' API server, from its Go module. It stores what it has in etcd.
import { install as installEtcd } from '../etcd/install.mjs';
import { buildGo } from '../tools/go.mjs';

export async function install() {
  const installed = await installEtcd();
  const built = await buildGo('kubernetes', new URL('./', import.meta.url), 'k8s.io/kubernetes/cmd/kube-apiserver');
  return installed || built;
}

// etcd, from Debian.
import { installPackages } from '../tools/apt.mjs';

export const install = () => installPackages(['etcd-server', 'etcd-client'], ['etcd', 'etcdctl']);

// HashiCorp Consul, from its Go module.
import { buildGo } from '../tools/go.mjs';

export const install = () => buildGo('consul', new URL('./', import.meta.url), 'github.com/hashicorp/consul');

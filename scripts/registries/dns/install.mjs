// The DNS servers BIND and dnsmasq, and dig, from Debian.
import { installPackages } from '../tools/apt.mjs';

export const install = () => installPackages(['bind9', 'dnsmasq', 'dnsutils'], ['named', 'dnsmasq', 'dig']);

// Apache ZooKeeper, from Debian.
import { installPackages } from '../tools/apt.mjs';
import { requireCommand } from '../tools/command.mjs';

export async function install() {
  const installed = await installPackages(['zookeeper'], ['zookeeper']);
  requireCommand('java', "ZooKeeper runs on Java, which is not on this machine: run 'apt-get install openjdk-17-jre-headless'.");
  return installed;
}

// A Eureka server: Spring Cloud's, in the small application of src/.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildOnce } from '../tools/cache.mjs';
import { requireCommand, run } from '../tools/command.mjs';

const here = fileURLToPath(new URL('./', import.meta.url));
const RECIPE = ['pom.xml', 'src/main/java/registries/EurekaServer.java'].map((file) => here + file);

export async function install() {
  requireCommand('java', "Eureka runs on Java 17 or later, which is not on this machine: run 'apt-get install openjdk-17-jdk-headless'.");
  return buildOnce('eureka', RECIPE, async (output) => {
    requireCommand('mvn', "Eureka's server is built with Maven, which is not on this machine: run 'apt-get install maven'.");
    requireCommand('javac', "Eureka's server is built with a JDK, not on this machine: run 'apt-get install openjdk-17-jdk-headless'.");
    const folder = mkdtempSync(join(tmpdir(), 'fetchmesh-eureka-'));
    try {
      await run('mvn', ['--batch-mode', '--quiet', '-f', `${here}pom.xml`, `-Doutput.folder=${folder}`, 'package']);
      copyFileSync(join(folder, 'eureka-server.jar'), output);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

// A Eureka server: Spring Cloud's, in the small application of src/.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildOnce, programPath } from '../tools/cache.mjs';
import { requireCommand, run } from '../tools/command.mjs';

const here = fileURLToPath(new URL('./', import.meta.url));
const RECIPE = ['pom.xml', 'src/main/java/registries/EurekaServer.java', 'install.mjs'].map((file) => here + file);

export async function install() {
  requireCommand('java', "Eureka runs on Java 17 or later, which is not on this machine: run 'apt-get install openjdk-17-jdk-headless'.");
  return buildOnce(dirname(programPath('eureka')), RECIPE, async (output) => {
    requireCommand('mvn', "Eureka's server is built with Maven, which is not on this machine: run 'apt-get install maven'.");
    requireCommand('javac', "Eureka's server is built with a JDK, not on this machine: run 'apt-get install openjdk-17-jdk-headless'.");
    const folder = mkdtempSync(join(tmpdir(), 'fetchmesh-eureka-'));
    try {
      await run('mvn', ['--batch-mode', '--quiet', '-f', `${here}pom.xml`, `-Doutput.folder=${folder}`, 'package']);
      await run('java', ['-Djarmode=tools', '-jar', join(folder, 'eureka-server.jar'), 'extract', '--destination', output]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    await archiveClasses(output);
  });
}

/** Starts the server as far as it is set up, and keeps its classes as the machine has them then: the next start is faster. */
function archiveClasses(folder) {
  const machine = [
    '-XX:ArchiveClassesAtExit=classes.jsa',
    '-XX:TieredStopAtLevel=1',
    '-XX:+UseSerialGC',
    '-Dspring.context.exit=onRefresh',
  ];
  const settings = ['--server.port=0', '--server.address=127.0.0.1', '--eureka.client.register-with-eureka=false'];
  return run('java', [...machine, '-jar', 'eureka-server.jar', ...settings, '--eureka.client.fetch-registry=false'], { cwd: folder });
}

// Installs the real registry servers that tests and `npm run registries` use, those that are not there yet:
//     node scripts/registries/install.mjs            all of them
//     node scripts/registries/install.mjs consul     the named ones
// Debian's packages go into the system, what is built goes into .cache/registries/. One line each says what was done.
import { fileURLToPath } from 'node:url';

export const NAMES = ['etcd', 'zookeeper', 'dns', 'consul', 'kubernetes', 'eureka'];

/** The Go compiler takes all cores: these wait for one another, and the rest runs beside them. */
const TAKES_ALL_CORES = ['consul', 'kubernetes'];

/** Installs what is missing. Throws when one of them failed, after all have ended. */
export async function installServers(names, report = console.log) {
  const unknown = names.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) throw new Error(`there is no registry '${unknown}': the names are ${NAMES.join(', ')}`);
  const failures = [];
  const installOne = async (name) => {
    const start = Date.now();
    try {
      const { install } = await import(new URL(`${name}/install.mjs`, import.meta.url).href);
      report(`${name}: ${(await install()) ? `built in ${Math.round((Date.now() - start) / 1000)} s` : 'present'}`);
    } catch (error) {
      report(`${name}: failed. ${error.message}`);
      failures.push(name);
    }
  };
  const oneByOne = async (list) => {
    for (const name of list) await installOne(name);
  };
  const large = names.filter((name) => TAKES_ALL_CORES.includes(name));
  const rest = names.filter((name) => !TAKES_ALL_CORES.includes(name));
  await Promise.all([oneByOne(large), ...rest.map(installOne)]);
  if (failures.length > 0) throw new Error(`not installed: ${failures.join(', ')}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = process.argv.slice(2);
  await installServers(names.length > 0 ? names : NAMES).catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}

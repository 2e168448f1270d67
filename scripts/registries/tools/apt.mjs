// Installs Debian's packages, without starting the services that they bring.
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { programPath } from './cache.mjs';
import { requireCommand, run } from './command.mjs';

/** Debian's scripts ask this file before they start a service; 101 forbids it. */
const POLICY = '/usr/sbin/policy-rc.d';

/** One at a time: apt holds a lock. */
let last = Promise.resolve();

/** Installs `packages` unless all of `programs` are there. Returns whether there was something to do. */
export function installPackages(packages, programs) {
  const task = last.then(() => install(packages, programs));
  last = task.catch(() => {});
  return task;
}

async function install(packages, programs) {
  if (programs.every((program) => existsSync(programPath(program)))) return false;
  const command = `apt-get install ${packages.join(' ')}`;
  requireCommand('apt-get', `${packages.join(', ')} come from Debian's packages, and this machine has no apt-get: install them by hand.`);
  if (process.getuid?.() !== 0) throw new Error(`apt-get works for root only: run 'sudo ${command}'.`);
  await updateOnce();
  await withoutServices(() => run('apt-get', [...WAIT_FOR_LOCK, 'install', '-y', '--no-install-recommends', ...packages], { env: QUIET }));
  const missing = programs.find((program) => !existsSync(programPath(program)));
  if (missing !== undefined) throw new Error(`'${command}' succeeded, yet ${programPath(missing)} is not there.`);
  return true;
}

const QUIET = { DEBIAN_FRONTEND: 'noninteractive' };
const WAIT_FOR_LOCK = ['-o', 'DPkg::Lock::Timeout=600'];

let updated;
function updateOnce() {
  updated ??= run('apt-get', [...WAIT_FOR_LOCK, 'update'], { env: QUIET });
  return updated;
}

async function withoutServices(task) {
  if (existsSync(POLICY)) return task();
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n');
  chmodSync(POLICY, 0o755);
  try {
    return await task();
  } finally {
    rmSync(POLICY, { force: true });
  }
}

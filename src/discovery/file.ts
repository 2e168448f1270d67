import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Discovery } from '../core/discovery.js';
import { ConfigError } from '../core/errors.js';
import { durationMs, knownKeys, trueOrFalse } from '../core/options-check.js';
import { parserFor } from './file-format.js';
import { InstanceFolder } from './instance-folder.js';
import { ServiceFile } from './service-file.js';

/** Where endpoints are written down, and how they are kept up to date. */
export interface FileDiscoveryOptions {
  /** A JSON or YAML file, or a folder of instance files. Relative to the working directory. */
  readonly path: string;
  /**
   * For a folder: how long an announced instance counts as alive without a sign of life, in milliseconds. Above
   * 0; default 10,000. Each file carries its own, so processes may differ in it.
   */
  readonly leaseMs?: number | undefined;
  /** How often to look for changes that the system does not tell of, in milliseconds. Above 0; default 2,000. */
  readonly pollMs?: number | undefined;
  /** For a folder: whether an announced instance keeps the process alive. Default false. */
  readonly keepAlive?: boolean | undefined;
}

const PATH = 'fileDiscovery';

/**
 * A source in the file system, watched for changes.
 *
 * A file has the endpoints of each service, `{ "users": ["http://10.0.0.1:8080", { "url": "...", "weight": 2 }] }`
 * in JSON, or the same in YAML (by the file's ending; needs the package `yaml`).
 *
 * A folder is a registry: instances announce themselves in it (`mesh.announce`), and processes that share the
 * folder find each other without a server. A path that does not exist yet is taken for a file where it ends in
 * `.json`, `.yaml` or `.yml`, and for a folder otherwise; announcing creates the folder.
 *
 * @throws ConfigError for an option that is out of its range.
 * @example
 * const mesh = createMesh({ discovery: fileDiscovery('/tmp/registry') });
 * const lease = await mesh.announce({ service: 'users', url: 'http://127.0.0.1:8080' });
 */
export function fileDiscovery(options: string | FileDiscoveryOptions): Discovery {
  const given: FileDiscoveryOptions = typeof options === 'string' ? { path: options } : options;
  knownKeys(PATH, given, ['path', 'leaseMs', 'pollMs', 'keepAlive']);
  if (typeof given.path !== 'string' || given.path === '')
    throw new ConfigError(`${PATH}.path`, 'the path of a file or a folder', given.path);
  const keepAlive = trueOrFalse(`${PATH}.keepAlive`, given.keepAlive ?? false);
  const leaseMs = durationMs(`${PATH}.leaseMs`, given.leaseMs ?? 10_000);
  const pollMs = durationMs(`${PATH}.pollMs`, given.pollMs ?? 2_000);
  // The working directory may change later.
  const path = resolve(given.path);
  if (isFolder(path)) return new InstanceFolder(path, pollMs, { leaseMs, keepAlive });
  return new ServiceFile(path, parserFor(path), pollMs);
}

function isFolder(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? !/\.(json|ya?ml)$/i.test(path) : stats.isDirectory();
}

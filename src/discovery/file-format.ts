import { createRequire } from 'node:module';
import type { InstanceInput } from '../core/discovery.js';
import { ConfigError, show } from '../core/errors.js';

/** What a file of services says, by the name of the service in lower case. */
export type ServiceLists = ReadonlyMap<string, readonly InstanceInput[]>;

/** Reads the text of a file of services. @throws Error that says what is wrong with it. */
export type FileParser = (text: string) => ServiceLists;

/**
 * The parser for a file, by its name: YAML for `.yaml` and `.yml`, else JSON.
 *
 * The YAML package is an optional peer. It is loaded when a YAML file is first named, and by `require`, so that
 * bundlers do not pull it in for everybody.
 *
 * @throws ConfigError that says what to install.
 */
export function parserFor(path: string, loadYaml: () => YamlPackage = requireYaml): FileParser {
  if (!/\.ya?ml$/i.test(path)) return (text) => serviceLists(JSON.parse(text));
  let yaml: YamlPackage;
  try {
    yaml = loadYaml();
  } catch {
    throw new ConfigError('fileDiscovery.path', "a JSON file, or a YAML file where the package 'yaml' is there (npm install yaml)", path);
  }
  return (text) => serviceLists(yaml.parse(text));
}

/** What is used of the package `yaml`. */
export interface YamlPackage {
  parse(text: string): unknown;
}

function requireYaml(): YamlPackage {
  return createRequire(import.meta.url)('yaml');
}

function serviceLists(content: unknown): ServiceLists {
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new Error(`the file must have an object with a list of instances for each service's name, got ${show(content)}`);
  }
  const lists = new Map<string, readonly InstanceInput[]>();
  for (const [service, instances] of Object.entries(content)) {
    if (!Array.isArray(instances)) throw new Error(`'${service}' must be a list of instances, got ${show(instances)}`);
    lists.set(service.toLowerCase(), instances);
  }
  return lists;
}
